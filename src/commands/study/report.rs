//! `taper study report`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueHint};
use taper::report::{StudyReport, study_html};
use taper::storage::write_atomically;
use taper::study::{Findings, StudyFolder, merge as merged};
use tracing::{info, warn};

use crate::cli::{LogArgs, with_flags};
use crate::commands::output::{print, width};

/// The flags of `taper study report`.
#[derive(Debug, Args)]
#[command(
    long_about = "Merge a study and print what it says, and write it as a page\n\nThe answer comes first, in a sentence, then \
                  intervals and tests by the rules that the study's file had before it ran, and what the arms cost. The folder \
                  `merged` of the study has the page, report.html, beside comparison.json, results.jsonl and results.csv.",
    after_help = concat!("Examples:\n  taper study report depth\n  taper study report depth --partial --json\n\n", exit_codes!())
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
    let found = merged(&folder)?;
    for problem in &found.problems {
        warn!("{problem}");
    }
    let findings = Findings::new(folder.plan(), &found, args.partial)?;
    for warning in &findings.comparison.warnings {
        warn!("{}", with_flags(warning));
    }
    let page = folder.path().join("merged/report.html");
    write_atomically(&page, study_html(&findings).as_bytes())?;
    let report = StudyReport(findings);
    let json = serde_json::to_string_pretty(&report).context("cannot write the comparison as JSON")?;
    write_atomically(&folder.path().join("merged/comparison.json"), format!("{json}\n").as_bytes())?;
    info!("the report is {}", page.display());
    let width = width();
    print(&if args.json { json } else { with_flags(&format!("{report:width$}")) })
}
