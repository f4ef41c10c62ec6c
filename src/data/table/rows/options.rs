//! How irregular rows are handled.

use serde::{Deserialize, Serialize};

use crate::config::Dialect;

/// How a [`RowReader`](super::RowReader) handles irregular rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RowOptions {
    /// Whether a missing value becomes NaN; otherwise it is an error.
    pub allow_missing: bool,
    /// How a text that is not among the categories of its column is handled.
    pub unknown: Unknown,
    /// The texts that stand for a missing value instead of the usual ones, as
    /// [`FileConfig::na`](crate::config::FileConfig::na).
    pub na: Vec<String>,
    /// How a file of text is written.
    pub dialect: Dialect,
    /// Columns of a text file to pass on unchanged.
    pub keep: Vec<String>,
    /// Columns of a text file to read as targets.
    pub targets: Vec<String>,
    /// Whether a missing target becomes NaN; otherwise it is an error.
    pub allow_missing_target: bool,
}

/// How a text that is not among the categories of its column is handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unknown {
    /// It is an error.
    #[default]
    Error,
    /// All features of the column are 0, as by scikit-learn's `OneHotEncoder(handle_unknown="ignore")`.
    Zeros,
    /// It is a missing value.
    Missing,
}
