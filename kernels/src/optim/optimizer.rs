//! The optimisers that a network can be trained with: a list of one line for each.

use std::fmt::Debug;

use candle_core::backprop::GradStore;
#[cfg(feature = "cuda")]
use candle_core::cuda_backend::cudarc::driver::{CudaFunction, CudaSlice, CudaStream, DeviceRepr};
use candle_core::{Result, Tensor, Var, bail};
use candle_nn::Optimizer;

use super::adamw::{self, AdamW, AdamWConfig, AdamWState, StepCoefficients};
use super::passes::{self, Pass};
use super::penalised::Penalised;
use crate::ops::kernels::CpuKernels;
#[cfg(feature = "cuda")]
use crate::ops::kernels::Scalar;
#[cfg(feature = "cuda")]
use crate::ops::kernels::cuda::Kernel;

/// An optimiser with its settings.
#[derive(Debug, Clone, PartialEq)]
pub enum OptimizerConfig {
    /// [`AdamW`].
    AdamW(AdamWConfig),
}

/// What an optimiser remembers of one parameter.
#[derive(Debug, Clone)]
pub struct ParameterState {
    /// The updates that were made.
    pub steps: u32,
    /// In the shape of the parameter and the dtype that it is updated in, in the order of
    /// [`OptimizerConfig::state_names`].
    pub tensors: Vec<Tensor>,
}

/// An optimiser of variables whose state can be read and restored, whichever it is.
pub trait Stateful: Debug + Send {
    /// Updates every variable that has a gradient, at the learning rate `lr`. The gradients may be changed.
    ///
    /// # Errors
    ///
    /// Fails with Candle's errors.
    fn update(&mut self, grads: &mut GradStore, lr: f64) -> Result<()>;

    /// A copy of what is remembered of each variable, in their order.
    ///
    /// # Errors
    ///
    /// Fails with Candle's errors.
    fn states(&self) -> Result<Vec<ParameterState>>;

    /// Replaces what is remembered of each variable, in their order.
    ///
    /// # Errors
    ///
    /// Fails when the states are not of these variables.
    fn load_states(&mut self, states: Vec<ParameterState>) -> Result<()>;
}

impl OptimizerConfig {
    /// Rejects settings that PyTorch rejects.
    ///
    /// # Errors
    ///
    /// Fails with the name of the setting, its value and its range.
    pub fn check(&self) -> Result<()> {
        match self {
            Self::AdamW(config) => config.check(),
        }
    }

    /// The names of the tensors that are remembered of each parameter.
    pub fn state_names(&self) -> &'static [&'static str] {
        match self {
            Self::AdamW(_) => &["first_moment", "second_moment"],
        }
    }

    /// The floating-point operations of an update of one element.
    pub fn flops(&self) -> usize {
        match self {
            // 3 and 4 for the moments, a root, a product, a sum and a quotient for the direction, 3 for the
            // parameter.
            Self::AdamW(_) => 14,
        }
    }

    /// The optimiser of `vars`, whose weight decay is that of the `penalised` ones.
    ///
    /// # Errors
    ///
    /// Fails when the settings are out of range.
    pub(super) fn build(&self, vars: Vec<Var>, penalised: Penalised) -> Result<Box<dyn Stateful>> {
        match self {
            Self::AdamW(config) => {
                let adamw = AdamW::new(vars, config.clone())?;
                Ok(Box::new(adamw.decaying_only(|var| penalised.contains(var))))
            }
        }
    }

    /// Update number `step`, counted from 1, at the learning rate `lr`.
    pub fn update(&self, step: u32, lr: f64) -> Update {
        match self {
            Self::AdamW(config) => {
                Update::AdamW(StepCoefficients::new(&AdamWConfig { lr, ..config.clone() }, step))
            }
        }
    }

    /// The kernel of an update.
    #[cfg(feature = "cuda")]
    pub fn kernel(&self) -> Kernel {
        match self {
            Self::AdamW(_) => adamw::cuda::KERNEL,
        }
    }
}

/// One update of an optimiser, the same for all parameters.
#[derive(Debug, Clone, Copy)]
pub enum Update {
    /// One of [`AdamW`].
    AdamW(StepCoefficients),
}

