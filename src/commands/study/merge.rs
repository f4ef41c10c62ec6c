//! `taper study merge`.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueHint};
use taper::study::{Merged, StudyFolder, merge as merged};
use tracing::{info, warn};

use super::ended::Ended;
use crate::cli::LogArgs;

/// The flags of `taper study merge`.
#[derive(Debug, Args)]
#[command(after_help = concat!(
    "Example:\n  taper study merge depth\n\nThe results are the same bytes wherever and however often the tasks ran. \
     Anybody may merge at any time, and again.\n\nExit codes: 0 all tasks are done, 1 all have an outcome and some failed, 2 \
     the call was wrong, 3 some are missing, 4 two attempts at a task on machines that calculate alike differ."
))]
pub(super) struct MergeArgs {
    /// Folder of the study
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    study: PathBuf,
    /// Exit with 0 though tasks are missing
    #[arg(long)]
    partial: bool,
    #[command(flatten)]
    log: LogArgs,
}

pub(super) fn merge(args: &MergeArgs) -> Result<()> {
    args.log.start()?;
    let folder = StudyFolder::open(&args.study)?;
    let found = merged(&folder)?;
    for problem in &found.problems {
        warn!("{problem}");
    }
    if let [_, _, ..] = found.fingerprints.iter().collect::<Vec<_>>()[..] {
        let counts: Vec<_> =
            found.fingerprints.iter().map(|(print, tasks)| format!("{tasks} of {print}")).collect();
        warn!("the tasks are of machines whose last bits differ: {}", counts.join(", "));
    }
    info!("results are in {}", folder.path().join("merged").display());
    match problem(&found, args.partial) {
        Some((code, problem)) => Err(Ended::new(code, problem).into()),
        None => Ok(()),
    }
}

/// What is wrong with the results, with the code to exit with.
fn problem(found: &Merged, partial: bool) -> Option<(u8, String)> {
    if let Some(first) = found.conflicts.first() {
        let [one, other] = &first.attempts;
        let problem = format!(
            "error: {} tasks have two results; the first is task {}, by {one} and by {other}: one of the two machines \
             calculates wrongly, or is not what its fingerprint says",
            found.conflicts.len(),
            first.task
        );
        return Some((4, problem));
    }
    match (found.missing(), found.failed()) {
        (missing, _) if missing > 0 && !partial => {
            Some((3, format!("{missing} of {} tasks have no outcome yet", found.outcomes.len())))
        }
        (_, failed) if failed > 0 => Some((
            1,
            format!("{failed} of {} tasks failed; merged/results.jsonl says why", found.outcomes.len()),
        )),
        _ => None,
    }
}
