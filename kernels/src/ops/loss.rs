//! The losses that a network can be trained with: a list of one line for each.

use candle_core::{Result, Tensor};

#[cfg(feature = "cuda")]
use crate::ops::launch::Kernel;
use crate::ops::mse::{self, mse};
use crate::ops::simd::SimdFloat;

/// A loss: a number for predictions and targets of one shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Loss {
    /// The mean squared error, [`mse`](crate::ops::mse()).
    #[default]
    Mse,
}

impl Loss {
    /// All losses.
    pub const ALL: [Self; 1] = [Self::Mse];

    /// Its name, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mse => "mse",
        }
    }

    /// The floating-point operations for each element, with those of the gradient.
    pub fn flops(self) -> usize {
        match self {
            // A difference, its square, their sum, and the gradient.
            Self::Mse => 4,
        }
    }

    /// What the loss of targets that were divided by `scale` is multiplied by to be the loss of the targets
    /// themselves; 1 if no factor does that.
    pub fn unit(self, scale: f64) -> f64 {
        match self {
            Self::Mse => scale * scale,
        }
    }

    /// The loss as a differentiable scalar.
    ///
    /// # Errors
    ///
    /// Fails when the shapes, dtypes or devices differ, and when there are no elements.
    pub fn of(self, prediction: &Tensor, target: &Tensor) -> Result<Tensor> {
        match self {
            Self::Mse => mse(prediction, target),
        }
    }

    /// The loss on slices of one length, rounded to their type; grad <- its derivative by the prediction.
    pub(super) fn with_grad<T: SimdFloat>(self, prediction: &[T], target: &[T], grad: &mut [T]) -> f64 {
        match self {
            Self::Mse => mse::cpu::mean_and_grad(prediction, target, grad).to_f64(),
        }
    }

    /// The kernel of one block that adds the weighted loss to a sum and writes the gradient.
    #[cfg(feature = "cuda")]
    pub fn kernel(self) -> Kernel {
        match self {
            Self::Mse => mse::STEP_KERNEL,
        }
    }
}
