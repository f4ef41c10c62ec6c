//! What came of a task.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::compare::Metric;
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
    /// The rows that it was tested on.
    pub rows: usize,
    /// The loss of training in each epoch, rounded: a curve is looked at.
    pub train_loss: Vec<f32>,
    /// The loss on rows for validation after each epoch, if there are such rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub validation_loss: Vec<f32>,
    /// The SHA-256 sum of the bits of all predictions.
    pub bits: String,
}

impl Scores {
    /// Those of `fitted`, the network of `fold`, which is compared by `metric`.
    fn of(fitted: &Fitted, fold: usize, metric: Metric) -> Result<Self> {
        let evaluation = fitted.evaluation.as_ref().ok_or(Error::NoRows)?;
        let rounded = |losses: &[f64]| losses.iter().map(|loss| *loss as f32).collect();
        Ok(Self {
            error: metric.of_targets(fold, &evaluation.targets)?,
            metrics: evaluation.metrics,
            mse_by_depth: evaluation.mse_by_depth.clone(),
            rows: fitted.predictions.len(),
            train_loss: rounded(&fitted.train_loss()),
            validation_loss: fitted.validation.as_ref().map_or_else(Vec::new, |v| rounded(&v.loss)),
            bits: bits(&fitted.predictions),
        })
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
    /// That of `task`, the network of `fold`, whose training came to `fitted` after `seconds`.
    pub(super) fn new(task: u64, fold: usize, fitted: Result<Fitted>, metric: Metric, seconds: f64) -> Self {
        let result = match fitted.and_then(|fitted| Scores::of(&fitted, fold, metric)) {
            Ok(scores) => TaskResult::Done(scores),
            Err(error) => TaskResult::Failed(error.to_string()),
        };
        Self { task, result, seconds }
    }
}
