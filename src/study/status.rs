//! How far a study is.

use std::collections::BTreeMap;

use serde::Serialize;

use super::folder::StudyFolder;
use super::outcome::TaskResult;
use crate::error::Result;

/// How far a study is, by its segments.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// All tasks.
    pub all: Counts,
    /// Those of each arm.
    pub arms: BTreeMap<String, Counts>,
    /// The tasks that each machine has done, where two have done one counted twice.
    pub hosts: BTreeMap<String, Counts>,
    /// The time that they took together, in seconds.
    pub seconds: f64,
    /// What is wrong with segments that cannot be read.
    pub problems: Vec<String>,
}

/// How many tasks there are of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Trained and tested.
    pub done: u64,
    /// Cannot be trained.
    pub failed: u64,
    /// Without an outcome.
    pub missing: u64,
}

impl Counts {
    fn add(&mut self, result: &TaskResult) {
        match result {
            TaskResult::Done(_) => self.done += 1,
            TaskResult::Failed(_) => self.failed += 1,
        }
    }
}

impl Status {
    /// How far the study in `folder` is.
    ///
    /// # Errors
    ///
    /// Fails when its folders cannot be read.
    pub fn read(folder: &StudyFolder) -> Result<Self> {
        let plan = folder.plan();
        let count = usize::try_from(plan.len()).unwrap_or(usize::MAX);
        let mut seen = vec![false; count];
        let mut status = Self {
            all: Counts { missing: plan.len(), ..Counts::default() },
            arms: BTreeMap::new(),
            hosts: BTreeMap::new(),
            seconds: 0.,
            problems: Vec::new(),
        };
        for arm in &plan.arms {
            let missing = plan.len() / plan.arms.len().max(1) as u64;
            status.arms.insert(arm.clone(), Counts { missing, ..Counts::default() });
        }
        status.problems = folder.for_each_segment(|segment| {
            for outcome in &segment.outcomes {
                status.hosts.entry(segment.header.host.clone()).or_default().add(&outcome.result);
                status.seconds += outcome.seconds;
                let seen = usize::try_from(outcome.task).ok().and_then(|task| seen.get_mut(task));
                let (Some(seen @ false), Some(task)) = (seen, plan.task(outcome.task)) else { continue };
                *seen = true;
                let arm = status.arms.get_mut(&plan.arms[task.arm]);
                for counts in [Some(&mut status.all), arm].into_iter().flatten() {
                    counts.add(&outcome.result);
                    counts.missing -= 1;
                }
            }
        })?;
        Ok(status)
    }
}
