//! `taper report`.

use anyhow::Result;
use taper::report::html;
use taper::run::{REPORT, RunDirectory, RunRecord};

use super::print;
use crate::cli::ReportArgs;

pub(crate) fn report(args: &ReportArgs) -> Result<()> {
    RunDirectory::check_resume(&args.run)?;
    let record = RunRecord::read(&args.run)?;
    let path = args.run.join(REPORT);
    taper::storage::write_atomically(&path, html(&record)?.as_bytes())?;
    print(&path.display().to_string())
}
