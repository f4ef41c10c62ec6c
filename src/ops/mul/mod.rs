//! The elementwise product.

mod cpu;

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};

use crate::ops::{elementwise, operands};

/// Multiplies `x` and `y` element by element, broadcasting them to a common shape.
///
/// dz/dx = y, dz/dy = x. PyTorch's equivalent is `torch.mul`.
///
/// # Errors
///
/// Fails when the operands are on different devices, differ in dtype, are not of floating point, or do not
/// broadcast.
///
/// # Examples
///
/// ```
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
    let (x, y) = operands::broadcast("mul", x, y)?;
    x.apply_op2(&y, Mul)
}

/// z = x y; dz/dx = y, dz/dy = x.
struct Mul;

impl CustomOp2 for Mul {
    fn name(&self) -> &'static str {
        "mul"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        y: &CpuStorage,
        y_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        elementwise::map(self.name(), &cpu::Mul, [(x, x_layout), (y, y_layout)])
    }

    fn bwd(
        &self,
        x: &Tensor,
        y: &Tensor,
        _z: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let grad_x = x.track_op().then(|| mul(grad, y)).transpose()?;
        let grad_y = y.track_op().then(|| mul(grad, x)).transpose()?;
        Ok((grad_x, grad_y))
    }
}
