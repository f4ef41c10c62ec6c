//! Losses that are the mean of a function of the difference between a prediction and its target.
//!
//! Such a loss implements [`OfDifference`], its `.cu` file states the same function for CUDA by `loss.cuh`,
//! and [`mean`] is the differentiable operation.

pub(super) mod cpu;
#[cfg(feature = "cuda")]
pub(super) mod cuda;

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
#[cfg(feature = "cuda")]
use candle_core::cuda_backend::cudarc::driver::DeviceRepr;
use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, WithDType, bail};

use crate::ops::elements::{on_cpu, with_float};
use crate::ops::operands;
use cpu::Function;

/// A [`Function`] as a differentiable operation.
pub(super) trait OfDifference: Function {
    /// The operation's name in error messages.
    const NAME: &'static str;

    /// g f'(d), for tensors (targets, outputs), made of differentiable operations.
    fn backward(&self, difference: &Tensor, grad: &Tensor) -> Result<Tensor>;

    /// The kernels of the same function.
    #[cfg(feature = "cuda")]
    const KERNELS: cuda::Kernels;

    /// The parameters of the function as the kernels take them; a number if it has none.
    #[cfg(feature = "cuda")]
    type Parameters: DeviceRepr;

    #[cfg(feature = "cuda")]
    fn parameters(&self) -> Self::Parameters;
}

/// The mean of f(p - t) over all elements of a prediction, whose shape is that of the target or, where the
/// function has several outputs, has these side by side on its last axis.
pub(super) fn mean<F: OfDifference>(f: F, prediction: &Tensor, target: &Tensor) -> Result<Tensor> {
    let operands = [("prediction", prediction), ("target", target)];
    operands::check_all(F::NAME, &operands)?;
    let outputs = f.outputs();
    if !fits(prediction.dims(), target.dims(), outputs) {
        let expected = match outputs {
            1 => "one shape".to_owned(),
            _ => format!("a prediction with {outputs} times the target's last axis"),
        };
        bail!("{}, expected {expected}", operands::list(F::NAME, &operands))
    }
    if prediction.elem_count() == 0 {
        bail!("{}, expected at least one element", operands::list(F::NAME, &operands))
    }
    operands::widened([prediction, target], |[prediction, target]| {
        prediction.contiguous()?.apply_op2(&target.contiguous()?, Mean(f))
    })
}

/// Whether there are so many predictions for each target.
fn fits(prediction: &[usize], target: &[usize], outputs: usize) -> bool {
    match (prediction, target) {
        _ if outputs == 1 => prediction == target,
        ([p_rows @ .., p], [t_rows @ .., t]) => p_rows == t_rows && Some(*p) == t.checked_mul(outputs),
        _ => false,
    }
}

/// z = the mean of f(p - t) over n predictions; dz/dp = f'(p - t) / n, dz/dt = the sum of -dz/dp over the
/// outputs.
struct Mean<F>(F);

impl<F: OfDifference> CustomOp2 for Mean<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn cpu_fwd(
        &self,
        prediction: &CpuStorage,
        prediction_layout: &Layout,
        target: &CpuStorage,
        target_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let len = prediction_layout.shape().elem_count();
        let mean = with_float!(F::NAME, prediction, T => {
            let (p, t) = (on_cpu(prediction, prediction_layout)?, on_cpu(target, target_layout)?);
            let sum = cpu::sum::<T, _>(&self.0, p, t);
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
        let operands = [(prediction, prediction_layout), (target, target_layout)];
        Ok((cuda::mean(&self.0, operands)?, ().into()))
    }

    fn bwd(
        &self,
        prediction: &Tensor,
        target: &Tensor,
        _z: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (targets, outputs) = (target.elem_count(), self.0.outputs());
        let difference = prediction
            .reshape((targets, outputs))?
            .sub(&target.reshape((targets, 1))?.broadcast_as((targets, outputs))?)?;
        let grad = (grad / prediction.elem_count() as f64)?.broadcast_as(difference.shape())?;
        let along = self.0.backward(&difference, &grad)?;
        let to_target = || along.sum(1)?.neg()?.reshape(target.shape());
        let target_grad = target.track_op().then(to_target).transpose()?;
        let prediction_grad = prediction.track_op().then(|| along.reshape(prediction.shape())).transpose()?;
        Ok((prediction_grad, target_grad))
    }
}

#[cfg(test)]
mod tests;
