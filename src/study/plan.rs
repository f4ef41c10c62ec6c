//! The immutable plan of a study.

use std::iter;

use serde::{Deserialize, Serialize};

use super::description::{Description, Match};
use crate::config::CvConfig;
use crate::data::DataFile;
use crate::error::{Error, Result};
use crate::text::number;

/// The version of the format of plans.
const FORMAT: u32 = 1;

/// The most tasks, of which each takes memory when they are merged.
const MOST_TASKS: u64 = 100_000_000;

/// The logarithm of the largest ratio of operations that counts as equal.
pub(super) const MOST_UNEVEN: f64 = 0.05;

/// What a study consists of: a task for each data set, repetition, fold and arm.
///
/// Tasks are numbered in this order, the arms last, so those that are compared are next to each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The version of this format.
    pub format: u32,
    /// The version of taper that made it.
    pub taper: String,
    /// What the user wrote.
    pub study: Description,
    /// The names of the arms.
    pub arms: Vec<String>,
    /// The data sets.
    pub sets: Vec<DataSet>,
}

/// A data set of a study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSet {
    /// Its name.
    pub name: String,
    /// Its files; none where it is synthetic.
    pub files: Vec<DataFile>,
    /// Its rows.
    pub rows: usize,
    /// The folds of a repetition.
    pub folds: usize,
    /// The repetitions.
    pub repeats: usize,
    /// The settings of each arm, with the epochs that make the arms equal, and the seed of the first
    /// repetition.
    pub configs: Vec<CvConfig>,
    /// The floating-point operations of training a network of each arm, which tell what is long.
    pub operations: Vec<f64>,
}

/// A task of a study: the training and the test of one network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Task {
    /// The data set.
    pub set: usize,
    /// The repetition.
    pub repeat: usize,
    /// The fold of it.
    pub fold: usize,
    /// The arm.
    pub arm: usize,
}

impl DataSet {
    /// The number of its tasks for `arms` arms.
    fn tasks(&self, arms: usize) -> u64 {
        self.folds as u64 * self.repeats as u64 * arms as u64
    }
}

impl Plan {
    /// The plan of `study` with these sets.
    pub(super) fn new(study: Description, sets: Vec<DataSet>, taper: String) -> Self {
        let arms = study.arms.keys().cloned().collect();
        Self { format: FORMAT, taper, study, arms, sets }
    }

    /// The number of tasks.
    pub fn len(&self) -> u64 {
        self.sets.iter().map(|set| set.tasks(self.arms.len())).sum()
    }

    /// Whether there are no tasks.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Task `number`; nothing if there are fewer.
    pub fn task(&self, number: u64) -> Option<Task> {
        let arms = self.arms.len() as u64;
        let starts = self.sets.iter().scan(0, |next, set| {
            let start = *next;
            *next += set.tasks(self.arms.len());
            Some((start, *next))
        });
        let (set, (start, _)) = starts.enumerate().find(|(_, (_, end))| number < *end)?;
        let (network, folds) = ((number - start) / arms, self.sets[set].folds as u64);
        let [repeat, fold, arm] = [network / folds, network % folds, (number - start) % arms]
            .map(|place| usize::try_from(place).unwrap_or(usize::MAX));
        Some(Task { set, repeat, fold, arm })
    }

