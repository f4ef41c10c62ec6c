//! `taper report`.

use anyhow::Result;
use taper::Error;
use taper::report::html;
use taper::run::{REPORT, RunDirectory, RunRecord};
use taper::telemetry::{self, LogFormat};

use super::print;
use crate::cli::ReportArgs;

pub(crate) fn report(args: &ReportArgs) -> Result<()> {
    telemetry::init(LogFormat::Text, false, None);
    let directory = RunDirectory::open(&args.run).map_err(|error| match error {
        Error::Config { problem, .. } => Error::Settings(format!("DIR {problem}")),
        error => error,
    })?;
    let record = RunRecord::read(&args.run)?;
    directory.write(REPORT, html(&record).as_bytes())?;
    print(&args.run.join(REPORT).display().to_string())
}
