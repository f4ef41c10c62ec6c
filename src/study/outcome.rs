//! What came of a task.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::compare::Metric;
use crate::data::Fold;
use crate::error::{Error, Result};
use crate::fit::Fitted;
use crate::metrics::Metrics;
use crate::run::{Predicted, Predictions};
use crate::storage::hex;

/// What came of a task, and where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The number of the task in the plan.
    pub task: u64,
    /// What came of it, the same wherever it runs.
    pub result: TaskResult,
    /// How long it took.
    pub seconds: f64,
}

/// What came of a task, the same on all machines that calculate alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskResult {
    /// The network was trained and tested.
    Done(Scores),
    /// It cannot be trained, for this reason.
    Failed(String),
}

/// How a network did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// The error by which the arms of the study are compared.
    pub error: f64,
    /// The errors on the test rows, of several targets their means.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// The mean squared error of the output at each depth.
    pub mse_by_depth: BTreeMap<usize, f64>,
    /// The rows that it could learn from, those set aside for validation with them.
    pub train_rows: usize,
    /// The rows that it was tested on.
    pub test_rows: usize,
    /// The loss of training in each epoch, rounded: a curve is looked at.
    pub train_loss: Vec<f32>,
    /// The loss on rows for validation after each epoch, if there are such rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub validation_loss: Vec<f32>,
    /// The SHA-256 sum of the bits of all predictions.
    pub bits: String,
}

impl Scores {
    /// Those of `fitted`, the network of fold `index`, which is compared by `metric`.
    fn of(fitted: &Fitted, index: usize, fold: &Fold, metric: Metric) -> Result<Self> {
        let evaluation = fitted.evaluation.as_ref().ok_or(Error::NoRows)?;
        // JSON has no infinite numbers.
        let rounded =
            |losses: &[f64]| losses.iter().map(|loss| (*loss as f32).clamp(f32::MIN, f32::MAX)).collect();
        Ok(Self {
            error: metric.of_targets(index, &evaluation.targets)?,
            metrics: evaluation.metrics,
            mse_by_depth: evaluation.mse_by_depth.clone(),
            train_rows: fold.train.len(),
            test_rows: fitted.predictions.len(),
            train_loss: rounded(&fitted.train_loss()),
            validation_loss: fitted.validation.as_ref().map_or_else(Vec::new, |v| rounded(&v.loss)),
            bits: bits(&fitted.predictions),
        })
    }
}

impl Scores {
    /// Whether all numbers are finite, so that they can be written as JSON and read again.
    fn is_finite(&self) -> bool {
        let Metrics { mse, rmse, mae, r2 } = self.metrics;
        let errors = [self.error, mse, rmse, mae, r2.unwrap_or_default()];
        let losses = self.train_loss.iter().chain(&self.validation_loss);
        errors.iter().chain(self.mse_by_depth.values()).all(|error| error.is_finite())
            && losses.into_iter().all(|loss| loss.is_finite())
    }
}

/// The sum of the bits of `predictions` and of the rows that they are of.
fn bits(predictions: &Predictions) -> String {
    let mut hash = Sha256::new();
    for row in predictions.rows() {
        hash.update((*row as u64).to_le_bytes());
    }
    for target in 0..predictions.targets().len() {
        for value in predictions.values(target, Predicted::Mean) {
            hash.update(value.to_bits().to_le_bytes());
        }
    }
    hex(&hash.finalize())
}

impl Outcome {
    /// That of `task`, the network of fold `index`, whose training came to `fitted` after `seconds`.
    pub(super) fn new(
        task: u64,
        (index, fold): (usize, &Fold),
        fitted: Result<Fitted>,
        metric: Metric,
        seconds: f64,
    ) -> Self {
        let result = match fitted.and_then(|fitted| Scores::of(&fitted, index, fold, metric)) {
            Ok(scores) if scores.is_finite() => TaskResult::Done(scores),
            Ok(_) => TaskResult::Failed("an error is not finite".to_owned()),
            Err(error) => TaskResult::Failed(error.to_string()),
        };
        Self { task, result, seconds }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_json_cannot_say_is_found() {
        let metrics = Metrics { mse: 1., rmse: 1., mae: 1., r2: None };
        let scores = |error: f64, depth: f64, loss: f32| Scores {
            error,
            metrics,
            mse_by_depth: [(1, depth)].into(),
            train_rows: 8,
            test_rows: 2,
            train_loss: vec![loss],
            validation_loss: Vec::new(),
            bits: String::new(),
        };
        for (scores, is_finite) in [
            (scores(1., 1., f32::MAX), true),
            (scores(f64::INFINITY, 1., 1.), false),
            (scores(1., f64::NAN, 1.), false),
            (scores(1., 1., f32::INFINITY), false),
        ] {
            assert_eq!(scores.is_finite(), is_finite);
            let line = serde_json::to_string(&scores).unwrap();
            assert_eq!(
                serde_json::from_str::<Scores>(&line).is_ok_and(|read| read == scores),
                is_finite,
                "{line}"
            );
        }
    }
}
