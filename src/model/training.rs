//! How a model came to be.

use serde::{Deserialize, Serialize};

use crate::metrics::Metrics;

/// How a model was trained: facts for people, on which no prediction depends.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Training {
    /// The name of the file of the data, if they were not made up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// The number of rows it was trained on.
    pub rows: usize,
    /// How often training went through them.
    pub epochs: usize,
    /// The seed of every random stream.
    pub seed: u64,
    /// The mean squared error that training met in the last epoch, in the target's own units if there is one target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train_mse: Option<f64>,
    /// The errors on rows that it was not trained on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holdout: Option<Holdout>,
}

/// The errors of a model on rows that it was not trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Holdout {
    /// The number of these rows.
    pub rows: usize,
    /// The errors of the prediction on them.
    #[serde(flatten)]
    pub metrics: Metrics,
}
