//! The whole of an update: an optimiser, and the passes before and after it.

use candle_core::{Result, bail};

use super::optimizer::OptimizerConfig;
use super::passes::Pass;
use super::penalised::Penalised;

/// How parameters are updated from their gradients: by an optimiser, with what happens to the gradients
/// before it and to the parameters after it.
///
/// For all gradients g of a step and each parameter w, at the learning rate lr, in this order:
///
/// ```text
/// g <- max(-clip_value, min(clip_value, g))
/// g <- g min(1, clip_norm / (|g| + 1e-6))       |g| is the norm of all gradients together
/// g <- g + l2 w                                 of penalised parameters
/// w <- the optimiser's update                   its weight decay on penalised parameters alone
/// w <- sign(w) max(|w| - lr l1, 0)              of penalised parameters
/// a <- a + max(1 - averaging, 10 / (t + 9)) (w - a)
/// ```
///
/// What is 0 or, for a bound, infinite, is not done. The clipping is that of PyTorch's
/// `torch.nn.utils.clip_grad_value_` and `clip_grad_norm_`, the coupled L2 penalty that of its
/// `torch.optim.Adam(weight_decay=...)`, and the L1 penalty a proximal step, which makes zeros that stay
/// zeros (Parikh and Boyd, "Proximal Algorithms", 2014). The average a of the parameters over the updates t =
/// 1, 2, ... is an exponential one as soon as that forgets more slowly than it has begun; until then it weighs
/// the updates as Shamir and Zhang do ("Stochastic Gradient Descent for Non-smooth Optimization", 2013), so
/// that it does not remember where training began.
#[derive(Debug, Clone, PartialEq)]
pub struct Updates {
    /// The optimiser.
    pub optimizer: OptimizerConfig,
    /// The largest magnitude of an element of a gradient; infinite by default.
    pub clip_value: f64,
    /// The largest norm of all gradients together; infinite by default.
    pub clip_norm: f64,
    /// The coupled L2 penalty: the loss grows by l2 / 2 times the squares of the parameters.
    pub l2: f64,
    /// The L1 penalty: the loss grows by l1 times the magnitudes of the parameters.
    pub l1: f64,
    /// Which parameters are penalised, by L1, L2 or a weight decay.
    pub penalised: Penalised,
    /// The decay of the average of the parameters that is to predict, from 0 to below 1; 0 for none.
    pub averaging: f64,
}

/// The name of the average among what is remembered of each parameter.
#[doc(hidden)]
pub const AVERAGE: &str = "average";

impl From<OptimizerConfig> for Updates {
    /// The optimiser alone.
    fn from(optimizer: OptimizerConfig) -> Self {
        Self {
            optimizer,
            clip_value: f64::INFINITY,
            clip_norm: f64::INFINITY,
            l2: 0.,
            l1: 0.,
            penalised: Penalised::default(),
            averaging: 0.,
        }
    }
}

impl Updates {
    /// Rejects settings that are out of range.
    ///
    /// # Errors
    ///
    /// Fails with the name of the setting, its value and its range.
    pub fn check(&self) -> Result<()> {
        self.optimizer.check()?;
        for (name, bound) in [("clip_value", self.clip_value), ("clip_norm", self.clip_norm)] {
            if bound.is_nan() || bound <= 0. {
                bail!("{name} is {bound}, expected a number above 0")
            }
        }
        for (name, penalty) in [("l1", self.l1), ("l2", self.l2)] {
            if !(penalty.is_finite() && penalty >= 0.) {
                bail!("{name} is {penalty}, expected a finite number of 0 or more")
            }
        }
        if !(0. ..1.).contains(&self.averaging) {
            bail!("averaging is {}, expected a number from 0 to below 1", self.averaging)
        }
        Ok(())
    }

    /// The names of what is remembered of each parameter: the optimiser's, and behind them the average's if
    /// there is one.
    pub fn state_names(&self) -> Vec<&'static str> {
        let average = self.averages().then_some(AVERAGE);
        self.optimizer.state_names().iter().copied().chain(average).collect()
    }

    /// Whether there is an average of the parameters.
    pub fn averages(&self) -> bool {
        self.averaging > 0.
    }

    /// The pass over the gradient of every parameter before its norm is known.
    pub fn clip_values(&self) -> Option<Pass> {
        self.clip_value.is_finite().then_some(Pass::ClipValue(self.clip_value))
    }

    /// The pass over the gradient of every parameter when the norm of all is known.
    pub fn clip_norms(&self) -> Option<Pass> {
        self.clip_norm.is_finite().then_some(Pass::ClipNorm(self.clip_norm))
    }

    /// The pass over the gradient of a penalised parameter, with the parameter, before its update.
    pub fn couple(&self) -> Option<Pass> {
        (self.l2 > 0.).then_some(Pass::AddScaled(self.l2))
    }

    /// The pass over a penalised parameter after its update at the learning rate `lr`.
    pub fn shrink(&self, lr: f64) -> Option<Pass> {
        (self.l1 > 0.).then_some(Pass::Shrink(lr * self.l1))
    }

    /// The pass over the average, with the parameter, after update number `step`, counted from 1.
    pub fn average(&self, step: u32) -> Option<Pass> {
        let weight = (1. - self.averaging).max(10. / (f64::from(step) + 9.));
        self.averages().then_some(Pass::Average(weight))
    }
}
