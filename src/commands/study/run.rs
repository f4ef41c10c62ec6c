//! `taper study run`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, ValueHint};
use taper::study::{Ran, Runner, StudyFolder};
use taper::text::shell_quote;
use taper::{Error, Stop};
use tracing::{info, warn};

use super::ended::Ended;
use crate::cli::LogArgs;
use crate::commands::cores::{cores, share_cores};
use crate::commands::cv::jobs;
use crate::commands::output_file::check_log;
use crate::commands::signals::Signals;

/// The flags of `taper study run`.
#[derive(Debug, Args)]
#[command(after_help = concat!(
    "Examples:\n  taper study run depth\n  taper study run depth --wave 1 --shard $SLURM_ARRAY_TASK_ID --jobs 4\n\n\
     Any number of these may run at a time, on any machines that see the folder. They share the work where each has a shard of \
     its own; without shards each does all that was missing when it began, and `taper study merge` finds the results equal.\n\nExit codes: 0 all tasks have an outcome, 1 too many of them failed, 2 the call, the plan or \
     the data are wrong, 75 this machine or its files failed and another attempt may succeed, 124 --max-time is over, 129, \
     130 and 143 stopped by SIGHUP, SIGINT and SIGTERM; what was done is kept."
))]
pub(super) struct StudyRunArgs {
    /// Folder of the study
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    study: PathBuf,
    /// Number of the wave whose shard to carry out
    #[arg(long, value_name = "N", requires = "shard", help_heading = "Shards")]
    wave: Option<u32>,
    /// Number of the shard, counted from 0
    #[arg(long, value_name = "N", requires = "wave", help_heading = "Shards")]
    shard: Option<usize>,
    /// Time to wait before leaving a machine that cannot read or write its files, so that it does not take
    /// shard after shard and fail them all
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = humantime::parse_duration, requires = "shard",
          help_heading = "Shards")]
    hold: Duration,

    /// Tasks carried out side by side; does not change the results [default: the cores]
    #[arg(long, value_name = "N", value_parser = jobs, help_heading = "Run")]
    jobs: Option<NonZeroUsize>,
    /// Time after which no more tasks are carried out, as 90s, 10m or 1h 30m
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, help_heading = "Run")]
    max_time: Option<Duration>,
    /// How often outcomes are written; a process that is killed loses those since the last time
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration,
          help_heading = "Run")]
    publish_every: Duration,
    /// Largest number of tasks that may fail; one more, and no other is begun [default: no limit]
    #[arg(long, value_name = "N", help_heading = "Run")]
    max_failures: Option<u64>,
    #[command(flatten)]
    log: LogArgs,
}

pub(super) fn run(args: &StudyRunArgs) -> Result<()> {
    let jobs = args.jobs.map_or_else(cores, NonZeroUsize::get);
    share_cores(jobs);
    check_log(args.log.file(), [args.study.as_path()])?;
    let signals = Signals::watch().context("cannot start a thread that watches for signals")?;
    args.log.start()?;
    let stop = args.max_time.map_or_else(Stop::default, |time| Stop::default().after(time));
    signals.stop(&stop);
    match (args.wave.zip(args.shard), carry_out(args, jobs, &stop)) {
        (Some(_), Err(error)) => Err(held(args, error, &stop)),
        (_, result) => result,
    }
}

/// The error of a shard: a fault, where the machine or its files are to blame, after which the machine is
/// held.
fn held(args: &StudyRunArgs, error: anyhow::Error, stop: &Stop) -> anyhow::Error {
    let fault = match error.downcast::<Error>() {
        Ok(error @ (Error::File { .. } | Error::Thread(_))) => Ended::fault(error),
        Ok(error) => return error.into(),
        Err(other) => return other,
    };
    warn!("{fault}; the machine is held for {}", humantime::format_duration(args.hold));
    let waited = stop.after(args.hold);
    while waited.reason().is_none() {
        thread::sleep(Duration::from_millis(100));
    }
    match stop.reason() {
        Some(reason) => Ended::stopped(reason, "while the machine was held").into(),
        None => fault.into(),
    }
}

/// Carries out what is missing, of the shard or of all.
fn carry_out(args: &StudyRunArgs, jobs: usize, stop: &Stop) -> Result<()> {
    let folder = StudyFolder::open(&args.study)?;
    let shard = args.wave.zip(args.shard);
    let (part, prefix) = match shard {
        Some((wave, shard)) => (format!("{wave:04}"), format!("{shard:05}")),
        None => ("local".to_owned(), String::new()),
    };
    let (publish_every, max_failures) = (args.publish_every, args.max_failures);
    let runner = Runner { folder: &folder, part, prefix, jobs, publish_every, max_failures };
    let (tasks, problems) = begin(&runner, shard)?;
    for problem in problems {
        warn!("{problem}");
    }
    finish(args, runner.run(&folder.plan().longest_first(tasks), stop)?)
}

/// What there is to do, once it is sure that this machine can write its outcomes.
fn begin(runner: &Runner, shard: Option<(u32, usize)>) -> Result<(Vec<u64>, Vec<String>)> {
    runner.check()?;
    let Some((number, shard)) = shard else { return Ok(runner.folder.missing()?) };
    let wave = runner.folder.wave(number)?;
    let tasks = wave.tasks(shard).ok_or_else(|| {
        let problem = format!(
            "is {shard}, and wave {number} has the shards 0 to {}",
            wave.shards.len().saturating_sub(1)
        );
        Error::Config { key: "shard", problem }
    })?;
    Ok(runner.folder.missing_of(tasks, &runner.part, &runner.prefix)?)
}

/// Says what came of it.
fn finish(args: &StudyRunArgs, ran: Ran) -> Result<()> {
    let folder = args.study.to_string_lossy().into_owned();
    let folder = shell_quote(&folder);
    let done = format!("{} tasks done, {} of them failed, {} left", ran.done, ran.failed, ran.left);
    if let Some(reason) = ran.stopped {
        let rest = format!("with {done}; `taper study run {folder}` goes on");
        return Err(Ended::stopped(reason, &rest).into());
    }
    info!("{done}; `taper study report {folder}` says what the results are");
    Ok(())
}
