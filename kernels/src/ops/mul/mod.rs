//! The elementwise product.

mod cpu;

use candle_core::{Result, Tensor};

use crate::ops::broadcast;
use crate::ops::custom::Elementwise;
#[cfg(feature = "cuda")]
use crate::ops::launch::{Kernel, kernel};
use cpu::Mul;

/// Multiplies `x` and `y` element by element, broadcasting them to a common shape.
///
/// dz/dx = y, dz/dy = x. PyTorch's equivalent is `torch.mul`.
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
/// let y = Tensor::new(10f32, &Device::Cpu)?;
/// let z = taper::ops::mul(&x, &y)?;
/// assert_eq!(z.to_vec1::<f32>()?, [10., 20., 30.]);
///
/// let grads = z.sum_all()?.backward()?;
/// assert_eq!(grads.get(&x).unwrap().to_vec1::<f32>()?, [10., 10., 10.]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn mul(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    broadcast::apply(Mul, x, y)
}

/// z = x y; dz/dx = y, dz/dy = x.
impl Elementwise<2> for Mul {
    const NAME: &'static str = "mul";

    #[cfg(feature = "cuda")]
    fn kernel(&self) -> Kernel {
        kernel!("mul", MUL, "mul")
    }

    fn bwd(&self, [x, y]: [&Tensor; 2], grad: &Tensor) -> Result<[Option<Tensor>; 2]> {
        let grad_x = x.track_op().then(|| mul(grad, y)).transpose()?;
        let grad_y = y.track_op().then(|| mul(grad, x)).transpose()?;
        Ok([grad_x, grad_y])
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;

    #[test]
    fn an_operand_that_occurs_twice_gets_both_parts_of_its_gradient() {
        let x = Var::new(&[3f64, -2.], &Device::Cpu).unwrap();
        let grads = mul(&x, &x).unwrap().backward().unwrap();
        assert_eq!(grads.get(&x).unwrap().to_vec1::<f64>().unwrap(), [6., -4.]);
    }
}
