//! `taper study report`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueHint};
use taper::Error;
use taper::report::{StudyReport, study_html};
use taper::storage::write_atomically;
use taper::study::{Findings, Merged, StudyFolder};
use tracing::{info, warn};

use super::merge::{conflict, warn_of};
use crate::cli::{LogArgs, with_flags};
use crate::commands::output::{print, width};

/// The flags of `taper study report`.
#[derive(Debug, Args)]
#[command(
    long_about = "Merge a study and print what it says, and write it as a page\n\nThe answer comes first, in a sentence, then \
                  intervals and tests by the rules that the study's file had before it ran, and what the arms cost. The folder \
                  `merged` of the study has the page, report.html, beside comparison.json, results.jsonl and results.csv.",
    after_help = "Examples:\n  taper study report depth\n  taper study report depth --partial --json\n\nExit codes: 0 done, 1 failed, 2 the call \
                  was wrong or there is nothing to compare yet, 4 two attempts at a task on machines that calculate alike differ."
)]
pub(super) struct StudyReportArgs {
    /// Folder of the study
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    study: PathBuf,
    /// Compare the repetitions that are whole where tasks are missing
    #[arg(long)]
    partial: bool,
    /// Print one JSON document instead of the answer and the tables, with all errors and tests
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    log: LogArgs,
}

pub(super) fn report(args: &StudyReportArgs) -> Result<()> {
    args.log.start()?;
    let folder = StudyFolder::open(&args.study)?;
    let found = Merged::read(&folder)?;
    warn_of(&found);
    if let Some(conflict) = conflict(&found) {
        return Err(conflict.into());
    }
    let findings = Findings::new(folder.plan(), &found, args.partial)?;
    for warning in &findings.comparison.warnings {
        warn!("{}", with_flags(warning));
    }
    let page = study_html(&findings);
    let report = StudyReport(findings);
    let json = serde_json::to_string_pretty(&report).context("cannot write the comparison as JSON")?;
    // Who may only read a study gets the answer, too.
    match write(&folder, &found, &page, &json) {
        Ok(page) => info!("the report is {}", page.display()),
        Err(error) => warn!("{error}; the answer is only printed"),
    }
    let width = width();
    print(&if args.json { json } else { with_flags(&format!("{report:width$}")) })
}

/// Writes all results into the folder, and returns where the page is.
fn write(folder: &StudyFolder, found: &Merged, page: &str, json: &str) -> Result<PathBuf, Error> {
    found.write(folder)?;
    let merged = folder.path().join("merged");
    write_atomically(&merged.join("comparison.json"), format!("{json}\n").as_bytes())?;
    let path = merged.join("report.html");
    write_atomically(&path, page.as_bytes())?;
    Ok(path)
}
