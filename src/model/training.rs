//! How a model came to be.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::config::{Depths, LossName, TrainConfig};
use crate::evaluate::TargetErrors;
use crate::metrics::{Details, Metrics};
use crate::nn::Halting;
use crate::ops::{Loss, Quantiles};

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
    /// What its steps made small; none where an earlier version did not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objective: Option<Objective>,
    /// The errors on held-out rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holdout: Option<Holdout>,
}

/// What the steps of a training made small, and at which depths.
///
/// Its `Display` is part of a sentence, such as `mse at depths drawn uniformly`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Objective {
    /// The loss.
    pub loss: LossName,
    /// From which difference on Huber's loss grew in proportion to it; none of another loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub huber_delta: Option<f64>,
    /// The depths of a step.
    pub depths: TrainedDepths,
    /// The weights of all depths, where a step had all; none where they were equal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depth_weights: Vec<f64>,
}

/// The depths of the steps of a training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrainedDepths {
    /// As [`Depths::Uniform`].
    Uniform,
    /// As [`Depths::Poisson`].
    Poisson,
    /// As [`Depths::All`].
    All,
    /// All, as the network learned to weigh them ([`Halting`]).
    Learned,
}

impl Objective {
    /// That of a training as `train` says, of a network with this `halting`.
    pub fn new(train: &TrainConfig, halting: Halting) -> Self {
        let depths = match (halting, train.depths) {
            (Halting::None, Depths::Uniform) => TrainedDepths::Uniform,
            (Halting::None, Depths::Poisson) => TrainedDepths::Poisson,
            (Halting::None, Depths::All) => TrainedDepths::All,
            _ => TrainedDepths::Learned,
        };
        Self {
            loss: train.loss,
            huber_delta: (train.loss == LossName::Huber).then_some(train.huber_delta),
            depths,
            depth_weights: train.depth_weights.clone(),
        }
    }

    /// The loss, with its parameters; `quantiles` are those that the network predicts.
    pub fn loss(&self, quantiles: Option<Quantiles>) -> Loss {
        let default = TrainConfig::default();
        let huber_delta = self.huber_delta.unwrap_or(default.huber_delta);
        let quantiles = quantiles.unwrap_or(default.quantiles);
        TrainConfig { loss: self.loss, huber_delta, quantiles, ..default }.loss()
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.loss(None).name())?;
        if let Some(delta) = self.huber_delta {
            write!(f, " of {delta}")?;
        }
        f.write_str(match self.depths {
            TrainedDepths::Uniform => " at depths drawn uniformly",
            TrainedDepths::Poisson => " at depths drawn as poisson says",
            TrainedDepths::All => " at all depths",
            TrainedDepths::Learned => " at depths that are learned",
        })?;
        if !self.depth_weights.is_empty() {
            let weights: Vec<_> = self.depth_weights.iter().map(f64::to_string).collect();
            write!(f, " weighted {}", weights.join(", "))?;
        }
        Ok(())
    }
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
        let training = serde_json::from_str::<Training>(text).unwrap();
        assert_eq!((training.train_loss, training.objective), (Some(0.5), None));
    }

    #[test]
    fn an_objective_is_said_and_read_back() {
        let default = TrainConfig::default();
        let weighted = TrainConfig {
            loss: LossName::Huber,
            huber_delta: 0.25,
            depths: Depths::All,
            depth_weights: vec![1., 0.5],
            ..default.clone()
        };
        let poisson = TrainConfig { loss: LossName::Mae, depths: Depths::Poisson, ..default.clone() };
        for (train, halting, text, json) in [
            (
                &default,
                Halting::None,
                "mse at depths drawn uniformly",
                r#"{"loss":"mse","depths":"uniform"}"#,
            ),
            (
                &default,
                Halting::Shared,
                "mse at depths that are learned",
                r#"{"loss":"mse","depths":"learned"}"#,
            ),
            (
                &poisson,
                Halting::None,
                "mae at depths drawn as poisson says",
                r#"{"loss":"mae","depths":"poisson"}"#,
            ),
            (
                &weighted,
                Halting::None,
                "huber of 0.25 at all depths weighted 1, 0.5",
                r#"{"loss":"huber","huber_delta":0.25,"depths":"all","depth_weights":[1.0,0.5]}"#,
            ),
        ] {
            let objective = Objective::new(train, halting);
            assert_eq!(objective.to_string(), text);
            assert_eq!(serde_json::to_string(&objective).unwrap(), json);
            assert_eq!(serde_json::from_str::<Objective>(json).unwrap(), objective);
            assert_eq!(objective.loss(None), train.loss());
        }
    }
}
