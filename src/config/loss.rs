//! What a network is trained for.

use serde::{Deserialize, Serialize};

use super::TrainConfig;
use crate::ops::{Loss, Quantiles};

/// The loss that training makes small, by name; its parameters are settings of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LossName {
    /// The mean squared error, which is least at the mean.
    #[default]
    Mse,
    /// The mean absolute error, which is least at the median.
    Mae,
    /// The mean squared error of small errors and the mean absolute error of large ones.
    Huber,
    /// The pinball loss of several quantiles, which is least at them.
    Quantile,
}

impl TrainConfig {
    /// The quantiles that are predicted, if that is what the loss is for.
    pub fn predicted_quantiles(&self) -> Option<Quantiles> {
        (self.loss == LossName::Quantile).then_some(self.quantiles)
    }

    /// The loss, with its parameters.
    ///
    /// # Examples
    ///
    /// ```
    /// use taper::config::{LossName, TrainConfig};
    /// use taper::ops::Loss;
    ///
    /// let train = TrainConfig { loss: LossName::Huber, huber_delta: 0.5, ..TrainConfig::default() };
    /// assert_eq!(train.loss(), Loss::Huber { delta: 0.5 });
    /// ```
    pub fn loss(&self) -> Loss {
        match self.loss {
            LossName::Mse => Loss::Mse,
            LossName::Mae => Loss::Mae,
            LossName::Huber => Loss::Huber { delta: self.huber_delta },
            LossName::Quantile => Loss::Quantile(self.quantiles),
        }
    }
}
