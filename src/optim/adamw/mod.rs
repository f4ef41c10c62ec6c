//! Adam with decoupled weight decay.

pub(crate) mod cpu;
#[cfg(feature = "cuda")]
pub(crate) mod cuda;

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, Result, Storage, Tensor, Var, bail};
use candle_nn::Optimizer;

use super::in_place::{self, InPlace, leads_storage, share_storage};
use crate::ops::Real;

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
    pub(crate) fn check(&self) -> Result<()> {
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
        Ok(Self { steps: 0, first_moment: var.zeros_like()?, second_moment: var.zeros_like()? })
    }

    /// The state with tensors of its own, contiguous and without a graph: updates are made in place.
    fn to_owned(&self) -> Result<Self> {
        Ok(Self {
            steps: self.steps,
            first_moment: self.first_moment.detach().force_contiguous()?,
            second_moment: self.second_moment.detach().force_contiguous()?,
        })
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
/// A moment whose magnitude is below the smallest normal number becomes zero on the CPU, where arithmetic on such numbers
/// is slow and a moment would never leave them. A parameter without a gradient in a step is left alone, with its moments, its t and its decay. The source is
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

    /// A copy of what is remembered of every parameter, in the order in which the parameters were given.
    ///
    /// # Errors
    ///
    /// Fails when the device has no memory for the copy.
    pub fn state(&self) -> Result<Vec<AdamWState>> {
        self.states.iter().map(AdamWState::to_owned).collect()
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
        self.states = states.iter().map(AdamWState::to_owned).collect::<Result<_>>()?;
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

/// One update of one parameter, in place and in one pass.
fn update(var: &Var, grad: &Tensor, state: &mut AdamWState, config: &AdamWConfig) -> Result<()> {
    if grad.shape() != var.shape() || grad.dtype() != var.dtype() || !grad.device().same_device(var.device())
    {
        bail!(
            "AdamW: a gradient is {:?} {:?}, its parameter is {:?} {:?}, expected the same on one device",
            grad.dtype(),
            grad.dims(),
            var.dtype(),
            var.dims()
        )
    }
    let steps = state.steps.saturating_add(1);
    let parameter = var.as_detached_tensor();
    let parameter = if leads_storage(var) { parameter } else { parameter.force_contiguous()? };
    let grad = if leads_storage(grad) && !share_storage(grad, var) {
        grad.clone()
    } else {
        grad.force_contiguous()?
    };
    {
        let (storage, _) = grad.storage_and_layout();
        let update = Update { grad: &storage, len: grad.elem_count(), rates: Rates::new(config, steps) };
        in_place::apply(&update, &[&parameter, &state.first_moment, &state.second_moment])?;
    }
    if !share_storage(&parameter, var) {
        var.set(&parameter)?;
    }
    state.steps = steps;
    Ok(())
}

/// An update of a parameter, its first and its second moment with a gradient.
struct Update<'a> {
    grad: &'a Storage,
    len: usize,
    rates: Rates,
}

impl InPlace for Update<'_> {
    const NAME: &'static str = "AdamW";

    fn cpu(&self, storages: Vec<&mut CpuStorage>) -> Result<()> {
        match self.grad {
            Storage::Cpu(grad) => cpu::update(storages, grad, self.len, &self.rates),
            _ => bail!("AdamW: the gradient is not on the CPU"),
        }
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, storages: Vec<&mut CudaStorage>) -> Result<()> {
        match self.grad {
            Storage::Cuda(grad) => cuda::update(storages, grad, self.len, &self.rates),
            _ => bail!("AdamW: the gradient is not on the GPU"),
        }
    }
}

/// What an update multiplies and adds with, from the settings and the number of the update.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct Rates<T = f64> {
    beta1: T,
    one_minus_beta1: T,
    beta2: T,
    one_minus_beta2: T,
    /// One over the root of 1 - beta2^t.
    second_scale: T,
    eps: T,
    /// One minus the learning rate times the weight decay.
    decay: T,
    /// The learning rate over 1 - beta1^t.
    step_size: T,
}

impl Rates {
    /// The rates of update number `steps`, counted from 1.
    pub(crate) fn new(config: &AdamWConfig, steps: u32) -> Self {
        let AdamWConfig { lr, beta1, beta2, eps, weight_decay } = *config;
        let t = f64::from(steps);
        Self {
            beta1,
            one_minus_beta1: 1. - beta1,
            beta2,
            one_minus_beta2: 1. - beta2,
            second_scale: 1. / (1. - beta2.powf(t)).sqrt(),
            eps,
            decay: 1. - lr * weight_decay,
            step_size: lr / (1. - beta1.powf(t)),
        }
    }

    /// The rates rounded to the type that elements are computed in.
    pub(crate) fn to_real<T: Real>(self) -> Rates<T> {
        Rates {
            beta1: T::from_f64(self.beta1),
            one_minus_beta1: T::from_f64(self.one_minus_beta1),
            beta2: T::from_f64(self.beta2),
            one_minus_beta2: T::from_f64(self.one_minus_beta2),
            second_scale: T::from_f64(self.second_scale),
            eps: T::from_f64(self.eps),
            decay: T::from_f64(self.decay),
            step_size: T::from_f64(self.step_size),
        }
    }
}
