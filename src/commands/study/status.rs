//! `taper study status`.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueHint};
use taper::study::{Status, StudyFolder};

use crate::cli::LogArgs;
use crate::commands::output::print;

/// The flags of `taper study status`.
#[derive(Debug, Args)]
#[command(after_help = concat!("Example:\n  taper study status depth\n\n", exit_codes!()))]
pub(super) struct StatusArgs {
    /// Folder of the study
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    study: PathBuf,
    /// Print one JSON document instead of the table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    log: LogArgs,
}

pub(super) fn status(args: &StatusArgs) -> Result<()> {
    args.log.start()?;
    let status = Status::read(&StudyFolder::open(&args.study)?)?;
    for problem in &status.problems {
        tracing::warn!("{problem}");
    }
    print(&if args.json { serde_json::to_string_pretty(&status)? } else { status.to_string() })
}
