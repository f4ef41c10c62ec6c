//! Operations on two operands that are broadcast to a common shape.
//!
//! Candle's `broadcast_as` differentiates as one running sum over all that an element was broadcast to: in
//! f32 that of 2^20 rows is off by a percent. So the operands keep their shapes in the graph, the forward
//! broadcasts their layouts alone, and the backward adds up in blocks.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};

use crate::ops::custom::{Elementwise, Op, without_graph};
use crate::ops::operands;

/// The terms of a sum that are added one after the other. Rounding errors of equal terms all have one sign
/// and grow with their number.
const BLOCK: usize = 32;

/// Applies `op` to `x` and `y`, broadcast to their common shape.
///
/// # Errors
///
/// Fails when the operands do not broadcast, and as [`operands::check_all`] does.
pub(super) fn apply<F: Elementwise<2>>(op: F, x: &Tensor, y: &Tensor) -> Result<Tensor> {
    operands::check_broadcast(F::NAME, x, y)?;
    if x.shape() == y.shape() { x.apply_op2(y, Op(op)) } else { x.apply_op2(y, Broadcast(Op(op))) }
}

/// An operation on operands whose shapes broadcast.
struct Broadcast<F>(Op<F>);

/// The layouts of two operands, broadcast to their common shape.
fn common(op: &'static str, x: &Layout, y: &Layout) -> Result<[Layout; 2]> {
    let shape = x.shape().broadcast_shape_binary_op(y.shape(), op)?;
    Ok([x.broadcast_as(shape.clone())?, y.broadcast_as(shape)?])
}

impl<F: Elementwise<2>> CustomOp2 for Broadcast<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        y: &CpuStorage,
        y_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let [x_layout, y_layout] = common(F::NAME, x_layout, y_layout)?;
        self.0.cpu_fwd(x, &x_layout, y, &y_layout)
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        x: &CudaStorage,
        x_layout: &Layout,
        y: &CudaStorage,
        y_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let [x_layout, y_layout] = common(F::NAME, x_layout, y_layout)?;
        self.0.cuda_fwd(x, &x_layout, y, &y_layout)
    }

    fn bwd(
        &self,
        x: &Tensor,
        y: &Tensor,
        _z: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let [x_grad, y_grad] = self.0.0.bwd([x, y], grad)?;
        let summed = |grad: Option<Tensor>, of: &Tensor| {
            grad.map(|grad| sum_to(&grad, of.shape())).transpose().map(without_graph)
        };
        Ok((summed(x_grad, x)?, summed(y_grad, y)?))
    }
}

/// Adds up what was broadcast from `shape` to the shape of `x`, in f32 where `x` is of 16 bits.
pub(super) fn sum_to(x: &Tensor, shape: &Shape) -> Result<Tensor> {
    if x.shape() == shape {
        return Ok(x.clone());
    }
    let new_axes = x.rank() - shape.rank();
    let is_summed = |axis: &usize| *axis < new_axes || shape.dims()[axis - new_axes] != x.dims()[*axis];
    operands::widened([x], |[x]| {
        let summed = (0..x.rank()).filter(is_summed).try_fold(x.clone(), |x, axis| sum_axis(&x, axis))?;
        summed.reshape(shape)
    })
}

/// The sums along `axis`, which keeps a length of 1, in blocks.
fn sum_axis(x: &Tensor, axis: usize) -> Result<Tensor> {
    let len = x.dims()[axis];
    let (blocks, rest) = (len / BLOCK, len % BLOCK);
    if blocks <= 1 {
        return x.sum_keepdim(axis);
    }
    let mut dims = x.dims().to_vec();
    dims.splice(axis..=axis, [blocks, BLOCK]);
    let sums = x.narrow(axis, 0, blocks * BLOCK)?.reshape(dims)?.sum(axis + 1)?;
    let sum = sum_axis(&sums, axis)?;
    if rest == 0 { Ok(sum) } else { sum + x.narrow(axis, blocks * BLOCK, rest)?.sum_keepdim(axis)? }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;

    /// Small whole numbers, whose sums are exact in every order.
    #[test]
    fn sums_of_blocks_are_whole_sums() {
        for dims in [[3, 5000, 2], [2048, 3, 2], [5, 3, 4099], [1, 0, 3]] {
            let count: usize = dims.iter().product();
            let x = Tensor::arange(0u32, count as u32, &Device::Cpu).unwrap().to_dtype(DType::F64).unwrap();
            let x = x.reshape(&dims).unwrap();
            for to in [&[dims[0], 1, dims[2]][..], &[1, dims[1], 1], &[dims[2]], &[dims[1], 1], &[]] {
                let shape = Shape::from(to);
                let mut expected = x.clone();
                let new_axes = 3 - to.len();
                for axis in 0..3 {
                    if axis < new_axes || to[axis - new_axes] != dims[axis] {
                        expected = expected.sum_keepdim(axis).unwrap();
                    }
                }
                let values = |x: &Tensor| x.flatten_all().unwrap().to_vec1::<f64>().unwrap();
                let found = sum_to(&x, &shape).unwrap();
                assert_eq!(found.dims(), to);
                assert_eq!(values(&found), values(&expected), "{dims:?} to {to:?}");
            }
        }
    }
}
