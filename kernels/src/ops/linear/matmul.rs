//! The three products of a layer. The derivatives of each are the other two, so they are right at every
//! order.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};

use super::activation::Activation;
use super::cpu;
#[cfg(feature = "cuda")]
use super::cuda;
use super::gemm::Write;
use super::sizes::{Sizes, matrix_dims};
use crate::ops::elements::{on_cpu, with_float};
use crate::ops::simd::SimdFloat;

/// A product of contiguous matrices, for x (..., in), W (out, in) and g (..., out).
#[derive(Debug, Clone, Copy)]
enum Product {
    /// (x, W) to x W^T.
    Forward,
    /// (g, W) to g W.
    InputGrad,
    /// (g, x) to g^T x.
    WeightGrad,
}

/// x W^T, (..., out).
pub(super) fn forward(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    x.apply_op2(weight, Product::Forward)
}

/// The gradient of x, g W, (..., in).
pub(super) fn input_grad(grad: &Tensor, weight: &Tensor) -> Result<Tensor> {
    grad.apply_op2(weight, Product::InputGrad)
}

/// The gradient of W, g^T x, (out, in).
pub(super) fn weight_grad(grad: &Tensor, x: &Tensor) -> Result<Tensor> {
    grad.apply_op2(x, Product::WeightGrad)
}

/// activation(x W^T + b), (rows, outputs).
pub(super) fn on_slices<T: SimdFloat>(
    sizes: Sizes,
    x: &[T],
    weight: &[T],
    bias: &[T],
    activation: Activation,
) -> Vec<T> {
    let mut y = vec![T::default(); sizes.rows * sizes.outputs];
    if !y.is_empty() {
        cpu::forward_by_weight(sizes, x, weight, bias, activation, &mut y);
    }
    y
}

impl Product {
    /// The sizes of the layer, and the shape of the product.
    fn sizes(self, left: &Layout, right: &Layout) -> Result<(Sizes, Shape)> {
        match self {
            Self::Forward => Sizes::new(left, right),
            Self::InputGrad => {
                // This product is the forward of the layer whose weight is W^T.
                let (outputs, inputs) = right.shape().dims2()?;
                let (Sizes { rows, .. }, shape) = Sizes::new(left, &Layout::contiguous((inputs, outputs)))?;
                Ok((Sizes { rows, inputs, outputs }, shape))
            }
            Self::WeightGrad => {
                let ((rows, outputs), (_, inputs)) = (matrix_dims(left), matrix_dims(right));
                Ok((Sizes { rows, inputs, outputs }, (outputs, inputs).into()))
            }
        }
    }

    fn cpu<T: SimdFloat>(self, sizes: Sizes, left: &[T], right: &[T], len: usize) -> CpuStorage {
        if let Self::Forward = self {
            let bias = vec![T::default(); sizes.outputs];
            return T::to_cpu_storage_owned(on_slices(sizes, left, right, &bias, Activation::Identity));
        }
        let mut result = vec![T::default(); len];
        match self {
            _ if len == 0 => {}
            Self::InputGrad => cpu::input_grad(sizes, left, right, &mut result),
            _ => cpu::weight_grad(sizes, right, left, Write::Set, &mut result),
        }
        T::to_cpu_storage_owned(result)
    }
}

impl CustomOp2 for Product {
    fn name(&self) -> &'static str {
        match self {
            Self::Forward => "linear",
            Self::InputGrad => "linear_input_grad",
            Self::WeightGrad => "linear_weight_grad",
        }
    }

    fn cpu_fwd(
        &self,
        left: &CpuStorage,
        left_layout: &Layout,
        right: &CpuStorage,
        right_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (sizes, shape) = self.sizes(left_layout, right_layout)?;
        let len = shape.elem_count();
        let result = with_float!(self.name(), left, T => {
            self.cpu::<T>(sizes, on_cpu(left, left_layout)?, on_cpu(right, right_layout)?, len)
        });
        Ok((result, shape))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        left: &CudaStorage,
        left_layout: &Layout,
        right: &CudaStorage,
        right_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let (sizes, shape) = self.sizes(left_layout, right_layout)?;
        let (left, right) = ((left, left_layout), (right, right_layout));
        let result = match self {
            Self::Forward => cuda::product(sizes, left, right),
            Self::InputGrad => cuda::input_grad(sizes, left, right),
            Self::WeightGrad => cuda::weight_grad(sizes, left, right),
        };
        Ok((result?, shape))
    }

    /// The gradients of both factors, from the gradient u of the product.
    fn bwd(
        &self,
        left: &Tensor,
        right: &Tensor,
        _product: &Tensor,
        upstream: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let u = upstream.contiguous()?;
        let left_grad = || match self {
            Self::Forward => input_grad(&u, right),
            // d(g W)/dg: u W^T, and d(g^T x)/dg: x u^T.
            Self::InputGrad => forward(&u, right),
            Self::WeightGrad => forward(right, &u),
        };
        let right_grad = || match self {
            Self::Forward => weight_grad(&u, left),
            // d(g W)/dW: g^T u, and d(g^T x)/dx: g u.
            Self::InputGrad => weight_grad(left, &u),
            Self::WeightGrad => input_grad(left, &u),
        };
        Ok((left.track_op().then(left_grad).transpose()?, right.track_op().then(right_grad).transpose()?))
    }
}
