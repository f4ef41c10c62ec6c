//! The division of tasks among the machines of a cluster.

use std::fs;
use std::io::{self, Write};
use std::ops::Range;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::folder::StudyFolder;
use super::plan::{Plan, Task};
use crate::error::{Error, Result};
use crate::storage::{AtomicFile, create_folders};

/// The version of the format of waves.
const FORMAT: u32 = 1;

/// Tasks that have no outcome when it is made, divided into shards, each for a job of a scheduler.
///
/// The arms of a fold are in one shard where they are missing together, so that what is compared is computed
/// by one machine. Like the plan a wave never changes: what is missing when its jobs are over is for the next
/// one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wave {
    /// The version of this format.
    pub format: u32,
    /// The id of the study.
    pub study: String,
    /// The numbers of the tasks of each shard, as ranges.
    pub shards: Vec<Vec<Range<u64>>>,
}

impl Wave {
    /// Divides the tasks `missing`, in ascending order, into at most `shards` shards that are about as long
    /// as each other by the operations of the plan.
    pub fn new(folder: &StudyFolder, missing: &[u64], shards: usize) -> Self {
        let plan = folder.plan();
        let groups: Vec<_> = missing.chunk_by(|a, b| fold_of(plan, *a) == fold_of(plan, *b)).collect();
        let total: f64 = missing.iter().map(|task| cost(plan, *task)).sum();
        let count = shards.clamp(1, groups.len().max(1));
        let (mut divided, mut sum) = (vec![Vec::new()], 0.);
        for (i, group) in groups.iter().enumerate() {
            // A shard ends where its share is reached, and in time for each of the others to have a group.
            let (others, rest) = (count - divided.len(), groups.len() - i);
            let is_full = sum >= total * divided.len() as f64 / count as f64 || rest <= others;
            if others > 0 && is_full && divided.last().is_some_and(|shard: &Vec<_>| !shard.is_empty()) {
                divided.push(Vec::new());
            }
            if let Some(shard) = divided.last_mut() {
                group.iter().for_each(|task| extend(shard, *task));
            }
            sum += group.iter().map(|task| cost(plan, *task)).sum::<f64>();
        }
        divided.retain(|shard| !shard.is_empty());
        Self { format: FORMAT, study: folder.id().to_owned(), shards: divided }
    }

    /// The tasks of shard `number`; nothing if there are fewer.
    pub fn tasks(&self, number: usize) -> Option<Vec<u64>> {
        Some(self.shards.get(number)?.iter().cloned().flatten().collect())
    }
}

/// The fold that a task is of, of which there is a task for each arm.
fn fold_of(plan: &Plan, task: u64) -> Option<Task> {
    plan.task(task).map(|task| Task { arm: 0, ..task })
}

/// What a task costs by the plan.
fn cost(plan: &Plan, task: u64) -> f64 {
    plan.task(task).map_or(0., |task| plan.operations(task))
}

/// Adds `task` to the ranges of a shard.
fn extend(shard: &mut Vec<Range<u64>>, task: u64) {
    match shard.last_mut() {
        Some(last) if last.end == task => last.end += 1,
        _ => shard.push(task..task + 1),
    }
}

impl StudyFolder {
    /// Writes `wave` under the next number that is free, which it returns.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::File`] when it cannot be written.
    pub fn add_wave(&self, wave: &Wave) -> Result<u32> {
        let folder = self.path().join("waves");
        create_folders(&folder)?;
        let bytes = serde_json::to_vec(wave)
            .map_err(|error| Error::settings(format!("the wave cannot be written: {error}")))?;
        let mut number = 1;
        loop {
            let path = self.wave_file(number);
            if !path.exists() {
                let mut file = AtomicFile::create(&path)?;
                file.write_all(&bytes).map_err(|error| Error::cannot_write(&path, error))?;
                match file.commit_new() {
                    Ok(()) => return Ok(number),
                    // Somebody else has taken the number.
                    Err(_) if path.exists() => {}
                    Err(error) => return Err(error),
                }
            }
            number += 1;
        }
    }

    /// Reads wave `number`.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::File`] when it cannot be read, which may be since it is not visible here yet, and
    /// with [`Error::Settings`] when it is of another study, or of a later version.
    pub fn wave(&self, number: u32) -> Result<Wave> {
        let path = self.wave_file(number);
        let bytes = fs::read(&path).map_err(|error| Error::cannot_read(&path, error))?;
        let refused = |problem: String| Error::settings(format!("{} {problem}", path.display()));
        let wave: Wave = match serde_json::from_slice(&bytes) {
            Ok(wave) => wave,
            // Another machine may see a file before its end.
            Err(error) if error.is_eof() => {
                return Err(Error::cannot_read(&path, io::ErrorKind::UnexpectedEof.into()));
            }
            Err(error) => return Err(refused(format!("is damaged, or of another version: {error}"))),
        };
        if wave.format > FORMAT {
            return Err(refused(format!(
                "has the format {}, and this version knows up to {FORMAT}",
                wave.format
            )));
        }
        if wave.shards.iter().flatten().any(|tasks| tasks.end > self.plan().len()) {
            return Err(refused("is damaged: it has tasks that are none of the study".to_owned()));
        }
        if wave.study != self.id() {
            return Err(refused("is of another study, or its plan was changed".to_owned()));
        }
        Ok(wave)
    }

    /// The file of wave `number`.
    fn wave_file(&self, number: u32) -> PathBuf {
        self.path().join("waves").join(format!("{number:04}.json"))
    }
}
