//! The pinball loss, which quantiles make least.

mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod quantiles;

use candle_core::{Result, Tensor};

use crate::ops::custom::{Elementwise, Op};
#[cfg(feature = "cuda")]
use crate::ops::difference::cuda::{Kernels, loss_kernels};
use crate::ops::difference::{self, OfDifference};
#[cfg(feature = "cuda")]
use crate::ops::launch::{Kernel, kernel};
use cpu::SlopeTimes;
pub use quantiles::Quantiles;

/// Computes the mean pinball loss of predicted quantiles, a scalar: of the quantile q and a prediction p of
/// the target t, q (t - p) where p is too small, and (1 - q) (p - t) where it is too large.
///
/// The last axis of the prediction has the quantiles of the first target, then those of the second, and so
/// on: (..., targets * quantiles) for targets (..., targets). The mean is over all n predictions. dz/dp = -q /
/// n where p < t, (1 - q) / n where p > t, and 0 where they are equal; dz/dt is the negative of the sum over
/// the quantiles. The quantile 0.5 alone has half of the [mean absolute error](crate::ops::mae()). The terms
/// are summed in `f64`; operands of 16 bits are widened to `f32`, and the result is rounded once.
/// scikit-learn's equivalent is the mean of `mean_pinball_loss` over the quantiles; PyTorch has none. The
/// loss is from Koenker and Bassett, *Regression Quantiles*, 1978.
///
/// # Errors
///
/// Fails when the operands are on different devices, differ in dtype, are not floating-point, do not have
/// such shapes, or have no elements.
///
/// # Examples
///
/// ```
/// # use taper_kernels as taper;
/// use candle_core::{Device, Tensor, Var};
/// use taper::ops::{Quantiles, pinball};
///
/// // Two rows of one target, and two quantiles of it.
/// let prediction = Var::new(&[[1f64, 3.], [1., 2.]], &Device::Cpu)?;
/// let target = Tensor::new(&[[2f64], [4.]], &Device::Cpu)?;
/// let z = pinball(&prediction, &target, &Quantiles::new(&[0.25, 0.5])?)?;
/// assert_eq!(z.to_scalar::<f64>()?, (0.25 + 0.5 + 0.75 + 1.) / 4.);
///
/// let grads = z.backward()?;
/// let grad = grads.get(&prediction).unwrap().to_vec2::<f64>()?;
/// assert_eq!(grad, [[-0.0625, 0.125], [-0.0625, -0.125]]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn pinball(prediction: &Tensor, target: &Tensor, quantiles: &Quantiles) -> Result<Tensor> {
    difference::mean(*quantiles, prediction, target)
}

/// f(d) = (1 - q) d where d > 0, else -q d; f'(d) = 1 - q where d > 0, -q where d < 0, and 0 at 0.
impl OfDifference for Quantiles {
    const NAME: &'static str = "pinball";

    fn backward(&self, difference: &Tensor, grad: &Tensor) -> Result<Tensor> {
        let levels = Tensor::new(self.levels(), difference.device())?.to_dtype(difference.dtype())?;
        slope_times(difference, &levels.broadcast_as(difference.shape())?, grad)
    }

    #[cfg(feature = "cuda")]
    const KERNELS: Kernels = loss_kernels!("pinball", PINBALL);

    #[cfg(feature = "cuda")]
    type Parameters = Self;

    #[cfg(feature = "cuda")]
    fn parameters(&self) -> Self {
        *self
    }
}

/// f'(d) g for operands of one shape.
///
/// It is piecewise constant in d, which is detached, so that only g stays in the graph.
fn slope_times(d: &Tensor, quantiles: &Tensor, grad: &Tensor) -> Result<Tensor> {
    d.detach().apply_op3(quantiles, grad, Op(SlopeTimes))
}

/// z = f'(d) g; dz/dg = f'(d), dz/dd = 0. The quantiles are constants.
impl Elementwise<3> for SlopeTimes {
    const NAME: &'static str = "pinball_grad";

    #[cfg(feature = "cuda")]
    fn kernel(&self) -> Kernel {
        kernel!("pinball", PINBALL, "slope_times")
    }

    fn bwd(&self, [d, quantiles, _]: [&Tensor; 3], grad_z: &Tensor) -> Result<[Option<Tensor>; 3]> {
        Ok([None, None, Some(slope_times(d, quantiles, grad_z)?)])
    }
}