impl Update {
    /// The same without weight decay.
    #[must_use]
    pub fn without_decay(self) -> Self {
        match self {
            Self::AdamW(coefficients) => Self::AdamW(coefficients.without_decay()),
        }
    }

    fn apply<T: CpuKernels>(
        &self,
        parameter: &mut [T],
        state: &mut dyn Iterator<Item = &mut [T]>,
        grad: &[T],
    ) -> Result<()> {
        match (self, state.next(), state.next()) {
            (Self::AdamW(coefficients), Some(first), Some(second)) => {
                adamw::cpu::update_slices(parameter, [first, second], grad, coefficients);
                Ok(())
            }
            _ => bail!("{self:?}: the state of a parameter is incomplete"),
        }
    }

    /// Launches `function`, the optimiser's [kernel](OptimizerConfig::kernel) for elements of type `T`.
    ///
    /// # Errors
    ///
    /// Fails when there is less state than [`OptimizerConfig::state_names`] names, and with the driver's
    /// error.
    #[cfg(feature = "cuda")]
    pub fn launch<T: Scalar + DeviceRepr>(
        &self,
        stream: &CudaStream,
        function: &CudaFunction,
        parameter: &mut CudaSlice<T>,
        state: &mut [CudaSlice<T>],
        grad: &CudaSlice<T>,
    ) -> Result<()> {
        match (self, state) {
            (Self::AdamW(coefficients), [first, second]) => {
                let (len, coefficients) = (parameter.len(), coefficients.rounded::<T>());
                adamw::cuda::launch(stream, function, parameter, [first, second], grad, len, &coefficients)
            }
            _ => bail!("{self:?}: the state of a parameter is incomplete"),
        }
    }
}

/// The types whose parameters are updated on the CPU, `f32` and `f64`; functions of the type for the reason
/// that [`CpuKernels`] has.
pub trait CpuUpdate: Sized {
    /// Updates a parameter and its `state` on slices of one length.
    ///
    /// # Errors
    ///
    /// Fails when there is less state than [`OptimizerConfig::state_names`] names.
    fn update(
        update: &Update,
        parameter: &mut [Self],
        state: &mut dyn Iterator<Item = &mut [Self]>,
        grad: &[Self],
    ) -> Result<()>;

    /// The sum of the squares of `x`, the same on every machine.
    fn sum_of_squares(x: &[Self]) -> f64;

    /// Makes `pass` over `x`, with `y` of the same length if it reads another array; `squares` is the sum of
    /// the squares of all gradients.
    fn pass(pass: Pass, squares: f64, x: &mut [Self], y: &[Self]);
}

macro_rules! cpu_update {
    ($($type:ident),*) => {
        $(impl CpuUpdate for $type {
            fn update(
                update: &Update,
                parameter: &mut [Self],
                state: &mut dyn Iterator<Item = &mut [Self]>,
                grad: &[Self],
            ) -> Result<()> {
                update.apply(parameter, state, grad)
            }

            fn sum_of_squares(x: &[Self]) -> f64 {
                passes::sum_of_squares(x)
            }

            fn pass(pass: Pass, squares: f64, x: &mut [Self], y: &[Self]) {
                passes::apply(pass, squares, x, y);
            }
        })*
    };
}

cpu_update!(f32, f64);

impl Stateful for AdamW {
    fn update(&mut self, grads: &mut GradStore, lr: f64) -> Result<()> {
        self.set_learning_rate(lr);
        self.step(grads)
    }

    fn states(&self) -> Result<Vec<ParameterState>> {
        let state = |AdamWState { steps, first_moment, second_moment }| ParameterState {
            steps,
            tensors: vec![first_moment, second_moment],
        };
        Ok(self.state()?.into_iter().map(state).collect())
    }

    fn load_states(&mut self, states: Vec<ParameterState>) -> Result<()> {
        let state = |ParameterState { steps, tensors }| match <[Tensor; 2]>::try_from(tensors) {
            Ok([first_moment, second_moment]) => Ok(AdamWState { steps, first_moment, second_moment }),
            Err(tensors) => bail!("AdamW: a parameter has {} moments, expected 2", tensors.len()),
        };
        self.load_state(states.into_iter().map(state).collect::<Result<_>>()?)
    }
}
