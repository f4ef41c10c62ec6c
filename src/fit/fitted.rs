//! A trained network, with what its training and its test showed.

use crate::data::{CategoryMeans, Scaling, Transform};
use crate::evaluate::Evaluation;
use crate::metrics::{Intervals, Residuals};
use crate::nn::DynamicNet;
use crate::results::Validation;
use crate::run::{EpochRecord, Predictions, mean_over_members};

/// A trained network and its results.
#[derive(Debug)]
pub struct Fitted {
    /// The network, whose features and targets are scaled.
    pub net: DynamicNet,
    /// What texts of many values became, if there are such.
    pub category_means: Option<CategoryMeans>,
    /// The scaling of the features, if they are scaled or their missing values filled in.
    pub features: Option<Scaling>,
    /// The scaling of the targets, if they are scaled.
    pub targets: Option<Scaling>,
    /// The results of each epoch, in the target's own units if there is one target.
    pub epochs: Vec<EpochRecord>,
    /// The number of rows that the network was trained on, of a bag by its members together.
    pub rows: usize,
    /// What the rows that were set aside for validation showed, if there were any.
    pub validation: Option<Validation>,
    /// The errors on the rows to test on, if there are any.
    pub evaluation: Option<Evaluation>,
    /// The predictions of those rows.
    pub predictions: Predictions,
    /// How well intervals of them cover the truths, if there are to be intervals.
    pub intervals: Option<Intervals>,
    /// The sizes of the errors of each target on the rows for validation, of which intervals are made; none
    /// where there are to be no intervals.
    pub residuals: Option<Vec<Residuals>>,
    /// What is suspicious about the training, in sentences that say what to do.
    pub warnings: Vec<String>,
    /// How long it took in seconds, with the earlier parts of a run that was resumed.
    pub seconds: f64,
}

impl Fitted {
    /// The mean loss that training met in each epoch of the training that the network comes of, of a bag the
    /// mean of its members'.
    pub fn train_loss(&self) -> Vec<f64> {
        let has_refit = self.epochs.iter().any(|epoch| epoch.refit);
        let tried = self.validation.as_ref().and_then(Validation::chosen).map(|trial| trial.transform);
        let of_it =
            self.epochs.iter().filter(|epoch| epoch.refit == has_refit && epoch.target_transform == tried);
        mean_over_members(of_it.copied()).iter().map(|epoch| epoch.train_loss).collect()
    }

    /// The transform of each target, or nothing if none has one.
    pub fn transforms(&self) -> Vec<Option<Transform>> {
        let transforms = self.targets.iter().flat_map(Scaling::transforms).collect::<Vec<_>>();
        if transforms.iter().any(Option::is_some) { transforms } else { Vec::new() }
    }

    /// That of the last epoch of the network, after which its training may have gone on.
    pub fn last_train_loss(&self) -> Option<f64> {
        let losses = self.train_loss();
        let epochs = self.validation.as_ref().map_or(losses.len(), |validation| validation.selected);
        losses.get(epochs.checked_sub(1)?).copied()
    }
}
