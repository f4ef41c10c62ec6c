//! What was measured.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::stats::mean;
use crate::text::one_line;

/// The errors of several arms in the folds of one data set or more.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurements {
    /// The name of the error, such as `rmse`.
    pub metric: String,
    /// The data sets, at least one.
    pub sets: Vec<DataSet>,
    /// The arms, at least two.
    pub arms: Vec<Arm>,
}

/// A data set and how it was divided, alike for all arms.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DataSet {
    /// Its name.
    pub name: String,
    /// The number of its rows that were tested, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<usize>,
    /// The number of folds of a repetition.
    pub folds: usize,
    /// The number of repetitions, each with another partition and another seed.
    pub repeats: usize,
    /// The number of test rows for each training row, by which the tests are corrected.
    pub test_per_train: f64,
}

impl DataSet {
    /// A data set that was divided into folds of as many rows each, of k folds with 1 / (k - 1) test rows
    /// for each training row.
    pub fn new(name: &str, rows: Option<usize>, folds: usize, repeats: usize) -> Self {
        Self { name: name.to_owned(), rows, folds, repeats, test_per_train: 1. / (folds as f64 - 1.) }
    }
}

/// A way to learn, and how it did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Arm {
    /// Its name.
    pub name: String,
    /// The settings that set it apart from the other arms, by key.
    pub settings: BTreeMap<String, String>,
    /// Where its errors are from, such as the folder of a run for each data set.
    pub sources: Vec<String>,
    /// Its errors by data set, and there by fold, those of the first repetition first.
    pub errors: Vec<Vec<f64>>,
}

impl Measurements {
    /// Refuses what cannot be compared.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Statistics`] for fewer than two arms, two of the same name, no data sets, fewer
    /// than two folds, arms that lack a fold, and errors that are not above 0.
    pub fn check(&self) -> Result<()> {
        let refused = |problem: String| Err(Error::Statistics(one_line(&problem)));
        if self.arms.len() < 2 {
            return refused(format!("there are {} arms, expected at least 2", self.arms.len()));
        }
        let is_again = |(i, arm): &(usize, &Arm)| self.arms[..*i].iter().any(|other| other.name == arm.name);
        if let Some((_, arm)) = self.arms.iter().enumerate().find(is_again) {
            return refused(format!("two arms have the name {}, expected names of their own", arm.name));
        }
        if self.sets.is_empty() {
            return refused("there are 0 data sets, expected at least 1".to_owned());
        }
        if let Some(set) = self.sets.iter().find(|set| set.folds * set.repeats < 2) {
            let (name, folds) = (&set.name, set.folds * set.repeats);
            return refused(format!("{name} has {folds} folds, expected at least 2"));
        }
        let is_known = |set: &&DataSet| set.test_per_train > 0. && set.test_per_train.is_finite();
        if let Some(set) = self.sets.iter().find(|set| !is_known(set)) {
            return refused(format!(
                "{} has {} test rows for each training row, expected a number above 0; of one fold the numbers \
                 of rows say it",
                set.name, set.test_per_train
            ));
        }
        for arm in &self.arms {
            let folds: Vec<_> = arm.errors.iter().map(Vec::len).collect();
            let expected: Vec<_> = self.sets.iter().map(|set| set.folds * set.repeats).collect();
            if folds != expected {
                return refused(format!("{} has errors in {folds:?} folds, expected {expected:?}", arm.name));
            }
            for (set, errors) in self.sets.iter().zip(&arm.errors) {
                let is_error = |error: &&f64| **error > 0. && error.is_finite();
                let Some(error) = errors.iter().find(|error| !is_error(error)) else { continue };
                return refused(format!(
                    "{} has the {} {error} on {}, of which there is no ratio; expected a finite number above 0",
                    arm.name, self.metric, set.name
                ));
            }
        }
        Ok(())
    }

    /// The log ratios of the errors of `arm` to those of `reference` in the folds of `set`.
    pub(super) fn log_ratios(&self, set: usize, arm: usize, reference: usize) -> Vec<f64> {
        let [of, to] = [arm, reference].map(|arm| &self.arms[arm].errors[set]);
        of.iter().zip(to).map(|(of, to)| (of / to).ln()).collect()
    }

    /// The mean log error of each arm by data set.
    pub(super) fn log_errors(&self) -> Vec<Vec<f64>> {
        let of_arm =
            |set: usize, arm: &Arm| mean(&arm.errors[set].iter().map(|error| error.ln()).collect::<Vec<_>>());
        (0..self.sets.len()).map(|set| self.arms.iter().map(|arm| of_arm(set, arm)).collect()).collect()
    }
}
