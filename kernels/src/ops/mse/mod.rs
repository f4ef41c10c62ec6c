//! The mean squared error.

pub(super) mod cpu;
#[cfg(feature = "cuda")]
mod cuda;

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, WithDType, bail};

use crate::ops::custom::{Elementwise, Op};
use crate::ops::elements::{on_cpu, with_float};
#[cfg(feature = "cuda")]
use crate::ops::launch::{Kernel, kernel};
use crate::ops::mul::mul;
use crate::ops::operands;
use cpu::DifferenceTimes;

/// The kernel of the loss and its gradient in one pass.
#[cfg(feature = "cuda")]
pub(super) const STEP_KERNEL: Kernel = kernel!("mse", MSE, "mse_step");

/// Computes the mean of (p - t)^2 over all n elements of a prediction p and a target t, a scalar.
///
/// dz/dp = 2 (p - t) / n, dz/dt = -dz/dp. p and t have the same shape, and z has their dtype. The squares are
/// summed in `f64`; operands of 16 bits are widened to `f32`, and the result is rounded once. PyTorch's
/// equivalent is `torch.nn.functional.mse_loss`.
///
/// # Errors
///
/// Fails when the operands are on different devices, differ in dtype, are not floating-point, differ in
/// shape, or have no elements. They are not broadcast: a column and a row would silently give n^2
/// differences.
///
/// # Examples
///
/// ```
/// # use taper_kernels as taper;
/// use candle_core::{Device, Tensor, Var};
///
/// let prediction = Var::new(&[1f32, 2.], &Device::Cpu)?;
/// let target = Tensor::new(&[1f32, 4.], &Device::Cpu)?;
/// let z = taper::ops::mse(&prediction, &target)?;
/// assert_eq!(z.to_scalar::<f32>()?, 2.);
///
/// let grads = z.backward()?;
/// assert_eq!(grads.get(&prediction).unwrap().to_vec1::<f32>()?, [0., -2.]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn mse(prediction: &Tensor, target: &Tensor) -> Result<Tensor> {
    let operands = [("prediction", prediction), ("target", target)];
    operands::check_all("mse", &operands)?;
    if prediction.shape() != target.shape() {
        bail!("{}, expected one shape", operands::list("mse", &operands))
    }
    if prediction.elem_count() == 0 {
        bail!("{}, expected at least one element", operands::list("mse", &operands))
    }
    operands::widened([prediction, target], |[prediction, target]| {
        prediction.contiguous()?.apply_op2(&target.contiguous()?, Mse)
    })
}

/// z = the mean of (p - t)^2 over n elements; dz/dp = 2 (p - t) / n, dz/dt = 2 (t - p) / n.
struct Mse;

impl CustomOp2 for Mse {
    fn name(&self) -> &'static str {
        "mse"
    }

    fn cpu_fwd(
        &self,
        prediction: &CpuStorage,
        prediction_layout: &Layout,
        target: &CpuStorage,
        target_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let len = prediction_layout.shape().elem_count();
        let mean = with_float!("mse", prediction, T => {
            let (p, t) = (on_cpu(prediction, prediction_layout)?, on_cpu(target, target_layout)?);
            let sum = cpu::sum_of_squares::<T>(p, t);
            T::to_cpu_storage_owned(vec![T::from_f64(sum / len as f64)])
        });
        Ok((mean, ().into()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        prediction: &CudaStorage,
        prediction_layout: &Layout,
        target: &CudaStorage,
        target_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        Ok((cuda::mse((prediction, prediction_layout), (target, target_layout))?, ().into()))
    }

    fn bwd(
        &self,
        prediction: &Tensor,
        target: &Tensor,
        _z: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let grad = (grad * (2. / prediction.elem_count() as f64))?.broadcast_as(prediction.shape())?;
        let prediction_grad =
            prediction.track_op().then(|| difference_times(prediction, target, &grad)).transpose()?;
        let target_grad =
            target.track_op().then(|| difference_times(target, prediction, &grad)).transpose()?;
        Ok((prediction_grad, target_grad))
    }
}

/// (x - y) g for operands of one shape.
fn difference_times(x: &Tensor, y: &Tensor, grad: &Tensor) -> Result<Tensor> {
    x.apply_op3(y, grad, Op(DifferenceTimes))
}

/// z = (x - y) g; dz/dx = g, dz/dy = -g, dz/dg = x - y.
impl Elementwise<3> for DifferenceTimes {
    const NAME: &'static str = "mse_grad";

    #[cfg(feature = "cuda")]
    fn kernel(&self) -> Kernel {
        kernel!("mse", MSE, "difference_times")
    }

    fn bwd(&self, [x, y, grad]: [&Tensor; 3], grad_z: &Tensor) -> Result<[Option<Tensor>; 3]> {
        let grad_x = x.track_op().then(|| mul(grad_z, grad)).transpose()?;
        let grad_y = y.track_op().then(|| mul(grad_z, grad)?.neg()).transpose()?;
        let grad_grad = grad.track_op().then(|| difference_times(x, y, grad_z)).transpose()?;
        Ok([grad_x, grad_y, grad_grad])
    }
}

#[cfg(test)]
mod tests;
