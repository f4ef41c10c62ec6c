//! `taper study merge`.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueHint};
use taper::study::{Merged, StudyFolder};
use tracing::{info, warn};

use super::ended::Ended;
use crate::cli::LogArgs;

/// The flags of `taper study merge`.
#[derive(Debug, Args)]
#[command(after_help = concat!(
    "Example:\n  taper study merge depth\n\nThe results are the same bytes wherever and however often the tasks ran. \
     Anybody may merge at any time, and again.\n\nExit codes: 0 all tasks are done, 1 all have an outcome and some failed, 2 \
     the call was wrong, 3 some are missing, 4 two attempts at a task on machines that calculate alike differ, 75 the results cannot be written."
))]
pub(super) struct MergeArgs {
    /// Folder of the study
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    study: PathBuf,
    /// Take missing tasks for no problem
    #[arg(long)]
    partial: bool,
    #[command(flatten)]
    log: LogArgs,
}

pub(super) fn merge(args: &MergeArgs) -> Result<()> {
    args.log.start()?;
    let folder = StudyFolder::open(&args.study)?;
    let found = Merged::read(&folder)?;
    warn_of(&found);
    // The code 1 is for tasks that failed.
    found.write(&folder).map_err(Ended::fault)?;
    info!("results are in {}", folder.path().join("merged").display());
    match problem(&found, args.partial) {
        Some(problem) => Err(problem.into()),
        None => Ok(()),
    }
}

/// Warns of what is not as it may seem in the outcomes.
pub(super) fn warn_of(found: &Merged) {
    for problem in &found.problems {
        warn!("{problem}");
    }
    if found.fingerprints.len() > 1 {
        let counts = found.fingerprints.iter().map(|(print, tasks)| format!("{tasks} of {print}"));
        let counts = counts.collect::<Vec<_>>().join(", ");
        warn!("the tasks are of machines whose last bits differ: {counts}");
    }
}

/// That tasks have two results, if some have.
pub(super) fn conflict(found: &Merged) -> Option<Ended> {
    let first = found.conflicts.first()?;
    let ([one, other], count) = (&first.attempts, found.conflicts.len());
    Some(Ended::new(
        4,
        format!(
            "error: tasks with two results: {count}; the first is task {}, by {one} and by {other}: one of the two machines \
             calculates wrongly, or is not what its fingerprint says",
            first.task
        ),
    ))
}

/// What is wrong with the results, with the code to exit with.
fn problem(found: &Merged, partial: bool) -> Option<Ended> {
    if let Some(conflict) = conflict(found) {
        return Some(conflict);
    }
    let (code, message) = match (found.missing(), found.failed()) {
        (missing, _) if missing > 0 && !partial => {
            (3, format!("{missing} of {} tasks have no outcome yet", found.outcomes.len()))
        }
        (_, failed) if failed > 0 => {
            (1, format!("{failed} of {} tasks failed; merged/results.jsonl says why", found.outcomes.len()))
        }
        _ => return None,
    };
    Some(Ended::new(code, message))
}
