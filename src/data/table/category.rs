//! The values of text columns.

use std::collections::HashMap;

/// The different values of a text column, numbered in order of appearance.
#[derive(Debug, Default)]
pub(super) struct Categories {
    codes: HashMap<String, usize>,
}

impl Categories {
    /// The number of values so far.
    pub(super) fn len(&self) -> usize {
        self.codes.len()
    }

    /// The code of `value`, or `None` when it is one more than `most`.
    pub(super) fn code(&mut self, value: &str, most: usize) -> Option<usize> {
        if let Some(&code) = self.codes.get(value) {
            return Some(code);
        }
        let code = self.codes.len();
        (code < most).then(|| *self.codes.entry(value.to_owned()).or_insert(code))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::table::columns::MAX_CATEGORIES;

    #[test]
    fn categories_are_sorted_and_there_are_64() {
        let mut categories = Categories::default();
        let codes: Vec<_> =
            ["b", "a", "b", "c"].iter().map(|value| categories.code(value, MAX_CATEGORIES)).collect();
        assert_eq!(codes, [Some(0), Some(1), Some(0), Some(2)]);
        for i in 3..MAX_CATEGORIES {
            assert_eq!(categories.code(&i.to_string(), MAX_CATEGORIES), Some(i));
        }
        assert_eq!(
            (categories.code("one more", MAX_CATEGORIES), categories.code("a", MAX_CATEGORIES)),
            (None, Some(1))
        );
        let (values, places) = categories.sorted();
        assert_eq!(
            (&values[61..], &places[..3]),
            (&["a", "b", "c"].map(str::to_owned)[..], &[62, 61, 63][..])
        );
    }
}
