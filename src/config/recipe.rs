//! Settings that belong together, by name.

use super::{DateFormat, Dates, ModelConfig, Selection, TrainConfig};
use crate::nn::{Block, Nonlinearity};
use crate::optim::Schedule;

/// A network and its training by name, which any other setting overrides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Recipe {
    /// The exercise that this began as: plain blocks, and AdamW at a constant rate of 1e-3. Its parts are the
    /// defaults of [`ModelConfig`] and [`TrainConfig`].
    Seed,
    /// Injection blocks, a rate that rises to 0.02 and falls to nearly 0, gradients of a norm of at most 1
    /// and a weight decay of 0.1; the default.
    #[default]
    Injection,
    /// For tables of any kind: the mean of up to 8 networks of injection blocks of width 64 with silu, on
    /// features in 8 bins; 100 epochs, of which each takes the best on a fifth of the training rows of its
    /// own. Where these would be more than 40,000 steps of all of them, there are fewer epochs, down to half,
    /// then fewer networks, and then fewer epochs again. The default for data of a file.
    Tabular,
}

impl Recipe {
    /// The network.
    pub fn model(self) -> ModelConfig {
        match self {
            Self::Seed => ModelConfig::default(),
            Self::Injection => ModelConfig { block: Block::Injection, ..ModelConfig::default() },
            Self::Tabular => ModelConfig {
                hidden: 64,
                activation: Nonlinearity::Silu,
                members: 8,
                bins: 8,
                ..Self::Injection.model()
            },
        }
    }

    /// How dates in a file are handled.
    pub fn dates(self) -> Dates {
        match self {
            Self::Seed => Dates::default(),
            Self::Injection | Self::Tabular => Dates::Expand,
        }
    }

    /// In which order dates in a file are written.
    pub fn date_format(self) -> DateFormat {
        match self {
            Self::Seed => DateFormat::default(),
            Self::Injection | Self::Tabular => DateFormat::Auto,
        }
    }

    /// Its training.
    ///
    /// # Examples
    ///
    /// ```
    /// use taper::config::{CvConfig, Recipe, TrainConfig};
    ///
    /// assert_eq!(Recipe::default().train(), CvConfig::default().train);
    /// assert_eq!(Recipe::Seed.train(), TrainConfig::default());
    /// ```
    pub fn train(self) -> TrainConfig {
        match self {
            Self::Seed => TrainConfig::default(),
            Self::Injection => TrainConfig {
                lr: 2e-2,
                schedule: Schedule::OneCycle,
                weight_decay: 0.1,
                clip_norm: 1.,
                ..TrainConfig::default()
            },
            Self::Tabular => TrainConfig {
                lr: 5e-3,
                epochs: 100,
                max_steps: 40_000,
                validation: 0.2,
                select: Selection::Bag,
                ..Self::Injection.train()
            },
        }
    }
}
