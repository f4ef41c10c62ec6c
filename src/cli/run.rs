//! The flags of commands that make a run.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use crate::cli::LogArgs;

/// Where a run leaves its results, and what ends it.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Folder to make for settings, metrics, predictions, report and checkpoints; it must be new or
    /// empty, or with --force have a run
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "Run", group = "folder")]
    pub(crate) out: Option<PathBuf>,
    /// Folder of a run to resume, bit for bit as if it had not been interrupted; settings may be omitted and
    /// cannot differ, but for more epochs at a constant rate, and data may have moved
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "Run", group = "folder",
          conflicts_with_all = ["config", "force", "fast_dev_run"])]
    pub(crate) resume: Option<PathBuf>,
    /// Replace the run that is in the folder of --out
    #[arg(long, help_heading = "Run")]
    pub(crate) force: bool,
    /// Time between checkpoints, as 30s or 5m; 0s is one after every step
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = humantime::parse_duration,
          requires = "folder", help_heading = "Run")]
    pub(crate) checkpoint_every: Duration,
    /// Time after which the run stops with a checkpoint, as 90s, 10m or 1h 30m; --resume continues it
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, requires = "folder",
          help_heading = "Run")]
    pub(crate) max_time: Option<Duration>,
    /// Time that the training may take, as 30s or 5m: as many steps as a trial finds that it allows are set as
    /// --max-steps, with which another run gives the same results
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration,
          conflicts_with_all = ["max_steps", "resume", "fast_dev_run"], help_heading = "Run")]
    pub(crate) time: Option<Duration>,
    /// Run everything with a few steps, to check that it works; nothing is left behind
    #[arg(long, help_heading = "Run")]
    pub(crate) fast_dev_run: bool,
}

/// What is printed.
#[derive(Debug, Args)]
pub(crate) struct OutputArgs {
    /// Print one JSON document instead of the table
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
    /// Print a second table: median absolute error, MAPE, explained variance and Spearman's rank correlation;
    /// --json has them always
    #[arg(long, help_heading = "Output")]
    pub(crate) details: bool,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}
