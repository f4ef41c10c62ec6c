//! The losses that a network can be trained with: a list of one line for each.

#[cfg(feature = "cuda")]
use candle_core::cuda_backend::cudarc::driver::{LaunchArgs, PushKernelArg};
use candle_core::{Result, Tensor};

#[cfg(feature = "cuda")]
use crate::ops::difference::OfDifference;
use crate::ops::difference::cpu::mean_and_grad;
use crate::ops::huber::cpu::Huber;
use crate::ops::huber::huber;
#[cfg(feature = "cuda")]
use crate::ops::launch::Kernel;
use crate::ops::mae::cpu::Mae;
use crate::ops::mae::mae;
use crate::ops::mse::{self, mse};
use crate::ops::pinball::{Quantiles, pinball};
use crate::ops::simd::SimdFloat;

/// A loss: a number for predictions and targets, of one shape or with several predictions of each target.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Loss {
    /// The mean squared error, [`mse`](crate::ops::mse()).
    #[default]
    Mse,
    /// The mean absolute error, [`mae`](crate::ops::mae()).
    Mae,
    /// Huber's loss, [`huber`](crate::ops::huber()).
    Huber {
        /// From which difference on the loss grows in proportion to it.
        delta: f64,
    },
    /// The pinball loss of several quantiles, [`pinball`](crate::ops::pinball()).
    Quantile(Quantiles),
}

impl Loss {
    /// One of each kind.
    pub const ALL: [Self; 4] =
        [Self::Mse, Self::Mae, Self::Huber { delta: 1. }, Self::Quantile(Quantiles::DECILES)];

    /// Its name, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mse => "mse",
            Self::Mae => "mae",
            Self::Huber { .. } => "huber",
            Self::Quantile(_) => "quantile",
        }
    }

    /// The predictions of each target, side by side: the number of quantiles, else 1.
    pub fn outputs(self) -> usize {
        match self {
            Self::Quantile(quantiles) => quantiles.len(),
            _ => 1,
        }
    }

    /// The floating-point operations for each element, with those of the gradient.
    pub fn flops(self) -> usize {
        match self {
            // A difference, its square or its size, their sum, and the gradient.
            Self::Mse | Self::Mae => 4,
            // Besides, a comparison and the factor of either side.
            Self::Huber { .. } | Self::Quantile(_) => 6,
        }
    }

    /// What the loss of targets that were divided by `scale` is multiplied by to be the loss of the targets
    /// themselves; 1 if no factor does that. It makes Huber's loss that with a delta of `delta * scale`.
    pub fn unit(self, scale: f64) -> f64 {
        match self {
            Self::Mse | Self::Huber { .. } => scale * scale,
            Self::Mae | Self::Quantile(_) => scale,
        }
    }

    /// The loss as a differentiable scalar.
    ///
    /// # Errors
    ///
    /// Fails when the shapes, dtypes or devices differ, when there are no elements, and when a parameter of
    /// the loss is out of range.
    pub fn of(self, prediction: &Tensor, target: &Tensor) -> Result<Tensor> {
        match self {
            Self::Mse => mse(prediction, target),
            Self::Mae => mae(prediction, target),
            Self::Huber { delta } => huber(prediction, target, delta),
            Self::Quantile(quantiles) => pinball(prediction, target, &quantiles),
        }
    }

    /// The loss on slices, rounded to their type; grad <- `share` times its derivative by the prediction.
    pub(super) fn with_grad<T: SimdFloat>(
        self,
        share: f64,
        prediction: &[T],
        target: &[T],
        grad: &mut [T],
    ) -> f64 {
        let loss = match self {
            Self::Mse => mse::cpu::mean_and_grad(share, prediction, target, grad),
            Self::Mae => mean_and_grad(&Mae, share, prediction, target, grad),
            Self::Huber { delta } => mean_and_grad(&Huber { delta }, share, prediction, target, grad),
            Self::Quantile(quantiles) => mean_and_grad(&quantiles, share, prediction, target, grad),
        };
        loss.to_f64()
    }

    /// The kernel of one block that adds the weighted loss to a sum and writes a share of the gradient.
    #[cfg(feature = "cuda")]
    pub fn kernel(self) -> Kernel {
        match self {
            Self::Mse => mse::STEP_KERNEL,
            Self::Mae => Mae::KERNELS.step,
            Self::Huber { .. } => Huber::KERNELS.step,
            Self::Quantile(_) => Quantiles::KERNELS.step,
        }
    }

    /// Adds the parameters that its kernel takes behind the other arguments.
    #[cfg(feature = "cuda")]
    pub fn push<'a>(&'a self, args: &mut LaunchArgs<'a>) {
        match self {
            Self::Mse => {}
            Self::Mae => _ = args.arg(&0f64),
            Self::Huber { delta } => _ = args.arg(delta),
            Self::Quantile(quantiles) => _ = args.arg(quantiles),
        }
    }
}
