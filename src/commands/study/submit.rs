//! `taper study submit`.

use std::env;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf, absolute};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum, ValueHint};
use taper::Error;
use taper::study::{StudyFolder, Wave};
use tracing::{info, warn};

use super::scheduler::Submission;
use super::{hyperqueue, kubernetes, slurm};
use crate::cli::LogArgs;
use crate::commands::cv::jobs;

/// The flags of `taper study submit`.
#[derive(Debug, Args)]
#[command(
    long_about = "Give the tasks of a study that have no outcome yet to a scheduler\n\nThey are divided into shards, which \
                  are a wave. The machines must see the folder of the study, its data and taper at the same paths. What \
                  is missing when all jobs are over is for the next wave: call it again.",
    after_help = concat!(
        "Examples:\n  taper study submit depth --engine slurm -- -p cpu -t 1:00:00 -c 4\n  \
         taper study submit depth --engine kubernetes --dry-run | kubectl create -f -\n\n",
        exit_codes!()
    )
)]
pub(super) struct SubmitArgs {
    /// Folder of the study
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    study: PathBuf,
    /// Scheduler
    #[arg(long, value_enum, value_name = "NAME")]
    engine: Engine,
    /// Largest number of shards, each of which is a job of the scheduler
    #[arg(long, value_name = "N", value_parser = jobs, default_value = "100")]
    shards: NonZeroUsize,
    /// Write the wave and print what would be submitted
    #[arg(long)]
    dry_run: bool,
    /// Arguments of the scheduler's own command, such as the partition and the cores of a job
    #[arg(last = true, value_name = "ARGS")]
    arguments: Vec<String>,
    #[command(flatten)]
    log: LogArgs,
}

/// A scheduler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Engine {
    /// Job arrays by sbatch, and a job that merges after them
    Slurm,
    /// A task array by hq
    Hyperqueue,
    /// An indexed job, as a manifest to print
    Kubernetes,
}

pub(super) fn submit(args: &SubmitArgs) -> Result<()> {
    args.log.start()?;
    if args.engine == Engine::Kubernetes && !(args.dry_run && args.arguments.is_empty()) {
        let problem = "is kubernetes, whose manifest is printed alone; expected --dry-run and no arguments of a \
                       scheduler, and `kubectl create -f -` to read it";
        return Err(Error::Config { key: "engine", problem: problem.to_owned() }.into());
    }
    let folder = StudyFolder::open(&args.study)?;
    let (missing, problems) = folder.missing()?;
    for problem in problems {
        warn!("{problem}");
    }
    if missing.is_empty() {
        info!("all {} tasks have an outcome; there is nothing to submit", folder.plan().len());
        return Ok(());
    }
    let wave = Wave::new(&folder, &missing, args.shards.get());
    let submission = Submission {
        taper: env::current_exe().context("cannot find the program's own file")?,
        study: absolute_path(folder.path())?,
        wave: folder.add_wave(&wave)?,
        shards: wave.shards.len(),
        arguments: args.arguments.clone(),
        dry_run: args.dry_run,
    };
    info!("wave {} has {} tasks in {} shards", submission.wave, missing.len(), submission.shards);
    match args.engine {
        Engine::Slurm => slurm::submit(&submission),
        Engine::Hyperqueue => hyperqueue::submit(&submission),
        Engine::Kubernetes => kubernetes::print_manifest(&submission),
    }
}

fn absolute_path(path: &Path) -> Result<PathBuf> {
    absolute(path).with_context(|| format!("cannot find {}", path.display()))
}
