//! The settings of a file of data.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::dialect::Dialect;

/// A file of data and what of it to learn.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileConfig {
    /// The file, whose ending tells its format: .csv, .tsv, .txt, .npy or .safetensors.
    pub file: PathBuf,
    /// The columns to predict; for .npy the file of the targets, for .safetensors the name of their tensor.
    pub target: Vec<String>,
    /// The columns to predict from; none means all others.
    pub features: Vec<String>,
    /// The columns to leave out.
    pub drop: Vec<String>,
    /// How to handle missing values.
    pub missing: Missing,
    /// Whether each column with missing values that are filled in has a feature beside it that says where.
    pub missing_indicator: bool,
    /// The column whose equal values stay in one fold.
    pub group: Option<String>,
    /// The column whose values order the rows in time.
    pub order: Option<String>,
    /// How to handle rows without a target.
    pub missing_target: MissingTarget,
    /// The texts that stand for a missing value instead of the usual ones.
    pub na: Vec<String>,
    /// Columns of text, whatever their values look like.
    pub text: Vec<String>,
    /// Columns of numbers, all of whose values have to be numbers or missing.
    pub number: Vec<String>,
    /// How columns of text are encoded.
    pub categories: Categories,
    /// How columns of dates among the features are handled.
    pub dates: Dates,
    /// In which order dates are written.
    pub date_format: DateFormat,
    /// How a file of text is written.
    pub dialect: Dialect,
}

impl FileConfig {
    /// Takes the paths of `other` if it has as many files of the same format.
    pub(super) fn take_paths_of(&mut self, other: &Self) {
        let [mine, theirs] = [&*self, other].map(Self::ending);
        // What comes from standard input is text.
        let is_text = |ending: &String| !["npy", "npz", "safetensors", "parquet"].contains(&ending.as_str());
        let is_input = [&*self, other].iter().any(|file| file.file == Path::new("-"));
        let is_same = mine == theirs || is_input && is_text(&mine) && is_text(&theirs);
        if !is_same || self.target.len() != other.target.len() {
            return;
        }
        self.file.clone_from(&other.file);
        if self.is_npy() {
            self.target.clone_from(&other.target);
        }
    }

    /// What its name ends in, in lower case; empty where it has no ending.
    pub(super) fn ending(&self) -> String {
        self.file.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase()
    }

    /// Whether it is a .npy file, whose targets are files of their own.
    pub(super) fn is_npy(&self) -> bool {
        self.ending() == "npy"
    }
}

/// How to handle rows whose target is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MissingTarget {
    /// They are refused, unless rows with any missing value are left out.
    #[default]
    Error,
    /// They are left out.
    Drop,
}

/// What columns of text become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Categories {
    /// Up to 64 values become zeros and ones, and more of them means of the targets.
    #[default]
    Auto,
    /// Each value becomes a feature of zeros and ones; more than 64 are refused.
    OneHot,
    /// The values become means of the targets, see [`CategoryMeans`](crate::data::CategoryMeans).
    Target,
}

/// How to handle features that hold only dates, with or without a time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dates {
    /// Each is several features, see [`DatePart`](crate::data::DatePart). What is the same in all rows, such
    /// as the hour of dates without a time, is left out.
    Expand,
    /// They are text, as they were before there was this choice; the default of [`FileConfig`], while a
    /// [`Recipe`](super::Recipe) for files expands them.
    #[default]
    Text,
    /// They are left out.
    Drop,
}

/// In which order dates are written: the year first, as 2024-01-31, or the day or the month, as 31.01.2024
/// and 01/31/2024.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DateFormat {
    /// In the one order in which all values of a column are dates. Where the day and the month may be either,
    /// the column is text.
    Auto,
    /// The year first; others are text, as they were before there was this choice. The default of
    /// [`FileConfig`], while a [`Recipe`](super::Recipe) for files finds the order out.
    #[default]
    YearFirst,
    /// As `Auto`, but the day is first where it may be either.
    DayFirst,
    /// As `Auto`, but the month is first where it may be either.
    MonthFirst,
}

/// How to handle missing values: empty fields, and texts such as NA, null and ?.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// They are refused.
    #[default]
    Error,
    /// Rows with one are left out.
    Drop,
    /// A missing feature becomes the mean of its column over the training rows of each fold; a missing target
    /// is refused.
    Mean,
    /// A missing number becomes the median instead; of texts and dates, which are several features, each one
    /// its mean.
    Median,
}

impl Missing {
    /// What missing features become, if they are filled in.
    pub fn fill(self) -> Option<Fill> {
        match self {
            Self::Error | Self::Drop => None,
            Self::Mean => Some(Fill::Mean),
            Self::Median => Some(Fill::Median),
        }
    }
}

/// What a missing number becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fill {
    /// The mean of its column over the rows to train on.
    #[default]
    Mean,
    /// The median of these.
    Median,
}
