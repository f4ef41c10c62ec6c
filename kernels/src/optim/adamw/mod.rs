//! Adam with decoupled weight decay.

mod coefficients;
mod config;
pub(super) mod cpu;
#[cfg(feature = "cuda")]
pub(super) mod cuda;

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, Result, Storage, Tensor, Var, bail};
use candle_nn::Optimizer;

use super::in_place::{self, InPlace, is_whole_storage, share_storage};
pub(super) use coefficients::StepCoefficients;
pub use config::AdamWConfig;

/// The state that [`AdamW`] keeps of one parameter.
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

    /// A copy of the state whose tensors are contiguous, not shared and without a graph, since updates are in
    /// place.
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
/// On the CPU, a moment whose magnitude is below the smallest normal number becomes zero: arithmetic on such
/// numbers is slow there, and a moment would never leave them. A parameter that has no gradient in a step is
/// left alone, as are its moments, its t and its decay. The source is Loshchilov and Hutter, "Decoupled
/// Weight Decay Regularization" (2019); PyTorch's equivalent is `torch.optim.AdamW`, or `torch.optim.Adam`
/// when the decay is 0. Unlike `candle_nn::AdamW` it counts the updates of each parameter, and its state can
/// be read and restored.
///
/// # Examples
///
/// ```
/// # use taper_kernels as taper;
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

    /// Copies the state of every parameter, in the order in which the parameters were given.
    ///
    /// # Errors
    ///
    /// Fails when the device has no memory for the copy.
    pub fn state(&self) -> Result<Vec<AdamWState>> {
        self.states.iter().map(AdamWState::to_owned).collect()
    }

    /// Replaces the state of every parameter, in the order in which the parameters were given.
    ///
    /// # Errors
    ///
    /// Fails, without changing anything, when `states` does not match the parameters in number, shape, dtype
    /// or device.
    pub fn load_state(&mut self, states: Vec<AdamWState>) -> Result<()> {
        if states.len() != self.vars.len() {
            bail!("AdamW: the state has {} parameters, expected {}", states.len(), self.vars.len())
        }
        for (i, (var, state)) in self.vars.iter().zip(&states).enumerate() {
            for moment in [&state.first_moment, &state.second_moment] {
                let matches = moment.shape() == var.shape()
                    && moment.dtype() == var.dtype()
                    && moment.device().same_device(var.device());
                if !matches {
                    bail!(
                        "AdamW: a moment of parameter {i} is {:?} {:?}, expected {:?} {:?} \
                         on the same device",
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

/// Updates one parameter, in place and in one pass.
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
    let parameter = if is_whole_storage(var) { parameter } else { parameter.force_contiguous()? };
    let grad = if is_whole_storage(grad) && !share_storage(grad, var) {
        grad.clone()
    } else {
        grad.force_contiguous()?
    };
    {
        let (storage, _) = grad.storage_and_layout();
        let update = Update {
            grad: &storage,
            len: grad.elem_count(),
            coefficients: StepCoefficients::new(config, steps),
        };
        in_place::apply(&update, &[&parameter, &state.first_moment, &state.second_moment])?;
    }
    if !share_storage(&parameter, var) {
        var.set(&parameter)?;
    }
    state.steps = steps;
    Ok(())
}

/// The update of a parameter, its first and its second moment.
struct Update<'a> {
    grad: &'a Storage,
    len: usize,
    coefficients: StepCoefficients,
}

impl InPlace for Update<'_> {
    const NAME: &'static str = "AdamW";

    fn cpu(&self, storages: Vec<&mut CpuStorage>) -> Result<()> {
        match self.grad {
            Storage::Cpu(grad) => cpu::update(storages, grad, self.len, &self.coefficients),
            _ => bail!("AdamW: the gradient is not on the CPU"),
        }
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, storages: Vec<&mut CudaStorage>) -> Result<()> {
        match self.grad {
            Storage::Cuda(grad) => cuda::update(storages, grad, self.len, &self.coefficients),
            _ => bail!("AdamW: the gradient is not on the GPU"),
        }
    }
}