    /// All tasks in order.
    pub fn tasks(&self) -> impl Iterator<Item = Task> + '_ {
        let arms = self.arms.len();
        self.sets.iter().enumerate().flat_map(move |(set, data)| {
            (0..data.repeats).flat_map(move |repeat| {
                (0..data.folds)
                    .flat_map(move |fold| (0..arms).map(move |arm| Task { set, repeat, fold, arm }))
            })
        })
    }

    /// The settings of `task`, with its seed.
    pub fn config(&self, task: Task) -> CvConfig {
        let config = self.sets[task.set].configs[task.arm].clone();
        CvConfig { seed: config.seed.wrapping_add(task.repeat as u64), ..config }
    }

    /// The floating-point operations of training the network of `task`.
    pub fn operations(&self, task: Task) -> f64 {
        self.sets[task.set].operations[task.arm]
    }

    /// Task `number` in words.
    pub fn name_of(&self, number: u64) -> String {
        match self.task(number) {
            Some(Task { set, repeat, fold, arm }) => format!(
                "task {number}, arm '{}' on '{}' in repetition {repeat}, fold {fold},",
                self.arms[arm], self.sets[set].name
            ),
            None => format!("task {number}, which is none of the study,"),
        }
    }

    /// `tasks` with those of the data set first whose tasks are longest, so that short ones are last and all
    /// workers end at about the same time.
    pub fn longest_first(&self, mut tasks: Vec<u64>) -> Vec<u64> {
        let longest = |set: &DataSet| set.operations.iter().copied().fold(0., f64::max);
        let costs: Vec<_> = self.sets.iter().map(longest).collect();
        let cost = |task: &u64| self.task(*task).map_or(0., |task| costs[task.set]);
        tasks.sort_by(|a, b| cost(b).total_cmp(&cost(a)));
        tasks
    }

    /// The file of the plan: JSON, of the same plan the same bytes.
    ///
    /// # Errors
    ///
    /// Fails when a setting cannot be written.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::settings(format!("the plan cannot be written: {error}")))?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// What the arms have more or less of than the reference, where they should have as much: whole epochs
    /// can be too coarse for it. Sentences, one for each data set.
    pub fn uneven(&self) -> Vec<String> {
        let reference = self.arms.iter().position(|arm| *arm == self.study.reference);
        let (Some(reference), Match::Flops) = (reference, self.study.matched) else { return Vec::new() };
        let of_set = |set: &DataSet| {
            let ratio = |(arm, operations): (usize, &f64)| (arm, operations / set.operations[reference]);
            let farthest = set.operations.iter().enumerate().map(ratio);
            let (arm, ratio) = farthest.max_by(|(_, a), (_, b)| a.ln().abs().total_cmp(&b.ln().abs()))?;
            (ratio.ln().abs() > MOST_UNEVEN).then(|| {
                format!(
                    "on '{}' the arm '{}' computes {} times what the reference does, since it trains for whole epochs; \
                     with more epochs of the reference it would come closer",
                    set.name,
                    self.arms[arm],
                    number(ratio)
                )
            })
        };
        self.sets.iter().filter_map(of_set).collect()
    }

    /// What is wrong with a plan that was read, as the end of a sentence.
    pub(super) fn problem(&self) -> Option<String> {
        let arms = self.arms.len();
        let is_whole = |set: &DataSet| set.configs.len() == arms && set.operations.len() == arms;
        if self.format > FORMAT {
            return Some(format!("has the format {}, and this version knows up to {FORMAT}", self.format));
        }
        let sums =
            iter::once(1u64).chain(self.sets.iter().map(|set| {
                (set.folds as u64).saturating_mul(set.repeats as u64).saturating_mul(arms as u64)
            }));
        if sums.fold(0, u64::saturating_add) > MOST_TASKS || !self.sets.iter().all(is_whole) {
            return Some("is damaged".to_owned());
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::compare::Metric;

    fn plan() -> Plan {
        let arms = ["a", "b", "c"].map(|arm| (arm.to_owned(), yaml_serde::Mapping::new())).into();
        let set = |name: &str, folds, repeats| DataSet {
            name: name.to_owned(),
            files: Vec::new(),
            rows: 100,
            folds,
            repeats,
            configs: vec![CvConfig::default(); 3],
            operations: vec![1.; 3],
        };
        let study = Description {
            metric: Metric::Rmse,
            reference: "a".to_owned(),
            rope: 0.01,
            matched: Match::Epochs,
            folds: 4,
            repeats: 2,
            seed: 1,
            base: yaml_serde::Mapping::new(),
            arms,
            data: BTreeMap::new(),
        };
        Plan::new(study, vec![set("x", 4, 2), set("y", 3, 1)], "0".to_owned())
    }

    #[test]
    fn tasks_are_numbers() {
        let plan = plan();
        assert_eq!(plan.len(), 33);
        let tasks: Vec<_> = plan.tasks().collect();
        assert_eq!(tasks.len(), 33);
        for (number, task) in (0..).zip(&tasks) {
            assert_eq!(plan.task(number), Some(*task));
        }
        assert_eq!(plan.task(33), None);
        assert_eq!(tasks[3 * 5 + 1], Task { set: 0, repeat: 1, fold: 1, arm: 1 });
        assert_eq!(tasks[32], Task { set: 1, repeat: 0, fold: 2, arm: 2 });
        assert_eq!(plan.config(tasks[32]).seed, 1);
        assert_eq!(plan.config(tasks[16]).seed, 2);
    }

    #[test]
    fn a_plan_is_what_was_written() {
        let plan = plan();
        let bytes = plan.to_bytes().unwrap();
        let read: Plan = serde_json::from_slice(&bytes).unwrap();
        assert_eq!((&read, read.to_bytes().unwrap()), (&plan, bytes));
        assert_eq!(plan.problem(), None);
        let other = Plan { format: 2, ..plan.clone() };
        assert!(other.problem().unwrap().contains("format 2"));
        assert_ne!(other.to_bytes().unwrap(), plan.to_bytes().unwrap());
    }
}
