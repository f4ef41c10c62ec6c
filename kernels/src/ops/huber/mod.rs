//! Huber's loss.

pub(super) mod cpu;

use candle_core::{Result, Tensor, bail};

use crate::ops::custom::{Elementwise, Op};
#[cfg(feature = "cuda")]
use crate::ops::difference::cuda::{Kernels, loss_kernels};
use crate::ops::difference::{self, OfDifference};
#[cfg(feature = "cuda")]
use crate::ops::launch::{Kernel, kernel};
use crate::ops::mul::mul;
use cpu::{ClampTimes, Huber, Inside};

/// Computes the mean of Huber's function of p - t over all n elements of a prediction p and a target t, a
/// scalar: of d, d^2 / 2 where |d| is at most `delta`, and delta (|d| - delta / 2) beyond.
///
/// dz/dp = (p - t clamped to [-delta, delta]) / n; dz/dt = -dz/dp. So a difference of more than `delta` pulls
/// no harder than `delta` does. p and t have the same shape, and z has their dtype. The terms are summed in
/// `f64`; operands of 16 bits are widened to `f32`, and the result is rounded once. PyTorch's equivalent is
/// `torch.nn.functional.huber_loss`; the function is from Huber, *Robust Estimation of a Location Parameter*,
/// 1964.
///
/// # Errors
///
/// Fails when `delta` is not a finite number above 0; and when the operands are on different devices, differ
/// in dtype, are not floating-point, differ in shape, or have no elements. They are not broadcast.
///
/// # Examples
///
/// ```
/// # use taper_kernels as taper;
/// use candle_core::{Device, Tensor, Var};
///
/// let prediction = Var::new(&[1f32, 2.], &Device::Cpu)?;
/// let target = Tensor::new(&[1.5f32, 5.], &Device::Cpu)?;
/// let z = taper::ops::huber(&prediction, &target, 1.)?;
/// assert_eq!(z.to_scalar::<f32>()?, (0.125 + 2.5) / 2.);
///
/// let grads = z.backward()?;
/// assert_eq!(grads.get(&prediction).unwrap().to_vec1::<f32>()?, [-0.25, -0.5]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn huber(prediction: &Tensor, target: &Tensor, delta: f64) -> Result<Tensor> {
    if !(delta.is_finite() && delta > 0.) {
        bail!("huber: delta is {delta}, expected a finite number above 0")
    }
    difference::mean(Huber { delta }, prediction, target)
}

/// f(d) = d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2); f'(d) = d clamped to [-delta, delta].
impl OfDifference for Huber {
    const NAME: &'static str = "huber";

    fn backward(&self, difference: &Tensor, grad: &Tensor) -> Result<Tensor> {
        let delta = Tensor::new(self.delta, difference.device())?.to_dtype(difference.dtype())?;
        difference.apply_op3(&delta.broadcast_as(difference.shape())?, grad, Op(ClampTimes))
    }

    #[cfg(feature = "cuda")]
    const KERNELS: Kernels = loss_kernels!("huber", HUBER);

    #[cfg(feature = "cuda")]
    type Parameters = f64;

    #[cfg(feature = "cuda")]
    fn parameters(&self) -> f64 {
        self.delta
    }
}

/// z = clamp(d) g; dz/dd = g [|d| < delta], dz/dg = clamp(d). The delta is a constant.
impl Elementwise<3> for ClampTimes {
    const NAME: &'static str = "huber_grad";

    #[cfg(feature = "cuda")]
    fn kernel(&self) -> Kernel {
        kernel!("huber", HUBER, "clamp_times")
    }

    fn bwd(&self, [d, delta, grad]: [&Tensor; 3], grad_z: &Tensor) -> Result<[Option<Tensor>; 3]> {
        let grad_d = d.track_op().then(|| inside(d, delta, &mul(grad_z, grad)?)).transpose()?;
        let grad_grad = grad.track_op().then(|| d.apply_op3(delta, grad_z, Op(*self))).transpose()?;
        Ok([grad_d, None, grad_grad])
    }
}

/// g where |d| < delta, else 0. It is piecewise constant in d, which is detached.
fn inside(d: &Tensor, delta: &Tensor, grad: &Tensor) -> Result<Tensor> {
    d.detach().apply_op3(delta, grad, Op(Inside))
}

/// z = g [|d| < delta]; dz/dg = [|d| < delta], dz/dd = 0.
impl Elementwise<3> for Inside {
    const NAME: &'static str = "huber_second_grad";

    #[cfg(feature = "cuda")]
    fn kernel(&self) -> Kernel {
        kernel!("huber", HUBER, "inside")
    }

    fn bwd(&self, [d, delta, _]: [&Tensor; 3], grad_z: &Tensor) -> Result<[Option<Tensor>; 3]> {
        Ok([None, None, Some(inside(d, delta, grad_z)?)])
    }
}
