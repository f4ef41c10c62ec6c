//! `taper importance`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{ArgGroup, Args, ValueHint};
use taper::Error;
use taper::explain::Explain;
use taper::model::FileExplanation;
use taper::report::{ExplanationReport, importance_html};
use tracing::{info, warn};

use super::cores::share_cores;
use super::inspect::load_model;
use super::model_input::ModelInput;
use super::output::{print, width};
use super::output_file::{OutputFile, check_log, is_same};
use crate::cli::{LogArgs, MissingTargetArg};

/// The flags of `taper importance`.
#[derive(Debug, Args)]
#[command(
    long_about = "Measure by how much a trained model is worse without each column\n\nEach column of a file whose targets \
                  are known is shuffled, with all categories or bins that the model has for it, and the error grows by \
                  what the column was worth: permutation importance. The file should be one that training has not \
                  seen. Of columns that say the same none seems to be worth much. `taper cv --importance` measures it \
                  on the test rows of each fold, with intervals over the folds, and `taper cv --resume DIR --importance` \
                  for a run that is finished.",
    after_help = concat!(
        "Examples:\n  taper importance --model houses.safetensors --data sold_in_may.csv\n  \
         taper importance --model houses.safetensors --data sold_in_may.csv --repeats 20 --out importance.csv\n  \
         taper importance --model houses.safetensors --data sold_in_may.csv --report importance.html\n\n",
        exit_codes!()
    ),
    group(ArgGroup::new("written").args(["out", "report"]).multiple(true))
)]
pub(crate) struct ImportanceArgs {
    #[command(flatten)]
    input: ModelInput,
    /// How to handle rows whose target is missing
    #[arg(long, value_name = "WAY", value_enum, default_value_t, help_heading = "Input")]
    missing_target: MissingTargetArg,

    /// How often each column is shuffled
    #[arg(long, value_name = "N", default_value_t = Explain::REPEATS as u32,
          value_parser = clap::value_parser!(u32).range(1..), help_heading = "Measure")]
    repeats: u32,
    /// Seed of the shuffles
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Measure")]
    seed: u64,

    /// File to write as well, CSV with a row for each column: target, column, increase, low, high
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    out: Option<PathBuf>,
    /// Page to write as well with bars of all that, and pictures of the partial dependence on the most
    /// important columns, such as importance.html
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    report: Option<PathBuf>,
    /// Replace the files of --out and --report if there are such
    #[arg(long, requires = "written", help_heading = "Output")]
    force: bool,
    /// Print one JSON document instead of the table, with the partial dependence on the most important
    /// columns
    #[arg(long, help_heading = "Output")]
    json: bool,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

pub(crate) fn importance(args: &ImportanceArgs) -> Result<()> {
    share_cores(1);
    let inputs = args.input.files();
    let check = |key, path: &Option<PathBuf>| {
        let check = |path| OutputFile::check(key, path, &inputs, args.force, "expected a file to write");
        path.as_deref().map(check).transpose()
    };
    let (out, page) = (check("out", &args.out)?, check("report", &args.report)?);
    if let (Some(out), Some(report)) = (&args.out, &args.report)
        && is_same(out, report)
    {
        let problem = format!("is {}, which the CSV is written to; expected another file", report.display());
        return Err(Error::Config { key: "report", problem }.into());
    }
    let written = [args.out.as_deref(), args.report.as_deref()].into_iter().flatten();
    check_log(args.log.file(), inputs.into_iter().chain(written))?;
    args.log.start()?;
    let model = load_model(&args.input.model, "--model")?;
    let options = args.input.evaluate_options(args.missing_target.into());
    let found = model.explain_file(&args.input.data, &options, args.repeats as usize, args.seed)?;
    let FileExplanation { explanation, rows, left_out } = found;
    if left_out > 0 {
        warn!("rows that were left out, since a value is missing: {left_out}");
    }
    let (model, data) = (args.input.model.clone(), args.input.data.clone());
    let report = ExplanationReport { model, data, rows, left_out, explanation };
    if let Some(out) = out {
        write(&out, &report.csv()?)?;
    }
    if let Some(page) = page {
        write(&page, importance_html(&report).as_bytes())?;
        info!("the report is {}", page.path().display());
    }
    let width = width();
    print(&if args.json { serde_json::to_string_pretty(&report)? } else { format!("{report:width$}") })
}

/// Writes `bytes` to `out`, all of them or nothing.
fn write(out: &OutputFile, bytes: &[u8]) -> Result<()> {
    let mut file = out.create()?;
    let written = file.write_all(bytes);
    written.with_context(|| format!("cannot write to {}", out.path().display()))?;
    Ok(out.commit(file)?)
}
