//! `taper report`.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueHint};
use taper::Error;
use taper::report::html;
use taper::run::{ReportFolder, RunRecord};

use super::output::print;
use crate::cli::LogArgs;

/// The flags of `taper report`.
#[derive(Debug, Args)]
#[command(after_help = concat!("Example:\n  taper report runs/houses\n\n", exit_codes!()))]
pub(crate) struct ReportArgs {
    /// Folder of a run, as --out made it
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) run: PathBuf,
}

pub(crate) fn report(args: &ReportArgs) -> Result<()> {
    LogArgs::default().start()?;
    let folder = ReportFolder::open(&args.run).map_err(|error| match error {
        Error::Config { problem, .. } => Error::Settings(format!("DIR {problem}")),
        error => error,
    })?;
    let record = RunRecord::read(&args.run)?;
    print(&folder.write_report(&html(&record))?.display().to_string())
}
