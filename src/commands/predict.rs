//! `taper predict`.

use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use taper::Error;
use taper::model::FilePredictions;
use tracing::{info, warn};

use super::inspect::load_model;
use super::output_file::{OutputFile, check_log};
use crate::cli::PredictArgs;

pub(crate) fn predict(args: &PredictArgs) -> Result<()> {
    let out = args.out.as_deref().map(|out| check_out(args, out)).transpose()?;
    let others = [&args.data, &args.model].into_iter().map(PathBuf::as_path);
    check_log(args.log.file(), others.chain(args.out.as_deref()))?;
    args.log.start()?;
    let model = load_model(&args.model, "--model")?;
    let options = args.options();
    let mut predictions = model.predict_file(&args.data, &options)?;
    note_columns(&predictions);
    match out {
        None => write_all(&mut predictions, &mut io::stdout().lock(), "standard output")?,
        Some(out) => {
            let mut file = out.create()?;
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
    OutputFile::check("out", out, &[&args.data, &args.model], args.force, instead)
}

/// Writes all predictions to `out`, which is called `name`. That a reader such as `head` has gone away ends it.
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
