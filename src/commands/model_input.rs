//! The model and the rows of commands that use a trained model.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use taper::config::MissingTarget;
use taper::data::Unknown;
use taper::model::{EvaluateOptions, MissingRows};

use crate::cli::{DialectArgs, value_enum};

/// A model, and the file of rows that it is used on.
#[derive(Debug, Args)]
pub(super) struct ModelInput {
    /// Model that `taper train` has written
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Input")]
    pub(super) model: PathBuf,
    /// File of rows: text such as .csv with a header, packed or not, or to predict also .npy, .npz or
    /// .safetensors; - is standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Input")]
    pub(super) data: PathBuf,
    /// How to handle missing features
    #[arg(long, value_name = "WAY", value_enum, default_value_t, help_heading = "Input")]
    pub(super) missing: MissingArg,
    /// How to handle a text that its column did not have in training
    #[arg(long, value_name = "WAY", value_enum, default_value_t, help_heading = "Input")]
    pub(super) unknown: UnknownArg,
    #[command(flatten)]
    pub(super) dialect: DialectArgs,
}

impl ModelInput {
    /// The files that are read.
    pub(super) fn files(&self) -> [&Path; 2] {
        [&self.data, &self.model]
    }

    /// How rows with a target are read.
    pub(super) fn evaluate_options(&self, missing_target: MissingTarget) -> EvaluateOptions {
        EvaluateOptions {
            missing: self.missing.into(),
            missing_target,
            unknown: self.unknown.into(),
            dialect: self.dialect.dialect(),
            interval: None,
        }
    }
}

/// The intervals of predictions.
#[derive(Debug, Args)]
pub(super) struct IntervalArgs {
    /// Share of the truths that an interval of each prediction should cover, above 0 and below 1, of a model that
    /// was trained with --interval
    #[arg(long, value_name = "X", help_heading = "Output", allow_hyphen_values = true)]
    pub(super) interval: Option<f64>,
}

value_enum!(MissingArg for MissingRows {
    /// As in training: mean if the model was trained so, else error
    Trained,
    /// They are refused
    Error,
    /// The mean of the training fills them in
    Mean,
    /// Nothing is predicted for rows with one, and they are left out of errors
    Empty
});

value_enum!(UnknownArg for Unknown {
    /// It is refused
    Error,
    /// It counts as none of the texts of training
    Zeros,
    /// It is a missing value
    Missing
});
