//! The columns of a table.

use serde::{Deserialize, Serialize};

/// The largest number of different values of a text column.
pub const MAX_CATEGORIES: usize = 64;

/// A column of features.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The sorted values of a text column, one-hot encoded: each is a feature that is 1 where the column has
    /// that value and 0 elsewhere. Empty for a column of numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
}

impl Column {
    /// `count` columns of numbers without names of their own: `x0`, `x1`, ....
    pub fn unnamed(count: usize) -> Vec<Self> {
        (0..count).map(|i| Self { name: format!("x{i}"), categories: Vec::new() }).collect()
    }

    /// The number of its features: one, or one for each category.
    pub fn width(&self) -> usize {
        self.categories.len().max(1)
    }
}
