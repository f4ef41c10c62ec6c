//! What the numbers of a column are stored relative to.

use super::cell::Real;

/// What the numbers of a column are stored relative to.
///
/// A single-precision number has seven digits, which a column of dates or of amounts near a large sum spends
/// on what all its rows have in common. Of the difference to one of them they are left for what tells rows
/// apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Nothing: they are stored as they are.
    Zero,
    /// The first number of the column.
    First,
}

/// The origin of each of some columns.
pub(super) struct Origins(Vec<Option<f64>>);

impl Origins {
    /// Of `columns` columns without numbers yet.
    pub(super) fn new(origin: Origin, columns: usize) -> Self {
        let known = match origin {
            Origin::Zero => Some(0.),
            Origin::First => None,
        };
        Self(vec![known; columns])
    }

    /// `number` of `column` relative to its origin; NaN stays NaN.
    pub(super) fn relative<T: Real>(&mut self, column: usize, number: f64) -> T {
        if number.is_nan() {
            return T::from_f64(number);
        }
        T::from_f64(number - *self.0[column].get_or_insert(number))
    }

    /// The origin of `column`, 0 where it has no numbers.
    pub(super) fn of(&self, column: usize) -> f64 {
        self.0[column].unwrap_or_default()
    }
}
