//! `taper cv`.

use std::mem;
use std::num::NonZeroUsize;

use anyhow::Result;
use clap::Args;
use taper::explain::{ErrorKind, Explain};
use taper::report::CvReport;
use taper::run::RunOptions;
use taper::{Partition, baselines, cross_validate};
use tracing::warn;

use super::cores::{cores, share_cores};
use super::output::{print, width};
use super::training::{Run, warn_of};
use crate::cli::{OutputArgs, RunArgs, SettingArgs, with_flags};

/// The flags of `taper cv`.
#[derive(Debug, Args)]
#[command(after_help = concat!(cv_examples!(), "\n\n", run_exit_codes!()))]
pub(crate) struct CvArgs {
    #[command(flatten)]
    pub(crate) settings: SettingArgs,

    /// Folds trained side by side; does not change the result [default: the cores, or the GPUs]
    #[arg(long, value_name = "N", value_parser = jobs, help_heading = "Run")]
    jobs: Option<NonZeroUsize>,

    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// Measure by how much each fold's errors grow when a column is shuffled, and how its predictions go with
    /// the most important ones; --resume does it for a run that is finished
    #[arg(long, help_heading = "Output")]
    importance: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// A number of jobs.
pub(super) fn jobs(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "expected a whole number of 1 or more".to_owned())
}

pub(crate) fn cv(args: &CvArgs) -> Result<()> {
    let mut run = Run::new("cv", &args.settings, &args.run, args.output.log.file())?;
    share_cores(args.jobs.map_or_else(cores, NonZeroUsize::get).min(run.config.networks()));
    run.watch_signals()?;
    run.start_log(&args.output.log)?;
    // A GPU is opened once for each job, and there is no work for more jobs than folds.
    let networks = run.config.networks();
    let jobs = args.jobs.zip(NonZeroUsize::new(networks)).map(|(jobs, folds)| jobs.min(folds));
    let devices = run.config.device.open(jobs)?;
    let table = run.load()?;
    let data = run.summary(&table)?;
    let folds = Partition::new(&table.data, run.config.folds, run.config.repeats, run.config.seed)
        .map_err(|error| run.as_given(error))?;
    run.fit_to_time(&table.data, || folds.fold(0), &devices[0], networks.div_ceil(devices.len()))?;
    let config = &run.config;
    let (learner, warning) = run.learner(&table.data, folds.iter())?;
    let folder = run.folder(&table, &devices)?;
    let explain = args.importance.then(|| Explain {
        columns: table.features.clone(),
        repeats: Explain::REPEATS,
        error: ErrorKind::of(learner.train.loss()),
    });
    let options = RunOptions { explain: explain.as_ref(), ..run.options(folder.as_ref()) };
    let mut results = cross_validate(&table.data, &learner, &folds, &devices, &options)
        .map_err(|error| run.failed(error, folder.as_ref()))?;
    results.warnings.extend(warning);
    warn_of(&mut results.warnings);
    let predictions = mem::take(&mut results.predictions);
    // Of synthetic data it is known what can be reached.
    let baselines = match config.data.file {
        Some(_) => baselines(&table.data, &folds, &options.stop).unwrap_or_else(|error| {
            warn!("there are no simple models to compare with: {error}");
            Vec::new()
        }),
        None => Vec::new(),
    };
    let report =
        CvReport::new(config.clone(), data, results).with_predictions(&predictions).with_baselines(baselines);
    if let Some(folder) = &folder {
        let directory = folder.directory();
        directory.write_results(&report)?;
        directory.write_predictions(&predictions)?;
        folder.finish()?;
    }
    let width = width();
    print(&if args.output.json {
        serde_json::to_string_pretty(&report)?
    } else {
        with_flags(&if args.output.details {
            format!("{report:#width$}")
        } else {
            format!("{report:width$}")
        })
    })
}
