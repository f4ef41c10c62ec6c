//! The elementwise cosine.

pub(super) mod cpu;
mod double;
mod fma;
mod single;

#[cfg(feature = "cuda")]
use candle_core::{CudaStorage, Layout, Shape};
use candle_core::{Result, Tensor};

use crate::ops::custom::{Elementwise, Op};
#[cfg(feature = "cuda")]
use crate::ops::launch::{self, Kernel, kernel};
use crate::ops::mul::mul;
use crate::ops::operands;
use cpu::{Cos, CosGrad, QuarterTurns};

/// Takes the cosine of `x`, in radians, element by element.
///
/// dz/dx = -sin(x). In `f32` and `f64` the result is within 1 ulp, even for large arguments; on CUDA it is
/// within 2 ulp, as CUDA's documentation states. Infinities and NaN give NaN. PyTorch's equivalent is
/// `torch.cos`.
///
/// # Errors
///
/// Fails when `x` is not floating-point.
///
/// # Examples
///
/// ```
/// # use taper_kernels as taper;
/// use candle_core::{Device, Var};
/// use std::f64::consts::FRAC_PI_2;
///
/// let x = Var::new(&[0., FRAC_PI_2], &Device::Cpu)?;
/// let z = taper::ops::cos(&x)?;
/// assert!((z.to_vec1::<f64>()?[0] - 1.).abs() < 1e-15);
///
/// let grads = z.sum_all()?.backward()?;
/// assert!((grads.get(&x).unwrap().to_vec1::<f64>()?[1] + 1.).abs() < 1e-15);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn cos(x: &Tensor) -> Result<Tensor> {
    operands::check("cos", x)?;
    x.apply_op1(Op(Cos))
}

/// The kernels of [`cos`] and of its gradient.
#[cfg(feature = "cuda")]
pub(super) const KERNELS: [Kernel; 2] = [kernel!("cos", COS, "cos"), kernel!("cos", COS, "cos_grad_1")];

/// -sin(x) times `grad`: the gradient that [`cos`] passes on.
pub(super) fn minus_sin(x: &Tensor, grad: &Tensor) -> Result<Tensor> {
    cos_grad(x, grad, QuarterTurns::One)
}

/// cos(x) of a tensor on CUDA, contiguous.
#[cfg(feature = "cuda")]
pub(super) fn on_cuda(x: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
    launch::map(Cos::NAME, Cos.kernel(), [(x, layout)])
}

/// z = cos(x); dz/dx = -sin(x).
impl Elementwise<1> for Cos {
    const NAME: &'static str = "cos";

    #[cfg(feature = "cuda")]
    fn kernel(&self) -> Kernel {
        kernel!("cos", COS, "cos")
    }

    fn bwd(&self, [x]: [&Tensor; 1], grad: &Tensor) -> Result<[Option<Tensor>; 1]> {
        Ok([Some(minus_sin(x, grad)?)])
    }
}

/// `grad` times the n-th derivative of the cosine at `x`.
fn cos_grad(x: &Tensor, grad: &Tensor, n: QuarterTurns) -> Result<Tensor> {
    x.apply_op2(grad, Op(CosGrad { n }))
}

/// z = g cos(x + n pi/2); dz/dx = g cos(x + (n + 1) pi/2), dz/dg = cos(x + n pi/2).
impl Elementwise<2> for CosGrad {
    const NAME: &'static str = "cos_grad";

    #[cfg(feature = "cuda")]
    fn kernel(&self) -> Kernel {
        let name = match self.n {
            QuarterTurns::Zero => "cos_grad_0",
            QuarterTurns::One => "cos_grad_1",
            QuarterTurns::Two => "cos_grad_2",
            QuarterTurns::Three => "cos_grad_3",
        };
        kernel!("cos", COS, name)
    }

    fn bwd(&self, [x, grad]: [&Tensor; 2], grad_z: &Tensor) -> Result<[Option<Tensor>; 2]> {
        let grad_x = x.track_op().then(|| cos_grad(x, &mul(grad_z, grad)?, self.n.next())).transpose()?;
        let grad_grad = grad.track_op().then(|| cos_grad(x, grad_z, self.n)).transpose()?;
        Ok([grad_x, grad_grad])
    }
}
