//! The elementwise cosine.

mod cpu;

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor};

use crate::ops::{elementwise, mul, operands};

/// Takes the cosine of `x`, in radians, element by element.
///
/// dz/dx = -sin(x). The result is within 1 ulp in `f32` and `f64`, for large arguments too; infinities and NaN give
/// NaN. PyTorch's equivalent is `torch.cos`.
///
/// # Errors
///
/// Fails when `x` is not of floating point.
///
/// # Examples
///
/// ```
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
    x.apply_op1(Cos)
}

/// z = cos(x); dz/dx = -sin(x).
struct Cos;

impl CustomOp1 for Cos {
    fn name(&self) -> &'static str {
        "cos"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        elementwise::map(self.name(), &cpu::Cos, [(x, layout)])
    }

    fn bwd(&self, x: &Tensor, _z: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        cos_grad(x, grad, QuarterTurns::One).map(Some)
    }
}

/// `grad` times the n-th derivative of the cosine at `x`.
fn cos_grad(x: &Tensor, grad: &Tensor, n: QuarterTurns) -> Result<Tensor> {
    x.apply_op2(grad, CosGrad { n })
}

/// By how many quarter turns a cosine is shifted. Every derivative adds one.
#[derive(Debug, Clone, Copy)]
enum QuarterTurns {
    Zero,
    One,
    Two,
    Three,
}

impl QuarterTurns {
    fn next(self) -> Self {
        match self {
            Self::Zero => Self::One,
            Self::One => Self::Two,
            Self::Two => Self::Three,
            Self::Three => Self::Zero,
        }
    }
}

/// z = g cos(x + n pi/2); dz/dx = g cos(x + (n + 1) pi/2), dz/dg = cos(x + n pi/2).
struct CosGrad {
    n: QuarterTurns,
}

impl CustomOp2 for CosGrad {
    fn name(&self) -> &'static str {
        "cos_grad"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        grad: &CpuStorage,
        grad_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        elementwise::map(self.name(), &self.n, [(x, x_layout), (grad, grad_layout)])
    }

    fn bwd(
        &self,
        x: &Tensor,
        grad: &Tensor,
        _z: &Tensor,
        grad_z: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let grad_x = x.track_op().then(|| cos_grad(x, &mul(grad_z, grad)?, self.n.next())).transpose()?;
        let grad_grad = grad.track_op().then(|| cos_grad(x, grad_z, self.n)).transpose()?;
        Ok((grad_x, grad_grad))
    }
}
