//! All outcomes of a study in one place.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use serde::Serialize;

use super::folder::StudyFolder;
use super::outcome::{Outcome, TaskResult};
use super::plan::{Plan, Task};
use crate::error::{Error, Result};
use crate::storage::{AtomicFile, create_folders};

/// What there is of a study.
#[derive(Debug, Clone, PartialEq)]
pub struct Merged {
    /// By the numbers of the tasks; nothing of those that are missing.
    pub outcomes: Vec<Option<Outcome>>,
    /// The tasks of which two machines that calculate alike have two results, with the attempts that have
    /// them.
    pub conflicts: Vec<Conflict>,
    /// How many tasks there are by the fingerprints of the machines whose results are taken.
    pub fingerprints: BTreeMap<String, u64>,
    /// What is wrong with segments that cannot be read.
    pub problems: Vec<String>,
}

/// Two results of one task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// The task.
    pub task: u64,
    /// The two attempts, with their machines.
    pub attempts: [String; 2],
}

/// An outcome with who has it.
struct Candidate {
    outcome: Outcome,
    fingerprint: String,
    attempt: String,
}

impl Merged {
    /// The number of tasks without an outcome.
    pub fn missing(&self) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.is_none()).count()
    }

    /// The number of tasks that failed.
    pub fn failed(&self) -> usize {
        let is_failed = |outcome: &&Outcome| matches!(outcome.result, TaskResult::Failed(_));
        self.outcomes.iter().flatten().filter(is_failed).count()
    }

    /// Reads all outcomes of the study in `folder`.
    ///
    /// Which attempt has a task makes no difference, unless two that calculate alike differ, which is a
    /// [conflict](Self::conflicts). Of machines that calculate otherwise those count that have the most
    /// tasks, and of as many those whose fingerprint comes first.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::File`] when a folder cannot be read.
    pub fn read(folder: &StudyFolder) -> Result<Self> {
        let count = usize::try_from(folder.plan().len()).unwrap_or(usize::MAX);
        let mut candidates: Vec<Vec<Candidate>> = (0..count).map(|_| Vec::new()).collect();
        let mut conflicts = BTreeMap::new();
        let problems = folder.for_each_segment(|segment| {
            let attempt = format!("{} on {}", segment.header.attempt, segment.header.host);
            for outcome in segment.outcomes {
                let task = outcome.task;
                let of_task = usize::try_from(task).ok().and_then(|task| candidates.get_mut(task));
                let Some(of_task) = of_task else { continue };
                let alike = of_task.iter().find(|other| other.fingerprint == segment.header.fingerprint);
                match alike {
                    Some(other) if other.outcome.result != outcome.result => {
                        let attempts = [other.attempt.clone(), attempt.clone()];
                        conflicts.entry(task).or_insert(Conflict { task, attempts });
                    }
                    Some(_) => {}
                    None => of_task.push(Candidate {
                        outcome,
                        fingerprint: segment.header.fingerprint.clone(),
                        attempt: attempt.clone(),
                    }),
                }
            }
        })?;
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for candidate in candidates.iter().flatten() {
            *counts.entry(candidate.fingerprint.clone()).or_default() += 1;
        }
        let rank = |candidate: &Candidate| {
            let count = counts.get(&candidate.fingerprint).copied().unwrap_or_default();
            (u64::MAX - count, candidate.fingerprint.clone())
        };
        let mut fingerprints = BTreeMap::new();
        let take = |of_task: Vec<Candidate>| {
            let candidate = of_task.into_iter().min_by_key(rank)?;
            *fingerprints.entry(candidate.fingerprint).or_default() += 1;
            Some(candidate.outcome)
        };
        let outcomes = candidates.into_iter().map(take).collect();
        Ok(Self { outcomes, conflicts: conflicts.into_values().collect(), fingerprints, problems })
    }

    /// Writes `merged/results.jsonl` and `merged/results.csv`, a line for each task that has an outcome in
    /// the order of the plan, and `merged/conflicts.jsonl`. The same results are the same bytes, whoever
    /// found them.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::File`] when they cannot be written.
    pub fn write(&self, folder: &StudyFolder) -> Result<()> {
        let merged = folder.path().join("merged");
        create_folders(&merged)?;
        let plan = folder.plan();
        let tasks = || (0..).zip(plan.tasks()).zip(&self.outcomes);
        let done = || tasks().filter_map(|(task, outcome)| Some((task, outcome.as_ref()?)));
        let lines =
            done().map(|((number, task), outcome)| json(&Line::new(plan, number, task, &outcome.result)));
        write_lines(&merged.join("results.jsonl"), lines)?;
        let rows = done().map(|((number, task), outcome)| csv_row(plan, number, task, &outcome.result));
        write_table(&merged.join("results.csv"), rows)?;
        write_lines(&merged.join("conflicts.jsonl"), self.conflicts.iter().map(json))
    }
}

