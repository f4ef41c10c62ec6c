//! The features that columns become when all their values are known.

use std::path::Path;

use super::cell::Real;
use super::dates::DatePart;
use crate::error::{Error, Result};
use crate::memory;

/// What a column becomes, which holds a single value in each row until then.
pub(super) struct Expansion {
    pub(super) values: Values,
    /// Whether a last feature is NaN where the value is and 0 elsewhere.
    pub(super) marks_missing: bool,
}

/// What the value of a column becomes.
pub(super) enum Values {
    /// That value.
    Number,
    /// Zeros and a one: the value is a code, and these are the places of the codes. A code of NaN makes all
    /// of them NaN, which the mean over the training rows fills with the shares of the values.
    OneHot(Vec<usize>),
    /// For each of so many targets the place of the value, which is a code.
    Codes { places: Vec<usize>, targets: usize },
    /// The parts of dates at these `times`, in seconds since 1970; the days are relative to `origin`.
    Dates { times: Vec<f64>, parts: Vec<DatePart>, origin: f64 },
}

impl Expansion {
    fn width(&self) -> usize {
        self.values.width() + usize::from(self.marks_missing)
    }

    /// Makes the `features` of a `row` whose value is `value`.
    fn fill<T: Real>(&self, row: usize, value: T, features: &mut [T]) {
        let (values, mark) = features.split_at_mut(self.values.width());
        self.values.fill(row, value, values);
        let first = values.first().copied().unwrap_or(value);
        mark.fill(if first.to_f64().is_nan() { first } else { T::zero() });
    }

    /// Whether the column stays as it is.
    fn is_nothing(&self) -> bool {
        !self.marks_missing && matches!(self.values, Values::Number)
    }
}

impl Values {
    fn width(&self) -> usize {
        match self {
            Self::Number => 1,
            Self::OneHot(places) => places.len(),
            Self::Codes { targets, .. } => *targets,
            Self::Dates { parts, .. } => parts.len(),
        }
    }

    /// Makes the `features` of a `row` whose value is `value`.
    fn fill<T: Real>(&self, row: usize, value: T, features: &mut [T]) {
        match self {
            Self::Number => features.fill(value),
            Self::OneHot(_) | Self::Codes { .. } if value.to_f64().is_nan() => features.fill(value),
            Self::OneHot(places) => {
                let code = value.to_f64();
                for (i, &place) in places.iter().enumerate() {
                    features[place] = if i as f64 == code { T::one() } else { T::zero() };
                }
            }
            Self::Codes { places, .. } => {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a code")]
                let code = value.to_f64() as usize;
                features.fill(T::from_f64(places[code] as f64));
            }
            Self::Dates { times, parts, origin } => {
                for (feature, part) in features.iter_mut().zip(parts) {
                    let origin = if *part == DatePart::Days { *origin } else { 0. };
                    *feature = T::from_f64(part.of(times[row]) - origin);
                }
            }
        }
    }
}

/// Expands the values in the rows `x` of `file`.
///
/// The rows grow in place: a copy would double the peak memory.
pub(super) fn expand<T: Real>(file: &Path, mut x: Vec<T>, columns: &[Expansion]) -> Result<Vec<T>> {
    if columns.iter().all(Expansion::is_nothing) || x.is_empty() {
        return Ok(x);
    }
    let rows = x.len() / columns.len();
    let width: usize = columns.iter().map(Expansion::width).sum();
    let more = rows.saturating_mul(width).saturating_sub(x.len());
    memory::extend(&mut x, more).map_err(|problem| {
        Error::data(file.display(), format!("with the features of its columns {problem}"))
    })?;
    x.resize(rows * width, T::zero());
    // From the end: a column is at least as wide as its value, so nothing is overwritten before it is read.
    let mut end = x.len();
    for row in (0..rows).rev() {
        for (column, expansion) in columns.iter().enumerate().rev() {
            let value = x[row * columns.len() + column];
            let start = end - expansion.width();
            expansion.fill(row, value, &mut x[start..end]);
            end = start;
        }
    }
    Ok(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unmarked(values: Values) -> Expansion {
        Expansion { values, marks_missing: false }
    }

    #[test]
    fn codes_become_zeros_and_a_one() {
        let columns = [Values::Number, Values::OneHot(vec![1, 0]), Values::OneHot(vec![0])].map(unmarked);
        let expand = |x, columns: &[Expansion]| expand(Path::new("a.csv"), x, columns).unwrap();
        let x = expand(vec![5f32, 0., 0., 6., 1., 0.], &columns);
        assert_eq!(x, [5., 0., 1., 1., 6., 1., 0., 1.]);
        let x = expand(vec![5f32, f32::NAN, 0.], &columns);
        assert!(x[0] == 5. && x[1].is_nan() && x[2].is_nan() && x[3] == 1.);
        assert_eq!(expand(vec![1f32, 2.], &[unmarked(Values::Number)]), [1., 2.]);
        assert!(expand(Vec::new(), &columns).is_empty());
    }

    #[test]
    fn dates_become_their_parts() {
        let parts = vec![DatePart::Days, DatePart::Year];
        let dates = Values::Dates { times: vec![86_400., f64::NAN, 129_600.], parts, origin: 1. };
        let x =
            expand(Path::new("a.csv"), vec![0f32; 6], &[unmarked(dates), unmarked(Values::Number)]).unwrap();
        assert_eq!((&x[..3], &x[6..]), (&[0., 1970., 0.][..], &[0.5, 1970., 0.][..]));
        assert!(x[3].is_nan() && x[4].is_nan() && x[5] == 0.);
    }

    #[test]
    fn missing_values_are_marked() {
        let marked = |values| Expansion { values, marks_missing: true };
        let columns = [marked(Values::Number), marked(Values::OneHot(vec![1, 0]))];
        let x = expand(Path::new("a.csv"), vec![5f32, 0., f32::NAN, f32::NAN], &columns).unwrap();
        assert_eq!(x[..5], [5., 0., 0., 1., 0.]);
        assert!(x[5..].iter().all(|value| value.is_nan()), "{x:?}");
    }
}
