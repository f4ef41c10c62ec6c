//! The gradient of a layer's bias, and in the same pass the backward of its relu.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor};

#[cfg(feature = "cuda")]
use super::cuda;
use super::gemm::{Write, column_sums, relu_backward};
use super::sizes::matrix_dims;
use crate::ops::elements::{on_cpu, with_float};
use crate::ops::simd::SimdFloat;

/// The sum (out) of `grad` (..., out) over all axes but the last.
pub(super) fn bias_grad(grad: &Tensor) -> Result<Tensor> {
    grad.apply_op1(ColumnSums)
}

/// g \[y > 0\] for `grad` g (..., out) and the output y (..., out) of a relu, and the sum (out) of that over
/// all axes but the last.
///
/// Both are piecewise constant in y, whose gradient is zero, so y is detached and only g stays in the graph.
pub(super) fn after_relu(output: &Tensor, grad: &Tensor) -> Result<(Tensor, Tensor)> {
    let both = output.detach().apply_op2(grad, ReluGrad)?;
    let (rows, _) = both.dims2()?;
    let masked = both.narrow(0, 0, rows - 1)?;
    let masked = if masked.shape() == grad.shape() { masked } else { masked.reshape(grad.shape())? };
    Ok((masked, both.get(rows - 1)?))
}

/// s = the sums of g's columns; for the gradient u of s, each row of dg is u.
struct ColumnSums;

impl ColumnSums {
    fn cpu<T: SimdFloat>(columns: usize, grad: &[T]) -> CpuStorage {
        let mut sums = vec![T::default(); columns];
        column_sums(grad, Write::Add, &mut sums);
        T::to_cpu_storage_owned(sums)
    }
}

impl CustomOp1 for ColumnSums {
    fn name(&self) -> &'static str {
        "linear_bias_grad"
    }

    fn cpu_fwd(&self, grad: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (_, columns) = matrix_dims(layout);
        let sums = with_float!(self.name(), grad, T => Self::cpu::<T>(columns, on_cpu(grad, layout)?));
        Ok((sums, columns.into()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, grad: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let (rows, columns) = matrix_dims(layout);
        Ok((cuda::bias_grad(rows, columns, (grad, layout))?, columns.into()))
    }

    fn bwd(&self, grad: &Tensor, _sums: &Tensor, upstream: &Tensor) -> Result<Option<Tensor>> {
        upstream.broadcast_as(grad.shape()).map(Some)
    }
}

/// The rows of g [y > 0] and, as one more row, their sum: two results in one tensor, since an operation
/// returns only one. With the gradients U of the rows and u of their sum: dg = (U + u) [y > 0].
struct ReluGrad;

impl ReluGrad {
    fn cpu<T: SimdFloat>(columns: usize, output: &[T], grad: &[T]) -> CpuStorage {
        let mut both = Vec::with_capacity(grad.len() + columns);
        both.extend_from_slice(grad);
        both.resize(grad.len() + columns, T::default());
        let (masked, sums) = both.split_at_mut(grad.len());
        relu_backward(output, masked, Write::Add, sums);
        T::to_cpu_storage_owned(both)
    }
}

impl CustomOp2 for ReluGrad {
    fn name(&self) -> &'static str {
        "linear_relu_grad"
    }

    fn cpu_fwd(
        &self,
        output: &CpuStorage,
        output_layout: &Layout,
        grad: &CpuStorage,
        grad_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (rows, columns) = matrix_dims(grad_layout);
        let both = with_float!(self.name(), grad, T => {
            Self::cpu::<T>(columns, on_cpu(output, output_layout)?, on_cpu(grad, grad_layout)?)
        });
        Ok((both, (rows + 1, columns).into()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        output: &CudaStorage,
        output_layout: &Layout,
        grad: &CudaStorage,
        grad_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let (rows, columns) = matrix_dims(grad_layout);
        let both = cuda::relu_grad(rows, columns, (output, output_layout), (grad, grad_layout))?;
        Ok((both, (rows + 1, columns).into()))
    }

    fn bwd(
        &self,
        output: &Tensor,
        grad: &Tensor,
        _both: &Tensor,
        upstream: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (rows, _) = matrix_dims(grad.layout());
        let upper = upstream.narrow(0, 0, rows)?;
        let all = upper.broadcast_add(&upstream.narrow(0, rows, 1)?)?.reshape(grad.shape())?;
        Ok((None, Some(after_relu(output, &all)?.0)))
    }
}
