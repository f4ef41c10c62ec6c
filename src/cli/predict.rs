//! The flags of `taper predict`.

use std::path::PathBuf;

use clap::Args;
use taper::data::Unknown;
use taper::model::{MissingRows, Outputs, PredictOptions};

use crate::cli::{LogArgs, value_enum};

/// What `taper predict` can be told.
#[derive(Debug, Args)]
#[command(
    long_about = "Predict the rows of a file with a trained model\n\nThe file may have any number of rows: they are \
                  predicted in blocks. The columns that the model was trained on are found by their names, in any order; \
                  others are not used, and the targets need not be there. Arrays (.npy, the tensor X of .safetensors) \
                  have no names, so their columns must be the model's in order.\n\nWhat is printed is CSV with a row for \
                  each row of the file: `prediction`, or `prediction:NAME` where there are several targets, in the \
                  targets' own units.",
    after_help = "Examples:\n  taper predict --model model.safetensors --data new.csv > predictions.csv\n  \
                  taper predict --model model.safetensors --data new.csv --keep id --depth all --out predictions.csv"
)]
pub(crate) struct PredictArgs {
    /// Model that `taper train` has written
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    pub(crate) model: PathBuf,
    /// Rows to predict: .csv, .tsv or .txt with a header, .npy, or .safetensors with a tensor X
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    pub(crate) data: PathBuf,
    /// What becomes of missing values
    #[arg(long, value_name = "WAY", value_enum, default_value_t, help_heading = "Input")]
    missing: MissingArg,
    /// What becomes of a text that its column did not have in training
    #[arg(long, value_name = "WAY", value_enum, default_value_t, help_heading = "Input")]
    unknown: UnknownArg,

    /// File to write instead of standard output; it appears when it is complete
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) out: Option<PathBuf>,
    /// Replace the file of --out if there is one
    #[arg(long, requires = "out", help_heading = "Output")]
    pub(crate) force: bool,
    /// Which outputs: mean, which is the prediction, all, which adds the outputs at every depth, or the one at a depth
    #[arg(long, value_name = "mean|all|N", default_value = "mean", value_parser = outputs,
          allow_hyphen_values = true, help_heading = "Output")]
    depth: Outputs,
    /// Columns of a text file to copy beside the predictions, such as an id
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',', help_heading = "Output")]
    keep: Vec<String>,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

value_enum!(MissingArg for MissingRows {
    /// As in training: mean if the model was trained so, else error
    Trained,
    /// They are refused
    Error,
    /// The mean of the training fills them in
    Mean,
    /// Nothing is predicted for rows with one
    Empty
});

value_enum!(UnknownArg for Unknown {
    /// It is refused
    Error,
    /// It is none of the texts of training
    Zeros,
    /// It is a missing value
    Missing
});

/// The outputs that --depth says.
fn outputs(text: &str) -> Result<Outputs, String> {
    match text {
        "mean" => Ok(Outputs::Mean),
        "all" => Ok(Outputs::All),
        depth => depth.parse().map(Outputs::Depth).map_err(|_| "expected mean, all or a number".to_owned()),
    }
}

impl PredictArgs {
    /// What the library is told.
    pub(crate) fn options(&self) -> PredictOptions {
        PredictOptions {
            outputs: self.depth,
            missing: self.missing.into(),
            unknown: self.unknown.into(),
            keep: self.keep.clone(),
        }
    }
}
