//! The mean absolute error.

pub(super) mod cpu;

use candle_core::{Result, Tensor};

use crate::ops::custom::{Elementwise, Op};
#[cfg(feature = "cuda")]
use crate::ops::difference::cuda::{Kernels, loss_kernels};
use crate::ops::difference::{self, OfDifference};
#[cfg(feature = "cuda")]
use crate::ops::launch::{Kernel, kernel};
use cpu::{Mae, SignTimes};

/// Computes the mean of |p - t| over all n elements of a prediction p and a target t, a scalar.
///
/// dz/dp = sign(p - t) / n, which is 0 where p = t; dz/dt = -dz/dp. p and t have the same shape, and z has
/// their dtype. The differences are summed in `f64`; operands of 16 bits are widened to `f32`, and the result
/// is rounded once. PyTorch's equivalent is `torch.nn.functional.l1_loss`.
///
/// # Errors
///
/// Fails when the operands are on different devices, differ in dtype, are not floating-point, differ in
/// shape, or have no elements. They are not broadcast.
///
/// # Examples
///
/// ```
/// # use taper_kernels as taper;
/// use candle_core::{Device, Tensor, Var};
///
/// let prediction = Var::new(&[1f32, 2.], &Device::Cpu)?;
/// let target = Tensor::new(&[1f32, 4.], &Device::Cpu)?;
/// let z = taper::ops::mae(&prediction, &target)?;
/// assert_eq!(z.to_scalar::<f32>()?, 1.);
///
/// let grads = z.backward()?;
/// assert_eq!(grads.get(&prediction).unwrap().to_vec1::<f32>()?, [0., -0.5]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn mae(prediction: &Tensor, target: &Tensor) -> Result<Tensor> {
    difference::mean(Mae, prediction, target)
}

/// f(d) = |d|; f'(d) = sign(d).
impl OfDifference for Mae {
    const NAME: &'static str = "mae";

    fn backward(&self, difference: &Tensor, grad: &Tensor) -> Result<Tensor> {
        sign_times(difference, grad)
    }

    #[cfg(feature = "cuda")]
    const KERNELS: Kernels = loss_kernels!("mae", MAE);

    #[cfg(feature = "cuda")]
    type Parameters = f64;

    #[cfg(feature = "cuda")]
    fn parameters(&self) -> f64 {
        0.
    }
}

/// sign(d) g for operands of one shape.
///
/// It is piecewise constant in d, which is detached, so that only g stays in the graph.
fn sign_times(d: &Tensor, grad: &Tensor) -> Result<Tensor> {
    d.detach().apply_op2(grad, Op(SignTimes))
}

/// z = sign(d) g; dz/dg = sign(d), dz/dd = 0.
impl Elementwise<2> for SignTimes {
    const NAME: &'static str = "mae_grad";

    #[cfg(feature = "cuda")]
    fn kernel(&self) -> Kernel {
        kernel!("mae", MAE, "sign_times")
    }

    fn bwd(&self, [d, _]: [&Tensor; 2], grad_z: &Tensor) -> Result<[Option<Tensor>; 2]> {
        Ok([None, Some(sign_times(d, grad_z)?)])
    }
}
