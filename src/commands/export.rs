//! `taper export`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueHint};
use serde::Serialize;
use taper::onnx::{ExportOptions, Exported};

use super::cores::share_cores;
use super::inspect::load_model;
use super::model_input::{MissingArg, UnknownArg};
use super::output::print;
use super::output_file::OutputFile;

/// The flags of `taper export`.
#[derive(Debug, Args)]
#[command(
    long_about = "Write a trained model as an ONNX graph, which other programs run without taper\n\nThe graph predicts what \
                  `taper predict` does from the columns as they are in a table: categories, missing values, scaling and the \
                  units of the targets are part of it. It has an input for each column, of its name: doubles (N, 1), \
                  NaN where one is missing, or strings (N, 1), and an output for each target, of its name: doubles \
                  (N, 1). It takes any number of rows at a time. Dates are the seconds since 1970-01-01 00:00 UTC, \
                  since a graph cannot read them from texts.",
    after_help = concat!(
        "Examples:\n  taper export model.safetensors --onnx model.onnx\n  \
         taper export model.safetensors --onnx model.onnx --unknown zeros --force\n\n\
         The guide's chapter on models has the lines of Python that predict a table with it.\n\n",
        exit_codes!()
    )
)]
pub(crate) struct ExportArgs {
    /// Model that `taper train` has written
    #[arg(value_name = "MODEL", value_hint = ValueHint::FilePath)]
    pub(crate) model: PathBuf,
    /// File to write the graph to, such as model.onnx
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) onnx: PathBuf,
    /// Replace the file of --onnx if there is one
    #[arg(long)]
    force: bool,
    /// How to handle missing features: trained is mean if the model was trained so, else empty, which
    /// predicts NaN for rows with one; a graph cannot refuse them
    #[arg(long, value_name = "WAY", value_enum, default_value_t)]
    missing: MissingArg,
    /// How to handle a text that its column did not have in training
    #[arg(long, value_name = "WAY", value_enum, default_value_t)]
    unknown: UnknownArg,
    /// Print one JSON document with the inputs and outputs instead of a text
    #[arg(long)]
    pub(crate) json: bool,
}

/// The document of --json.
#[derive(Serialize)]
struct Document<'a> {
    file: String,
    bytes: usize,
    #[serde(flatten)]
    exported: &'a Exported,
}

pub(crate) fn export(args: &ExportArgs) -> Result<()> {
    share_cores(1);
    let instead = "expected the name of a file to write";
    let onnx = OutputFile::check("onnx", &args.onnx, &[&args.model], args.force, instead)?;
    let model = load_model(&args.model, "MODEL")?;
    let options = ExportOptions { missing: args.missing.into(), unknown: args.unknown.into() };
    let exported = model.to_onnx(options)?;
    let mut file = onnx.create()?;
    let written = file.write_all(&exported.bytes);
    written.with_context(|| format!("cannot write to {}", onnx.path().display()))?;
    onnx.commit(file)?;
    let file = args.onnx.display().to_string();
    if args.json {
        let document = Document { file, bytes: exported.bytes.len(), exported: &exported };
        return print(&serde_json::to_string_pretty(&document)?);
    }
    print(&format!("{file}: an ONNX graph\n{exported}"))
}
