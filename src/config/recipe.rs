//! Settings that belong together, by name.

use serde_json::{Value, json};

/// A small configuration with a name, which any other setting overrides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Recipe {
    /// The exercise that this began as: plain blocks, and AdamW at a constant rate of 1e-3.
    #[default]
    Seed,
    /// Injection blocks, a rate that rises to 0.02 and falls to nearly 0, and a weight decay of 0.05.
    Injection,
}

impl Recipe {
    /// The keys that it sets, with their values.
    ///
    /// # Examples
    ///
    /// ```
    /// use taper::config::{CvConfig, Recipe, Settings};
    ///
    /// let mut settings = Settings::default();
    /// for (key, value) in Recipe::Seed.settings() {
    ///     settings.set(key, value, str::to_owned)?;
    /// }
    /// assert_eq!(*settings.validate()?, CvConfig::default());
    /// # Ok::<(), taper::Error>(())
    /// ```
    pub fn settings(self) -> Vec<(&'static str, Value)> {
        let (block, schedule, lr, weight_decay) = match self {
            Self::Seed => ("plain", "constant", 1e-3, 0.),
            Self::Injection => ("injection", "one-cycle", 2e-2, 0.05),
        };
        vec![
            ("model.hidden", json!(32)),
            ("model.min_depth", json!(1)),
            ("model.max_depth", json!(4)),
            ("model.layer", json!("linear")),
            ("model.block", json!(block)),
            ("train.epochs", json!(25)),
            ("train.batch_size", json!(64)),
            ("train.lr", json!(lr)),
            ("train.schedule", json!(schedule)),
            ("train.warmup", json!(0.)),
            ("train.weight_decay", json!(weight_decay)),
        ]
    }
}
