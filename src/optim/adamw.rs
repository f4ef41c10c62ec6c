//! Adam with decoupled weight decay.

use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor, Var, bail};
use candle_nn::Optimizer;

/// The settings of [`AdamW`].
#[derive(Debug, Clone, PartialEq)]
pub struct AdamWConfig {
    /// The learning rate; 1e-3 by default.
    pub lr: f64,
    /// The decay of the first moment; 0.9 by default.
    pub beta1: f64,
    /// The decay of the second moment; 0.999 by default.
    pub beta2: f64,
    /// What is added to the root of the second moment; 1e-8 by default.
    pub eps: f64,
    /// The decoupled weight decay; 0 by default, and then this is Adam.
    pub weight_decay: f64,
}

impl Default for AdamWConfig {
    fn default() -> Self {
        Self { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0. }
    }
}

impl AdamWConfig {
    /// Refuses what PyTorch refuses.
    fn check(&self) -> Result<()> {
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

/// What [`AdamW`] remembers of one parameter.
#[derive(Debug, Clone)]
pub struct AdamWState {
    /// The number of updates of this parameter.
    pub steps: u32,
    /// The running mean of the gradient, in the shape and dtype of the parameter.
    pub first_moment: Tensor,
    /// The running mean of the squared gradient, in the shape and dtype of the parameter.
    pub second_moment: Tensor,
}

impl AdamWState {
    fn new(var: &Var) -> Result<Self> {
        let zeros = var.zeros_like()?;
        Ok(Self { steps: 0, first_moment: zeros.clone(), second_moment: zeros })
    }
}

/// Adam with decoupled weight decay.
///
/// For a parameter p with the gradient g, in its t-th update:
///
/// ```text
/// p <- p - lr weight_decay p
/// m <- beta1 m + (1 - beta1) g
/// v <- beta2 v + (1 - beta2) g^2
/// p <- p - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)
/// ```
///
/// A parameter without a gradient in a step is left alone, with its moments, its t and its decay. The source is
/// Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (2019); PyTorch's equivalent is
/// `torch.optim.AdamW`, or `torch.optim.Adam` when the decay is 0. Unlike `candle_nn::AdamW` it counts the updates of
/// each parameter, and its state can be read and restored.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Var};
/// use candle_nn::Optimizer;
/// use taper::optim::{AdamW, AdamWConfig};
///
/// let x = Var::new(3f64, &Device::Cpu)?;
/// let mut adam = AdamW::new(vec![x.clone()], AdamWConfig { lr: 0.1, ..Default::default() })?;
/// for _ in 0..200 {
///     adam.backward_step(&x.sqr()?)?;
/// }
/// assert!(x.to_scalar::<f64>()?.abs() < 0.01);
/// # Ok::<(), candle_core::Error>(())
/// ```
#[derive(Debug)]
pub struct AdamW {
    vars: Vec<Var>,
    states: Vec<AdamWState>,
    config: AdamWConfig,
}

impl AdamW {
    /// The settings.
    pub fn config(&self) -> &AdamWConfig {
        &self.config
    }

    /// What is remembered of every parameter, in the order in which the parameters were given.
    pub fn state(&self) -> &[AdamWState] {
        &self.states
    }

    /// Replaces what is remembered of every parameter, in the order in which the parameters were given.
    ///
    /// # Errors
    ///
    /// Fails, and changes nothing, when `states` does not fit the parameters in number, shape, dtype or device.
    pub fn load_state(&mut self, states: Vec<AdamWState>) -> Result<()> {
        if states.len() != self.vars.len() {
            bail!("AdamW: the state has {} parameters, expected {}", states.len(), self.vars.len())
        }
        for (i, (var, state)) in self.vars.iter().zip(&states).enumerate() {
            for moment in [&state.first_moment, &state.second_moment] {
                let fits = moment.shape() == var.shape()
                    && moment.dtype() == var.dtype()
                    && moment.device().same_device(var.device());
                if !fits {
                    bail!(
                        "AdamW: a moment of parameter {i} is {:?} {:?}, expected {:?} {:?} on the same device",
                        moment.dtype(),
                        moment.dims(),
                        var.dtype(),
                        var.dims()
                    )
                }
            }
        }
        // Moments that come out of variables would carry their graph through every later step.
        let detach = |state: AdamWState| AdamWState {
            first_moment: state.first_moment.detach(),
            second_moment: state.second_moment.detach(),
            ..state
        };
        self.states = states.into_iter().map(detach).collect();
        Ok(())
    }
}

impl Optimizer for AdamW {
    type Config = AdamWConfig;

    fn new(vars: Vec<Var>, config: AdamWConfig) -> Result<Self> {
        if let Some(var) = vars.iter().find(|var| !var.dtype().is_float()) {
            bail!("AdamW: a parameter is {:?} {:?}, expected a float dtype", var.dtype(), var.dims())
        }
        config.check()?;
        let states = vars.iter().map(AdamWState::new).collect::<Result<_>>()?;
        Ok(Self { vars, states, config })
    }

    fn step(&mut self, grads: &GradStore) -> Result<()> {
        for (var, state) in self.vars.iter().zip(&mut self.states) {
            // Candle cannot set a variable that has no elements.
            if let Some(grad) = grads.get(var)
                && var.elem_count() > 0
            {
                update(var, &grad.detach(), state, &self.config)?;
            }
        }
        Ok(())
    }

    fn learning_rate(&self) -> f64 {
        self.config.lr
    }

    fn set_learning_rate(&mut self, lr: f64) {
        self.config.lr = lr;
    }
}

/// One update of one parameter.
fn update(var: &Var, grad: &Tensor, state: &mut AdamWState, config: &AdamWConfig) -> Result<()> {
    let AdamWConfig { lr, beta1, beta2, eps, weight_decay } = *config;
    let steps = state.steps.saturating_add(1);
    let first_moment = ((&state.first_moment * beta1)? + (grad * (1. - beta1))?)?;
    let second_moment = ((&state.second_moment * beta2)? + (grad.sqr()? * (1. - beta2))?)?;

    let t = f64::from(steps);
    let root = (second_moment.sqrt()? * (1. / (1. - beta2.powf(t)).sqrt()))?;
    let direction = (&first_moment / (root + eps)?)?;
    let decayed = (var.as_detached_tensor() * (1. - lr * weight_decay))?;
    var.set(&(decayed - (direction * (lr / (1. - beta1.powf(t))))?)?)?;
    *state = AdamWState { steps, first_moment, second_moment };
    Ok(())
}
