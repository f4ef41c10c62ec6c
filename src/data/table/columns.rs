//! The columns of a table.

use serde::{Deserialize, Serialize};

use super::date_order::DateOrder;
use super::dates::DatePart;
use crate::data::feature::FeatureKind;

/// The largest number of different values of a text column that are features of zeros and ones.
pub const MAX_CATEGORIES: usize = 64;
/// The largest number of different values of a text column that becomes means of the targets.
pub const MAX_CODES: usize = 1 << 20;

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
    /// The number of targets by whose means a text column is encoded: each is a feature, in place of the
    /// zeros and ones. 0 where it is not.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub target_means: usize,
    /// The features that a column of dates has instead of its value. Empty for any other column.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dates: Vec<DatePart>,
    /// In which order its dates are written.
    #[serde(default, skip_serializing_if = "is_year_first")]
    pub date_order: DateOrder,
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

    /// The number of its features: one, or one for each category, part of a date or target, and one that says
    /// where its value is missing.
    pub fn width(&self) -> usize {
        let of_values = match self.target_means {
            0 => self.categories.len().max(self.dates.len()).max(1),
            targets => targets,
        };
        of_values + usize::from(self.marks_missing)
    }

    /// What its features are.
    pub(super) fn kinds(&self) -> Vec<FeatureKind> {
        let kind = match () {
            () if self.is_number() => FeatureKind::Number,
            () if self.marks_missing && self.dates.is_empty() => FeatureKind::MarkedPart,
            () => FeatureKind::Part,
        };
        let mut kinds = vec![kind; self.width()];
        for (target, kind) in kinds.iter_mut().take(self.target_means).enumerate() {
            *kind = FeatureKind::Code { values: self.categories.len(), target };
        }
        if let Some(last) = kinds.last_mut().filter(|_| self.marks_missing) {
            *last = FeatureKind::Missing;
        }
        kinds
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_year_first(order: &DateOrder) -> bool {
    *order == DateOrder::YearFirst
}
