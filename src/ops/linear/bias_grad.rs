//! The gradient of a layer's bias, and in the same pass that of the sums before its relu.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor};

use super::cpu;
#[cfg(feature = "cuda")]
use super::cuda;
use crate::ops::elements::{Float, on_cpu, with_float};

/// The sum (out) of `grad` (..., out) over all axes but the last.
pub(super) fn bias_grad(grad: &Tensor) -> Result<Tensor> {
    grad.apply_op1(ColumnSums)
}

/// g \[y > 0\] for `grad` g (..., out) and the output y (..., out) of a relu, and its sum (out) over all axes but the last.
///
/// It is piecewise constant in y. Its derivative there is zero, so y is detached and only g stays in the graph.
pub(super) fn after_relu(output: &Tensor, grad: &Tensor) -> Result<(Tensor, Tensor)> {
    let both = output.detach().apply_op2(grad, ReluGrad)?;
    let (rows, _) = both.dims2()?;
    let masked = both.narrow(0, 0, rows - 1)?;
    let masked = if masked.shape() == grad.shape() { masked } else { masked.reshape(grad.shape())? };
    Ok((masked, both.get(rows - 1)?))
}

/// The rows and columns of a layout (..., columns).
fn matrix(layout: &Layout) -> (usize, usize) {
    let columns = layout.dims().last().copied().unwrap_or(1);
    (layout.dims().iter().rev().skip(1).product(), columns)
}

/// g to the sums of its columns; their gradient u is that of each row of g.
struct ColumnSums;

impl ColumnSums {
    fn cpu<T: Float>(rows: usize, columns: usize, grad: &[T]) -> CpuStorage {
        let mut sums = vec![T::default(); columns];
        cpu::bias_grad(cpu::Sizes { rows, inputs: 0, outputs: columns }, grad, &mut sums);
        T::to_cpu_storage_owned(sums)
    }
}

impl CustomOp1 for ColumnSums {
    fn name(&self) -> &'static str {
        "linear_bias_grad"
    }

    fn cpu_fwd(&self, grad: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, columns) = matrix(layout);
        let sums = with_float!(self.name(), grad, T => Self::cpu::<T>(rows, columns, on_cpu(grad, layout)?));
        Ok((sums, columns.into()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, grad: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let (rows, columns) = matrix(layout);
        Ok((cuda::column_sums(rows, columns, (grad, layout))?, columns.into()))
    }

    fn bwd(&self, grad: &Tensor, _sums: &Tensor, upstream: &Tensor) -> Result<Option<Tensor>> {
        upstream.broadcast_as(grad.shape()).map(Some)
    }
}

/// (y, g) to the matrix whose rows are those of g [y > 0] and, below them, their sum: two results as one tensor, which is
/// all that an operation can return. With the gradient U of the matrix and u of its last row: dg = (U + u) [y > 0].
struct ReluGrad;

impl ReluGrad {
    fn cpu<T: Float>(rows: usize, columns: usize, output: &[T], grad: &[T]) -> CpuStorage {
        let mut both = Vec::with_capacity(grad.len() + columns);
        both.extend_from_slice(grad);
        both.resize(grad.len() + columns, T::default());
        let (masked, sums) = both.split_at_mut(grad.len());
        cpu::relu_grad(cpu::Sizes { rows, inputs: 0, outputs: columns }, output, masked, sums);
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
        let (rows, columns) = matrix(grad_layout);
        let both = with_float!(self.name(), grad, T => {
            Self::cpu::<T>(rows, columns, on_cpu(output, output_layout)?, on_cpu(grad, grad_layout)?)
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
        let (rows, columns) = matrix(grad_layout);
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
        let (rows, _) = matrix(grad.layout());
        let upper = upstream.narrow(0, 0, rows)?;
        let all = upper.broadcast_add(&upstream.narrow(0, rows, 1)?)?.reshape(grad.shape())?;
        Ok((None, Some(after_relu(output, &all)?.0)))
    }
}
