//! One-hot encoding of text columns.

use std::collections::HashMap;
use std::path::Path;

use super::cell::Real;
use super::columns::MAX_CATEGORIES;
use crate::error::{Error, Result};
use crate::memory;

/// The different values of a text column, numbered in order of appearance.
#[derive(Debug, Default)]
pub(super) struct Categories {
    codes: HashMap<String, usize>,
}

impl Categories {
    /// The code of `value`, or `None` when it is one too many.
    pub(super) fn code(&mut self, value: &str) -> Option<usize> {
        if let Some(&code) = self.codes.get(value) {
            return Some(code);
        }
        let code = self.codes.len();
        (code < MAX_CATEGORIES).then(|| *self.codes.entry(value.to_owned()).or_insert(code))
    }

    /// The sorted values, and the index of each code among them.
    pub(super) fn sorted(self) -> (Vec<String>, Vec<usize>) {
        let mut values: Vec<_> = self.codes.into_iter().collect();
        values.sort_unstable();
        let mut places = vec![0; values.len()];
        for (place, (_, code)) in values.iter().enumerate() {
            places[*code] = place;
        }
        (values.into_iter().map(|(value, _)| value).collect(), places)
    }
}

/// One-hot encodes the codes in the rows `x` of `file`. `columns` has, for a text column, the index of each
/// code among its features. A code of NaN makes all of them NaN, which the mean over the training rows fills
/// with the shares of the values.
///
/// The rows grow in place: a copy would double the peak memory.
pub(super) fn one_hot<T: Real>(file: &Path, mut x: Vec<T>, columns: &[Option<Vec<usize>>]) -> Result<Vec<T>> {
    if columns.iter().all(Option::is_none) || x.is_empty() {
        return Ok(x);
    }
    let rows = x.len() / columns.len();
    let width: usize = columns.iter().map(|places| places.as_ref().map_or(1, Vec::len)).sum();
    let more = rows.saturating_mul(width).saturating_sub(x.len());
    memory::extend(&mut x, more).map_err(|problem| {
        Error::data(file.display(), format!("with its texts as zeros and ones {problem}"))
    })?;
    x.resize(rows * width, T::zero());
    // From the end: a column is at least as wide as its code, so nothing is overwritten before it is read.
    let mut end = x.len();
    for row in (0..rows).rev() {
        for (column, places) in columns.iter().enumerate().rev() {
            let value = x[row * columns.len() + column];
            let start = end - places.as_ref().map_or(1, Vec::len);
            let features = &mut x[start..end];
            end = start;
            let Some(places) = places else {
                features[0] = value;
                continue;
            };
            let code = value.to_f64();
            if code.is_nan() {
                features.fill(value);
            } else {
                for (i, &place) in places.iter().enumerate() {
                    features[place] = if i as f64 == code { T::one() } else { T::zero() };
                }
            }
        }
    }
    Ok(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_are_sorted_and_there_are_64() {
        let mut categories = Categories::default();
        let codes: Vec<_> = ["b", "a", "b", "c"].iter().map(|value| categories.code(value)).collect();
        assert_eq!(codes, [Some(0), Some(1), Some(0), Some(2)]);
        for i in 3..MAX_CATEGORIES {
            assert_eq!(categories.code(&i.to_string()), Some(i));
        }
        assert_eq!((categories.code("one more"), categories.code("a")), (None, Some(1)));
        let (values, places) = categories.sorted();
        assert_eq!(
            (&values[61..], &places[..3]),
            (&["a", "b", "c"].map(str::to_owned)[..], &[62, 61, 63][..])
        );
    }

    #[test]
    fn codes_become_zeros_and_a_one() {
        let columns = [None, Some(vec![1, 0]), Some(vec![0])];
        let one_hot = |x, columns: &[Option<Vec<usize>>]| one_hot(Path::new("a.csv"), x, columns).unwrap();
        let x = one_hot(vec![5f32, 0., 0., 6., 1., 0.], &columns);
        assert_eq!(x, [5., 0., 1., 1., 6., 1., 0., 1.]);
        let x = one_hot(vec![5f32, f32::NAN, 0.], &columns);
        assert!(x[0] == 5. && x[1].is_nan() && x[2].is_nan() && x[3] == 1.);
        assert_eq!(one_hot(vec![1f32, 2.], &[None]), [1., 2.]);
        assert!(one_hot(Vec::new(), &columns).is_empty());
    }
}
