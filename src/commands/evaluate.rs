//! `taper evaluate`.

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::{Args, ValueHint};
use taper::config::{CvConfig, DataConfig, FileConfig};
use taper::model::{EvaluateOptions, FileEvaluation};
use taper::report::{EvaluationReport, html};
use taper::results::FoldReport;
use taper::run::RunRecord;
use tracing::{info, warn};

use super::cores::share_cores;
use super::inspect::load_model;
use super::model_input::{IntervalArgs, ModelInput};
use super::output::{print, width};
use super::output_file::{OutputFile, check_log};
use super::signals::Signals;
use crate::cli::{LogArgs, MissingTargetArg, with_flags};

/// The flags of `taper evaluate`.
#[derive(Debug, Args)]
#[command(
    long_about = "Measure the errors of a trained model on rows whose targets are known\n\nThe file is one that training \
                  has not seen, with the features and the targets of the model: its columns are found by their names, \
                  in any order. Errors are in the targets' own units.",
    after_help = concat!(
        "Examples:\n  taper evaluate --model houses.safetensors --data sold_in_may.csv\n  \
         taper evaluate --model houses.safetensors --data sold_in_may.csv --report may.html --json\n\n",
        exit_codes!()
    )
)]
pub(crate) struct EvaluateArgs {
    #[command(flatten)]
    input: ModelInput,
    #[command(flatten)]
    intervals: IntervalArgs,
    /// How to handle rows whose target is missing
    #[arg(long, value_name = "WAY", value_enum, default_value_t, help_heading = "Input")]
    missing_target: MissingTargetArg,

    /// Page to write with the errors and their pictures, such as may.html
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    report: Option<PathBuf>,
    /// Replace the file of --report if there is one
    #[arg(long, requires = "report", help_heading = "Output")]
    force: bool,
    /// Print one JSON document instead of the table
    #[arg(long, help_heading = "Output")]
    json: bool,
    /// Print a second table: median absolute error, MAPE, explained variance and Spearman's rank correlation;
    /// --json has them always
    #[arg(long, help_heading = "Output")]
    details: bool,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

pub(crate) fn evaluate(args: &EvaluateArgs) -> Result<()> {
    let start = Instant::now();
    share_cores(1);
    let inputs = args.input.files();
    let check =
        |path: &PathBuf| OutputFile::check("report", path, &inputs, args.force, "expected a file to write");
    let page = args.report.as_ref().map(check).transpose()?;
    check_log(args.log.file(), inputs.into_iter().chain(args.report.as_deref()))?;
    args.log.start()?;
    let model = load_model(&args.input.model, "--model")?;
    let options = EvaluateOptions {
        interval: args.intervals.interval,
        ..args.input.evaluate_options(args.missing_target.into())
    };
    let found = model.evaluate_file(&args.input.data, &options)?;
    if found.left_out > 0 {
        warn!("rows that were left out, since a value is missing: {}", found.left_out);
    }
    let seconds = start.elapsed().as_secs_f64();
    if let Some(page) = page {
        let mut file = page.create()?;
        Signals::watch().context("cannot start a thread that watches for signals")?.remove(file.partial());
        let written = file.write_all(html(&record(args, &model, &found, seconds)).as_bytes());
        written.with_context(|| format!("cannot write to {}", page.path().display()))?;
        page.commit(file)?;
        info!("the report is {}", page.path().display());
    }
    let report = EvaluationReport::new(args.input.model.clone(), args.input.data.clone(), &found);
    let width = width();
    print(&if args.json {
        serde_json::to_string_pretty(&report)?
    } else {
        with_flags(&if args.details { format!("{report:#width$}") } else { format!("{report:width$}") })
    })
}

/// What the page shows: the errors on the rows as those of a holdout.
fn record(args: &EvaluateArgs, model: &taper::Model, found: &FileEvaluation, seconds: f64) -> RunRecord {
    let file = FileConfig {
        file: args.input.data.clone(),
        target: model.schema().targets.clone(),
        dialect: args.input.dialect.dialect(),
        ..FileConfig::default()
    };
    let data = DataConfig { file: Some(file), ..DataConfig::default() };
    let rows = found.predictions.len();
    RunRecord {
        command: "evaluate".to_owned(),
        config: CvConfig { data, ..CvConfig::default() },
        environment: vec![
            ("model".to_owned(), args.input.model.display().to_string()),
            ("data".to_owned(), args.input.data.display().to_string()),
        ],
        data: None,
        warnings: Vec::new(),
        folds: vec![FoldReport::new(0, rows, found.evaluation.clone(), Vec::new(), seconds)],
        pooled: None,
        intervals: found.intervals.clone(),
        baselines: Vec::new(),
        explanation: None,
        epochs: Vec::new(),
        predictions: found.predictions.clone(),
        weights: Vec::new(),
        seconds: Some(seconds),
    }
}
