//! The elementwise maximum.

mod cpu;
mod tie;

use candle_core::{Result, Tensor};

use crate::ops::broadcast;
use crate::ops::custom::{Elementwise, Op};
#[cfg(feature = "cuda")]
use crate::ops::launch::{Kernel, kernel};
use cpu::{Maximum, MaximumGrad};
pub use tie::TieGrad;

/// Takes the larger of `x` and `y` element by element, broadcasting them to a common shape; a tie splits its
/// gradient.
///
/// dz/dx = 1 where x > y, 1/2 where x = y, else 0; dz/dy likewise. Where either operand is NaN the result is
/// NaN, and neither operand gets a gradient. PyTorch's equivalent is `torch.maximum`, with one difference:
/// where an operand is NaN it gives both the whole gradient. The sign of the maximum of 0 and -0 is
/// unspecified.
///
/// # Errors
///
/// Fails when the operands are on different devices, differ in dtype, are not floating-point, or do not
/// broadcast.
///
/// # Examples
///
/// ```
/// # use taper_kernels as taper;
/// use candle_core::{Device, Tensor, Var};
///
/// let x = Var::new(&[1f32, 2., 3.], &Device::Cpu)?;
/// let y = Tensor::new(2f32, &Device::Cpu)?;
/// let z = taper::ops::maximum(&x, &y)?;
/// assert_eq!(z.to_vec1::<f32>()?, [2., 2., 3.]);
///
/// let grads = z.sum_all()?.backward()?;
/// assert_eq!(grads.get(&x).unwrap().to_vec1::<f32>()?, [0., 0.5, 1.]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn maximum(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    maximum_with(x, y, TieGrad::default())
}

/// Takes the larger of `x` and `y` as [`maximum`] does, with the gradient of a tie divided as `tie` says.
///
/// # Errors
///
/// Fails as [`maximum`] does.
///
/// # Examples
///
/// ```
/// # use taper_kernels as taper;
/// use candle_core::{Device, Var};
/// use taper::ops::{TieGrad, maximum_with};
///
/// let x = Var::new(&[1f32], &Device::Cpu)?;
/// let y = Var::new(&[1f32], &Device::Cpu)?;
/// let grads = maximum_with(&x, &y, TieGrad::First)?.backward()?;
/// assert_eq!(grads.get(&x).unwrap().to_vec1::<f32>()?, [1.]);
/// assert_eq!(grads.get(&y).unwrap().to_vec1::<f32>()?, [0.]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn maximum_with(x: &Tensor, y: &Tensor, tie: TieGrad) -> Result<Tensor> {
    broadcast::apply(Maximum { tie }, x, y)
}

/// z = max(x, y); dz/dx = [x > y] + share of x [x = y], dz/dy = [y > x] + share of y [x = y].
impl Elementwise<2> for Maximum {
    const NAME: &'static str = "maximum";

    #[cfg(feature = "cuda")]
    fn kernel(&self) -> Kernel {
        kernel!("maximum", MAXIMUM, "maximum")
    }

    fn bwd(&self, [x, y]: [&Tensor; 2], grad: &Tensor) -> Result<[Option<Tensor>; 2]> {
        let (share_x, share_y) = self.tie.halves();
        let grad_x = x.track_op().then(|| maximum_grad(x, y, grad, share_x)).transpose()?;
        let grad_y = y.track_op().then(|| maximum_grad(y, x, grad, share_y)).transpose()?;
        Ok([grad_x, grad_y])
    }
}

/// The part of `grad` that goes to `x` where [`maximum`] compared it with `y`.
///
/// It is piecewise constant in `x` and `y`, whose gradients are zero, so they are detached and only `grad`
/// stays in the graph.
fn maximum_grad(x: &Tensor, y: &Tensor, grad: &Tensor, halves: u8) -> Result<Tensor> {
    let shape = grad.shape();
    let (x, y) = (x.detach().broadcast_as(shape)?, y.detach().broadcast_as(shape)?);
    match halves {
        0 => x.apply_op3(&y, grad, Op(MaximumGrad::<0>)),
        1 => x.apply_op3(&y, grad, Op(MaximumGrad::<1>)),
        _ => x.apply_op3(&y, grad, Op(MaximumGrad::<2>)),
    }
}

/// z = g ([x > y] + share [x = y]); dz/dg = [x > y] + share [x = y], dz/dx = dz/dy = 0.
impl<const HALVES: u8> Elementwise<3> for MaximumGrad<HALVES> {
    const NAME: &'static str = "maximum_grad";

    #[cfg(feature = "cuda")]
    fn kernel(&self) -> Kernel {
        let name = match HALVES {
            0 => "maximum_grad_nothing",
            1 => "maximum_grad_half",
            _ => "maximum_grad_all",
        };
        kernel!("maximum", MAXIMUM, name)
    }

    fn bwd(&self, [x, y, _]: [&Tensor; 3], grad_z: &Tensor) -> Result<[Option<Tensor>; 3]> {
        Ok([None, None, Some(maximum_grad(x, y, grad_z, HALVES)?)])
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;

    #[test]
    fn an_operand_that_occurs_twice_gets_both_parts_of_its_gradient() {
        let x = Var::new(&[3f64, -2.], &Device::Cpu).unwrap();
        let grads = maximum(&x, &x).unwrap().backward().unwrap();
        assert_eq!(grads.get(&x).unwrap().to_vec1::<f64>().unwrap(), [1., 1.]);
    }
}
