//! What is learnt from data, whatever data they are.

use super::{CvConfig, Depths, EngineName, Fill, ModelConfig, Scale, TargetTransform, TrainConfig};
use crate::error::{Error, Result};
use crate::nn::{Halting, Norm};
use crate::ops::Loss;

/// How a network is made from data: its shape, its training, and the preparation of the data.
#[derive(Debug, Clone, PartialEq)]
pub struct Learner {
    /// The network.
    pub model: ModelConfig,
    /// Its training.
    pub train: TrainConfig,
    /// What is done to features and targets before.
    pub preparation: Preparation,
    /// What missing numbers become, where it fills them in.
    pub fill: Fill,
    /// The seed of every random stream.
    pub seed: u64,
}

/// What is done to features and targets before training, by what is fitted on the rows to train on alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Preparation {
    /// They stay as they are.
    #[default]
    None,
    /// Missing features become the mean of their column, or its median.
    Fill,
    /// Missing features become the mean of their column, or its median, and each column is scaled to mean 0
    /// and standard deviation 1.
    Standardise,
    /// As by `Standardise`, but what the input layer takes of the numbers among the features is scaled by
    /// their quartiles and clipped smoothly, and the network has a [skip](ModelConfig::skip), which takes
    /// them as they are.
    RobustClip,
    /// As by `Standardise`, but numbers among the features by their quantiles, as numbers of a normal
    /// distribution.
    Quantile,
}

impl Preparation {
    /// Whether features and targets are scaled.
    pub fn is_scaled(self) -> bool {
        !matches!(self, Self::None | Self::Fill)
    }
}

impl Default for Learner {
    fn default() -> Self {
        CvConfig::default().learner()
    }
}

impl CvConfig {
    /// The learner that these settings describe.
    pub fn learner(&self) -> Learner {
        let preparation = match (self.data.is_scaled(), self.data.is_filled()) {
            (true, _) if self.data.scale == Scale::RobustClip => Preparation::RobustClip,
            (true, _) if self.data.scale == Scale::Quantile => Preparation::Quantile,
            (true, _) => Preparation::Standardise,
            (false, true) => Preparation::Fill,
            (false, false) => Preparation::None,
        };
        let Self { mut model, train, seed, .. } = self.clone();
        // Without a path around the clip any linear law would be lost.
        model.skip |= preparation == Preparation::RobustClip;
        let fill = self.data.fill().unwrap_or_default();
        Learner { model, train, preparation, fill, seed }
    }
}

impl Learner {
    /// The same with the members and the epochs that its steps [allow](TrainConfig::max_steps) on `rows`
    /// rows: first there are fewer epochs, down to half of them, then fewer members, then fewer epochs again.
    pub(crate) fn for_rows(&self, rows: usize) -> Self {
        let Self { mut model, mut train, .. } = self.clone();
        if train.max_steps > 0 {
            // Of all members together.
            let most = usize::try_from(train.max_steps / train.steps(rows).max(1)).unwrap_or(usize::MAX);
            let half = train.epochs.div_ceil(2);
            model.members = model.members.min(most.div_ceil(half)).max(1);
            train.epochs = train.epochs.min(most / model.members).max(1);
        }
        Self { model, train, ..self.clone() }
    }

    /// Checks every setting.
    pub(crate) fn check(&self) -> Result<()> {
        self.model.check()?;
        self.train.check()?;
        let depths = self.model.max_depth - self.model.min_depth + 1;
        self.train.check_depth_weights(depths)?;
        let transform = self.train.target_transform;
        if transform != TargetTransform::None && !self.preparation.is_scaled() {
            let problem = format!(
                "is {}, whose values are scaled before they are learned; expected none, or `data.scale=standard`",
                transform.name()
            );
            return Err(Error::config("train.target_transform", problem));
        }
        if self.train.clamp && !self.preparation.is_scaled() {
            let problem =
                "is true, which is for targets that are scaled; expected false, or `data.scale=standard`";
            return Err(Error::config("train.clamp", problem));
        }
        let loss = self.train.loss();
        if self.model.halting != Halting::None && loss != Loss::Mse {
            let expected = "expected mse for a network that learns its depths by `model.halting`";
            return Err(Error::config("train.loss", format!("is {}, {expected}", loss.name())));
        }
        if self.model.halting != Halting::None && self.train.depths != Depths::Uniform {
            let depths = if self.train.depths == Depths::All { "all" } else { "poisson" };
            let problem = format!(
                "is {depths}, and a network that learns its depths by `model.halting` is trained at all of them; expected uniform"
            );
            return Err(Error::config("train.depths", problem));
        }
        if self.model.norm == Norm::Batch && self.train.batch_size == 1 {
            let problem =
                "is 1, and `model.norm=batch` normalises over the rows of a batch; expected at least 2";
            return Err(Error::config("train.batch_size", problem));
        }
        if self.train.engine == EngineName::Fused && self.model.min_depth == 0 {
            let problem = "is fused, which applies the hidden layer at least once; expected autograd, or a min_depth of 1 or \
                           more";
            return Err(Error::config("train.engine", problem));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_limit_epochs_and_members() {
        let allowed = |max_steps, rows| {
            let model = ModelConfig { members: 8, ..ModelConfig::default() };
            let train = TrainConfig { epochs: 100, batch_size: 64, max_steps, ..TrainConfig::default() };
            let Learner { model, train, .. } = Learner { model, train, ..Learner::default() }.for_rows(rows);
            (model.members, train.epochs)
        };
        // 10 steps an epoch, the last of them with 63 rows less.
        for (max_steps, expected) in [
            (0, (8, 100)),
            (8000, (8, 100)),
            (7999, (8, 99)),
            (4000, (8, 50)),
            (2000, (4, 50)),
            (840, (2, 42)),
            (500, (1, 50)),
            (19, (1, 1)),
            (1, (1, 1)),
        ] {
            assert_eq!(allowed(max_steps, 577), expected, "{max_steps} steps");
        }
        assert_eq!((allowed(800, 0), allowed(u64::MAX, 1 << 40)), ((8, 100), (8, 100)));
    }
}
