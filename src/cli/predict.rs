//! `taper predict`.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueEnum};
use taper::Error;
use taper::data::Unknown;
use taper::model::{FilePredictions, MissingRows, Outputs, PredictOptions};
use taper::storage::AtomicFile;
use tracing::{info, warn};

use crate::cli::LogArgs;
use crate::cli::inspect::load;

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
    model: PathBuf,
    /// Rows to predict: .csv, .tsv or .txt with a header, .npy, or .safetensors with a tensor X
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    data: PathBuf,
    /// What becomes of missing values [default: mean if the model was trained so, else error]
    #[arg(long, value_name = "WAY", value_enum, help_heading = "Input")]
    missing: Option<MissingArg>,
    /// What becomes of a text that its column did not have in training
    #[arg(long, value_name = "WAY", value_enum, default_value_t = UnknownArg::Error, help_heading = "Input")]
    unknown: UnknownArg,

    /// File to write instead of standard output; it appears when it is complete
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    out: Option<PathBuf>,
    /// Replace the file of --out if there is one
    #[arg(long, requires = "out", help_heading = "Output")]
    force: bool,
    /// Which outputs: mean, which is the prediction, all, which adds the outputs at every depth, or the one at a depth
    #[arg(long, value_name = "mean|all|N", default_value = "mean", value_parser = outputs, help_heading = "Output")]
    depth: Outputs,
    /// Columns of a text file to copy beside the predictions, such as an id
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',', help_heading = "Output")]
    keep: Vec<String>,
    #[command(flatten)]
    log: LogArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum MissingArg {
    /// They are refused
    Error,
    /// The mean of the training fills them in
    Mean,
    /// Nothing is predicted for rows with one
    Empty,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum UnknownArg {
    /// It is refused
    Error,
    /// It is none of the texts of training
    Zeros,
    /// It is a missing value
    Missing,
}

/// The outputs that --depth says.
fn outputs(text: &str) -> Result<Outputs, String> {
    match text {
        "mean" => Ok(Outputs::Mean),
        "all" => Ok(Outputs::All),
        depth => depth.parse().map(Outputs::Depth).map_err(|_| "expected mean, all or a number".to_owned()),
    }
}

impl PredictArgs {
    /// Predicts.
    ///
    /// # Errors
    ///
    /// Fails when the model or the data cannot be used or the predictions cannot be written.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        self.log.start()?;
        let out = self.out.as_deref().map(|out| self.check_out(out)).transpose()?;
        let model = load(&self.model, "--model")?;
        let options = self.options();
        let mut predictions = model.predict_file(&self.data, &options)?;
        note_columns(&predictions);
        match out {
            None => write_all(&mut predictions, &mut io::stdout().lock(), "standard output")?,
            Some(path) => {
                let mut file = AtomicFile::create(&path)?;
                write_all(&mut predictions, &mut file, &path.display().to_string())?;
                file.commit()?;
            }
        }
        note_counts(&predictions);
        Ok(())
    }

    fn options(&self) -> PredictOptions {
        PredictOptions {
            outputs: self.depth,
            missing: match self.missing {
                None => MissingRows::Trained,
                Some(MissingArg::Error) => MissingRows::Error,
                Some(MissingArg::Mean) => MissingRows::Mean,
                Some(MissingArg::Empty) => MissingRows::Empty,
            },
            unknown: match self.unknown {
                UnknownArg::Error => Unknown::Error,
                UnknownArg::Zeros => Unknown::Zeros,
                UnknownArg::Missing => Unknown::Missing,
            },
            keep: self.keep.clone(),
        }
    }

    /// The file to write, behind links, if it may be written.
    fn check_out(&self, out: &Path) -> Result<PathBuf, Error> {
        let refused = |problem: &str| {
            Err(Error::Config { key: "out", problem: format!("is {}, {problem}", out.display()) })
        };
        let Ok(metadata) = fs::metadata(out) else { return Ok(out.to_owned()) };
        if !metadata.is_file() {
            return refused("which is not a file; without it predictions go to standard output");
        }
        let path = fs::canonicalize(out).unwrap_or_else(|_| out.to_owned());
        if [&self.data, &self.model]
            .into_iter()
            .any(|input| fs::canonicalize(input).is_ok_and(|input| input == path))
        {
            return refused("which is read; expected another file");
        }
        if !self.force {
            return refused("which there is already; `--force` replaces it");
        }
        Ok(path)
    }
}

/// Writes all predictions to `out`, which is called `name`. That a reader such as `head` has gone away ends it.
fn write_all(predictions: &mut FilePredictions, out: &mut impl Write, name: &str) -> anyhow::Result<()> {
    let cannot = || format!("cannot write to {name}");
    while let Some(block) = predictions.next_block()? {
        match out.write_all(&block) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            written => written.with_context(cannot)?,
        }
    }
    out.flush().with_context(cannot)
}

/// Says what of the file is not used.
fn note_columns(predictions: &FilePredictions) {
    let unused = predictions.unused();
    if !unused.is_empty() {
        info!(columns = unused.join(","), "not used: the model was trained without");
    }
    if predictions.goes_by_order() {
        warn!(
            "the columns have no names; they are taken for the model's, in the order that `taper inspect` shows"
        );
    }
}

/// Says what was met.
fn note_counts(predictions: &FilePredictions) {
    let counts = predictions.counts();
    if counts.unknown > 0 {
        warn!(texts = counts.unknown, "were not in the training");
    }
    if counts.empty > 0 {
        warn!(rows = counts.empty, "have a missing value and no prediction");
    }
    if counts.not_finite > 0 {
        warn!(
            numbers = counts.not_finite,
            "are not finite: their rows are too far from those of the training"
        );
    }
    info!(rows = counts.rows, "predicted");
}
