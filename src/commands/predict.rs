//! `taper predict`.

use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use taper::Error;
use taper::model::{FilePredictions, Outputs, PredictOptions};
use tracing::{info, warn};

use super::cores::share_cores;
use super::inspect::load_model;
use super::model_input::{IntervalArgs, ModelInput};
use super::output_file::{OutputFile, check_log};
use super::signals::Signals;
use crate::cli::{LogArgs, Names, all_names};

/// The flags of `taper predict`.
#[derive(Debug, Args)]
#[command(
    long_about = "Predict the rows of a file with a trained model\n\nThe file may have any number of rows: \
                  they are predicted in blocks. The columns that the model was trained on are found by their \
                  names, in any order; others are not used, and the targets need not be there. Arrays (.npy, X \
                  of .npz and .safetensors) have no names, so their columns must be the model's in order.\n\n\
                  What is printed is CSV with a row for each row of the file: `prediction`, or \
                  `prediction:NAME` where there are several targets, in the targets' own units. A model of quantiles \
                  has a column for each, such as `NAME_q0.1`, and its prediction is their median.",
    after_help = concat!(
        "Examples:\n  taper predict --model model.safetensors --data new.csv > predictions.csv\n  ",
        "taper predict --model model.safetensors --data new.csv --keep id --depth all --out predictions.csv",
        "\n\n",
        exit_codes!()
    )
)]
pub(crate) struct PredictArgs {
    #[command(flatten)]
    input: ModelInput,
    #[command(flatten)]
    intervals: IntervalArgs,

    /// File to write instead of standard output; it appears when it is complete
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) out: Option<PathBuf>,
    /// Replace the file of --out if there is one
    #[arg(long, requires = "out", help_heading = "Output")]
    pub(crate) force: bool,
    /// Which outputs: mean, which is the prediction, all, which adds the outputs at every depth, or the one
    /// at a depth
    #[arg(long, value_name = "mean|all|N", default_value = "mean", value_parser = outputs,
          allow_hyphen_values = true, help_heading = "Output")]
    depth: Outputs,
    /// Add a column `exit`, the depth at which each row exits, of a model that has learned its depths
    #[arg(long, help_heading = "Output")]
    exits: bool,
    /// Columns of a text file to copy beside the predictions, such as an id
    #[arg(long, value_name = "COLUMN,...", help_heading = "Output")]
    keep: Vec<Names>,
    #[command(flatten)]
    pub(crate) log: LogArgs,
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
    /// The options of the library.
    pub(crate) fn options(&self) -> PredictOptions {
        PredictOptions {
            outputs: self.depth,
            missing: self.input.missing.into(),
            unknown: self.input.unknown.into(),
            dialect: self.input.dialect.dialect(),
            keep: all_names(&self.keep),
            exits: self.exits,
            interval: self.intervals.interval,
        }
    }
}

pub(crate) fn predict(args: &PredictArgs) -> Result<()> {
    let out = args.out.as_deref().map(|out| check_out(args, out)).transpose()?;
    check_log(args.log.file(), args.input.files().into_iter().chain(args.out.as_deref()))?;
    share_cores(1);
    args.log.start()?;
    let model = load_model(&args.input.model, "--model")?;
    let options = args.options();
    let mut predictions = model.predict_file(&args.input.data, &options)?;
    note_columns(&predictions);
    match out {
        None => write_all(&mut predictions, &mut io::stdout().lock(), "standard output")?,
        Some(out) => {
            let mut file = out.create()?;
            Signals::watch()
                .context("cannot start a thread that watches for signals")?
                .remove(file.partial());
            write_all(&mut predictions, &mut file, &out.path().display().to_string())?;
            out.commit(file)?;
        }
    }
    note_counts(&predictions);
    Ok(())
}

/// The file to write, if it may be written.
fn check_out(args: &PredictArgs, out: &Path) -> Result<OutputFile, Error> {
    let instead = "without it predictions go to standard output";
    OutputFile::check("out", out, &args.input.files(), args.force, instead)
}

/// Writes all predictions to `out`, which is called `name`. That a reader such as `head` has gone away ends
/// it.
fn write_all(predictions: &mut FilePredictions, out: &mut impl Write, name: &str) -> Result<()> {
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
        info!("not used, since the model was trained without: {}", unused.join(", "));
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
        warn!("texts that were not in the training: {}", counts.unknown);
    }
    if counts.empty > 0 {
        warn!("rows with a missing value, and so without a prediction: {}", counts.empty);
    }
    if counts.not_finite > 0 {
        warn!(
            "predictions that are not finite, since their rows are too far from those of the training: {}",
            counts.not_finite
        );
    }
    info!("rows predicted: {}", counts.rows);
}