/// A line of the merged results.
#[derive(Serialize)]
struct Line<'a> {
    task: u64,
    data: &'a str,
    repeat: usize,
    fold: usize,
    arm: &'a str,
    result: &'a TaskResult,
}

impl<'a> Line<'a> {
    fn new(plan: &'a Plan, task: u64, of: Task, result: &'a TaskResult) -> Self {
        let (data, arm) = (&plan.sets[of.set].name, &plan.arms[of.arm]);
        Self { task, data, repeat: of.repeat, fold: of.fold, arm, result }
    }
}

fn json(line: &impl Serialize) -> Result<String> {
    serde_json::to_string(line)
        .map_err(|error| Error::settings(format!("a result cannot be written: {error}")))
}

/// The columns of `results.csv`.
const COLUMNS: [&str; 13] = [
    "task",
    "data",
    "repeat",
    "fold",
    "arm",
    "outcome",
    "error",
    "mse",
    "rmse",
    "mae",
    "r2",
    "train_rows",
    "test_rows",
];

fn csv_row(plan: &Plan, number: u64, task: Task, result: &TaskResult) -> Vec<String> {
    let mut row = vec![
        number.to_string(),
        plan.sets[task.set].name.clone(),
        task.repeat.to_string(),
        task.fold.to_string(),
        plan.arms[task.arm].clone(),
    ];
    match result {
        TaskResult::Done(scores) => {
            let metrics = &scores.metrics;
            row.push("done".to_owned());
            row.extend(
                [scores.error, metrics.mse, metrics.rmse, metrics.mae].map(|error| format!("{error:?}")),
            );
            row.push(metrics.r2.map_or_else(String::new, |r2| format!("{r2:?}")));
            row.extend([scores.train_rows, scores.test_rows].map(|rows| rows.to_string()));
        }
        TaskResult::Failed(_) => {
            row.push("failed".to_owned());
            row.resize(COLUMNS.len(), String::new());
        }
    }
    row
}

/// Writes a table with these rows to the file at `path`.
fn write_table(path: &Path, rows: impl Iterator<Item = Vec<String>>) -> Result<()> {
    let mut file = AtomicFile::create(path)?;
    let mut table = csv::Writer::from_writer(&mut file);
    let cannot = |error: csv::Error| Error::cannot_write(path, error.into());
    table.write_record(COLUMNS).map_err(cannot)?;
    for row in rows {
        table.write_record(row).map_err(cannot)?;
    }
    table.flush().map_err(|error| Error::cannot_write(path, error))?;
    drop(table);
    file.commit()
}

/// Writes `lines` to the file at `path`.
fn write_lines(path: &Path, lines: impl Iterator<Item = Result<String>>) -> Result<()> {
    let mut file = AtomicFile::create(path)?;
    for line in lines {
        writeln!(file, "{}", line?).map_err(|error| Error::cannot_write(path, error))?;
    }
    file.commit()
}
