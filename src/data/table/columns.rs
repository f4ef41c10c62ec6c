//! The columns of a table.

use serde::{Deserialize, Serialize};

use super::dates::DatePart;
use crate::data::feature::FeatureKind;

/// The largest number of different values of a text column.
pub const MAX_CATEGORIES: usize = 64;

/// A column of features.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The sorted values of a text column, one-hot encoded: each is a feature that is 1 where the column has
    /// that value and 0 elsewhere. Empty for any other column.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// The features that a column of dates has instead of its value. Empty for any other column.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dates: Vec<DatePart>,
    /// Whether the last of its features says where its value is missing.
    #[serde(default, skip_serializing_if = "is_false")]
    pub marks_missing: bool,
}

impl Column {
    /// `count` columns of numbers without names of their own: `x0`, `x1`, ....
    pub fn unnamed(count: usize) -> Vec<Self> {
        (0..count).map(|i| Self { name: format!("x{i}"), ..Self::default() }).collect()
    }

    /// Whether it is a column of numbers.
    pub fn is_number(&self) -> bool {
        self.categories.is_empty() && self.dates.is_empty()
    }

    /// The number of its features: one, or one for each category or part of a date, and one that says where its
    /// value is missing.
    pub fn width(&self) -> usize {
        self.categories.len().max(self.dates.len()).max(1) + usize::from(self.marks_missing)
    }

    /// What its features are.
    pub(super) fn kinds(&self) -> Vec<FeatureKind> {
        let kind = match () {
            () if self.is_number() => FeatureKind::Number,
            () if self.marks_missing && self.dates.is_empty() => FeatureKind::MarkedPart,
            () => FeatureKind::Part,
        };
        let mut kinds = vec![kind; self.width()];
        if let Some(last) = kinds.last_mut().filter(|_| self.marks_missing) {
            *last = FeatureKind::Missing;
        }
        kinds
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_false(flag: &bool) -> bool {
    !flag
}
