//! How irregular rows are handled.

use serde::{Deserialize, Serialize};

/// What a [`RowReader`](super::RowReader) does with what it may meet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RowOptions {
    /// Whether a missing value becomes NaN; else it is an error.
    pub allow_missing: bool,
    /// What becomes of a text that is none of its column's categories.
    pub unknown: Unknown,
    /// Columns of a text file to hand over as they are.
    pub keep: Vec<String>,
}

/// What becomes of a text that is none of its column's categories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unknown {
    /// It is refused.
    #[default]
    Error,
    /// All features of the column are 0, as by scikit-learn's `OneHotEncoder(handle_unknown="ignore")`.
    Zeros,
    /// It is a missing value.
    Missing,
}
