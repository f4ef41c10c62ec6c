//! `taper cv`.

use std::num::NonZeroUsize;

use anyhow::Result;
use taper::run::{PREDICTIONS, RESULTS};
use taper::{cross_validate_with, folds};

use super::run::Run;
use super::{cores, print, share_cores};
use crate::cli::CvArgs;

pub(crate) fn cv(args: &CvArgs) -> Result<()> {
    let run = Run::new("cv", &args.settings, &args.run, args.output.log.file())?;
    let config = &run.config;
    share_cores(args.jobs().map_or_else(cores, NonZeroUsize::get).min(config.folds));
    args.output.log.start()?;
    // A GPU is opened once for each job, and there is no work for more jobs than folds.
    let jobs = args.jobs().zip(NonZeroUsize::new(config.folds)).map(|(jobs, folds)| jobs.min(folds));
    let devices = config.device.open(jobs)?;
    let table = run.load()?;
    let folder = run.folder(&devices, || folds(config, &table.data).map(drop))?;
    let options = run.options(folder.as_ref())?;
    let (report, predictions) = cross_validate_with(config, &table.data, &devices, &options)
        .map_err(|error| run.failed(error, folder.as_ref()))?;
    if let Some(folder) = &folder {
        let directory = folder.directory();
        directory.write_json(RESULTS, &report)?;
        directory.write_predictions(PREDICTIONS, &predictions.named(table.targets)?)?;
        folder.finish()?;
    }
    print(&if args.output.json { serde_json::to_string_pretty(&report)? } else { report.to_string() })
}
