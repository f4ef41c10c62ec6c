//! How a model came to be.

use serde::{Deserialize, Serialize};

use crate::evaluate::TargetErrors;
use crate::metrics::{Details, Metrics};

/// How a model was trained, for people to read: no prediction depends on it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Training {
    /// The name of the data file, unless the data are synthetic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// The number of rows it was trained on.
    pub rows: usize,
    /// The number of epochs.
    pub epochs: usize,
    /// The seed of every random stream.
    pub seed: u64,
    /// The mean loss in the last epoch of training, in the target's own units if there is one target.
    #[serde(alias = "train_mse", skip_serializing_if = "Option::is_none")]
    pub train_loss: Option<f64>,
    /// The errors on held-out rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holdout: Option<Holdout>,
}

/// The errors of a model on held-out rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Holdout {
    /// The number of these rows.
    pub rows: usize,
    /// The errors of the prediction on them, the means over the targets.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// More about the prediction.
    #[serde(flatten)]
    pub details: Details,
    /// The errors of each target; none where an earlier version did not say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<TargetErrors>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_is_read_by_its_first_name() {
        let text = r#"{"rows":3,"epochs":25,"seed":7,"train_mse":0.5}"#;
        assert_eq!(serde_json::from_str::<Training>(text).unwrap().train_loss, Some(0.5));
    }
}
