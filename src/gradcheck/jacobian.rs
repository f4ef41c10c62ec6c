//! Jacobians as numbers: a matrix, one entry as both methods give it, and how far apart numbers are.

use serde::Serialize;

/// A matrix of `f64` in row-major order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Matrix {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub columns: usize,
    /// The `rows * columns` elements; non-finite ones are null in JSON.
    pub data: Vec<f64>,
}

impl Matrix {
    pub(super) fn zeros(rows: usize, columns: usize) -> Self {
        Self { rows, columns, data: vec![0.0; rows * columns] }
    }

    /// Element (`row`, `column`), or `None` if it is out of range.
    pub fn get(&self, row: usize, column: usize) -> Option<f64> {
        (column < self.columns).then(|| self.data.get(row * self.columns + column).copied()).flatten()
    }

    /// The largest absolute value: NaN if any element is NaN, 0 if there are no elements.
    pub fn max_abs(&self) -> f64 {
        max_abs(self.data.iter().copied())
    }

    /// The row and column of `data[index]`.
    pub(super) fn position(&self, index: usize) -> (usize, usize) {
        (index / self.columns, index % self.columns)
    }

    /// The sum of all rows, each times its weight.
    pub(super) fn weighted_row_sum(&self, weights: &[f64]) -> Vec<f64> {
        let mut sum = vec![0.0; self.columns];
        for (row, weight) in self.data.chunks(self.columns.max(1)).zip(weights) {
            sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
        }
        sum
    }

    /// `f` of every element.
    pub(super) fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Self { data: self.data.iter().map(|&value| f(value)).collect(), ..*self }
    }
}

/// One entry of a Jacobian, as both methods give it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// Number of the output.
    pub output: usize,
    /// Number of the input.
    pub input: usize,
    /// Index into the output; empty for a scalar and in fast mode.
    pub output_index: Vec<usize>,
    /// Index into the input; empty for a scalar and in fast mode.
    pub input_index: Vec<usize>,
    /// The derivative by central differences.
    pub numerical: f64,
    /// The derivative by `backward`.
    pub analytical: f64,
    /// |numerical - analytical|.
    pub absolute: f64,
    /// |numerical - analytical| / |numerical|.
    pub relative: f64,
    /// The largest `absolute` that passes.
    pub tolerance: f64,
}

impl Entry {
    /// Whether the two derivatives agree; NaN never does.
    pub fn agrees(&self) -> bool {
        within(self.absolute, self.tolerance)
    }

    /// The difference in units of the tolerance: above 1 it fails, and NaN counts as infinite.
    pub(super) fn severity(&self) -> f64 {
        severity(self.absolute, self.tolerance)
    }
}

/// Whether `difference` passes; NaN never does.
pub(super) fn within(difference: f64, tolerance: f64) -> bool {
    difference <= tolerance
}

/// `difference` in units of `tolerance`: above 1 it fails, and NaN counts as infinite.
pub(super) fn severity(difference: f64, tolerance: f64) -> f64 {
    let severity = difference / tolerance;
    if severity.is_nan() && !within(difference, tolerance) { f64::INFINITY } else { severity }
}

/// |a - b|, and 0 for equal infinities.
pub(super) fn distance(a: f64, b: f64) -> f64 {
    if a == b { 0.0 } else { (a - b).abs() }
}

/// The largest absolute value: NaN if any value is NaN, 0 if there are none.
pub(super) fn max_abs(values: impl Iterator<Item = f64>) -> f64 {
    values.map(f64::abs).fold(0.0, |most, value| if value <= most || most.is_nan() { most } else { value })
}

/// The largest absolute difference between two runs; here NaN equals NaN.
pub(super) fn max_difference(a: &[f64], b: &[f64]) -> f64 {
    max_abs(a.iter().zip(b).map(|(a, b)| if a == b || (a.is_nan() && b.is_nan()) { 0.0 } else { a - b }))
}

/// The index of element number `flat` of a row-major tensor of `shape`.
pub(super) fn unravel(mut flat: usize, shape: &[usize]) -> Vec<usize> {
    let mut index: Vec<usize> = shape
        .iter()
        .rev()
        .map(|&length| {
            let i = flat % length.max(1);
            flat /= length.max(1);
            i
        })
        .collect();
    index.reverse();
    index
}

#[cfg(test)]
mod tests {
    use super::unravel;

    #[test]
    fn indices_are_row_major() {
        assert_eq!(unravel(7, &[2, 3, 4]), [0, 1, 3]);
        assert_eq!(unravel(23, &[2, 3, 4]), [1, 2, 3]);
        assert_eq!(unravel(0, &[]), [0; 0]);
    }
}
