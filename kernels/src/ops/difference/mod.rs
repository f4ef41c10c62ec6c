//! Losses that are the mean of a function of the difference between a prediction and its target.
//!
//! Such a loss implements [`OfDifference`], its `.cu` file states the same function for CUDA by `loss.cuh`,
//! and [`mean`] is the differentiable operation.

pub(super) mod cpu;
#[cfg(feature = "cuda")]
pub(super) mod cuda;

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, WithDType, bail};

use crate::ops::elements::{on_cpu, with_float};
use crate::ops::operands;
use cpu::Function;

/// A [`Function`] as a differentiable operation.
pub(super) trait OfDifference: Function {
    /// The operation's name in error messages.
    const NAME: &'static str;

    /// g f'(d), for tensors of one shape, made of differentiable operations.
    fn backward(&self, difference: &Tensor, grad: &Tensor) -> Result<Tensor>;

    /// The kernels of the same function.
    #[cfg(feature = "cuda")]
    const KERNELS: cuda::Kernels;

    /// The number that the kernels take, 0 for a function that has none.
    #[cfg(feature = "cuda")]
    fn parameter(&self) -> f64;
}

/// The mean of f(p - t) over all elements of a prediction and a target of one shape.
pub(super) fn mean<F: OfDifference>(f: F, prediction: &Tensor, target: &Tensor) -> Result<Tensor> {
    let operands = [("prediction", prediction), ("target", target)];
    operands::check_all(F::NAME, &operands)?;
    if prediction.shape() != target.shape() {
        bail!("{}, expected one shape", operands::list(F::NAME, &operands))
    }
    if prediction.elem_count() == 0 {
        bail!("{}, expected at least one element", operands::list(F::NAME, &operands))
    }
    operands::widened([prediction, target], |[prediction, target]| {
        prediction.contiguous()?.apply_op2(&target.contiguous()?, Mean(f))
    })
}

/// z = the mean of f(p - t) over n elements; dz/dp = f'(p - t) / n, dz/dt = -dz/dp.
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
        let grad = (grad / prediction.elem_count() as f64)?.broadcast_as(prediction.shape())?;
        let along = self.0.backward(&(prediction - target)?, &grad)?;
        let target_grad = target.track_op().then(|| along.neg()).transpose()?;
        Ok((prediction.track_op().then_some(along), target_grad))
    }
}

#[cfg(test)]
mod tests;
