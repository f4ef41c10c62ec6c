//! The settings of AdamW.

use candle_core::{Result, bail};

/// The settings of [`AdamW`](super::AdamW).
#[derive(Debug, Clone, PartialEq)]
pub struct AdamWConfig {
    /// The learning rate; 1e-3 by default.
    pub lr: f64,
    /// The decay of the first moment; 0.9 by default.
    pub beta1: f64,
    /// The decay of the second moment; 0.999 by default.
    pub beta2: f64,
    /// The number added to the root of the second moment; 1e-8 by default.
    pub eps: f64,
    /// The decoupled weight decay; 0 by default, which makes this Adam.
    pub weight_decay: f64,
}

impl Default for AdamWConfig {
    fn default() -> Self {
        Self { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0. }
    }
}

impl AdamWConfig {
    /// Checks the ranges that PyTorch checks.
    ///
    /// # Errors
    ///
    /// Fails with the name of the setting, its value and its range.
    pub fn check(&self) -> Result<()> {
        let not_negative = |x: f64| x.is_finite() && x >= 0.;
        for (name, value) in [("lr", self.lr), ("eps", self.eps), ("weight_decay", self.weight_decay)] {
            if !not_negative(value) {
                bail!("AdamW: {name} is {value}, expected a finite number of 0 or more")
            }
        }
        for (name, value) in [("beta1", self.beta1), ("beta2", self.beta2)] {
            if !(0. ..1.).contains(&value) {
                bail!("AdamW: {name} is {value}, expected a number from 0 to below 1")
            }
        }
        Ok(())
    }
}
