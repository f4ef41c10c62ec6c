//! `taper report`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use taper::Error;
use taper::report::html;
use taper::run::{ReportFolder, RunRecord};

use super::output::print;
use crate::cli::LogArgs;

/// The flags of `taper report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Folder of a run, as --out made it
    #[arg(value_name = "DIR")]
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
