//! The affine layer with an activation: one operation forward, and its backward.

pub(super) mod activation;
mod bias_grad;
pub(super) mod cpu;
#[cfg(feature = "cuda")]
pub(super) mod cuda;
pub(super) mod gemm;
mod matmul;
pub(super) mod sizes;

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};

use crate::ops::cos::{self, cos, minus_sin};
use crate::ops::elements::{on_cpu, with_float};
use crate::ops::operands;
use crate::ops::relu::relu;
use crate::ops::simd::SimdFloat;
pub use activation::Activation;
use sizes::Sizes;

/// Computes the affine layer y = x W^T + b.
///
/// x is (..., in), W is (out, in), b is (out) and y is (..., out). With the gradient g of y: dx = g W, dW =
/// g^T x and db = the sum of g over all axes but the last. Operands of 16 bits are widened to `f32`, and the
/// result is rounded once. Long sums are added up in blocks, so that their error does not grow with the
/// number of rows or features; in products on CUDA, cuBLAS adds up. PyTorch's equivalent is
/// `torch.nn.functional.linear`.
///
/// # Errors
///
/// Fails when the operands are on different devices, differ in dtype, are not floating-point, or have shapes
/// that do not match.
///
/// # Examples
///
/// ```
/// # use taper_kernels as taper;
/// use candle_core::{Device, Tensor, Var};
///
/// let x = Tensor::new(&[[1f32, 2.]], &Device::Cpu)?;
/// let weight = Var::new(&[[3f32, 4.], [5., 6.]], &Device::Cpu)?;
/// let bias = Var::new(&[0.5f32, -20.], &Device::Cpu)?;
/// let y = taper::ops::linear(&x, &weight, Some(&bias))?;
/// assert_eq!(y.to_vec2::<f32>()?, [[11.5, -3.]]);
///
/// let grads = y.sum_all()?.backward()?;
/// assert_eq!(grads.get(&weight).unwrap().to_vec2::<f32>()?, [[1., 2.], [1., 2.]]);
/// assert_eq!(grads.get(&bias).unwrap().to_vec1::<f32>()?, [1., 1.]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    linear_with(x, weight, bias, Activation::Identity)
}

/// Computes the affine layer of [`linear`] followed by `activation`, in one operation.
///
/// With [`Activation::Relu`], y = relu(x W^T + b), and g is first replaced by g \[y > 0\]: as with [`relu`],
/// the derivative at 0 is 0, and NaN stays NaN and gets no gradient.
///
/// # Errors
///
/// Fails as [`linear`] does.
///
/// # Examples
///
/// ```
/// # use taper_kernels as taper;
/// use candle_core::{Device, Tensor, Var};
/// use taper::ops::{Activation, linear_with};
///
/// let x = Tensor::new(&[[1f32, 2.]], &Device::Cpu)?;
/// let weight = Var::new(&[[3f32, 4.], [5., 6.]], &Device::Cpu)?;
/// let bias = Var::new(&[0.5f32, -20.], &Device::Cpu)?;
/// let y = linear_with(&x, &weight, Some(&bias), Activation::Relu)?;
/// assert_eq!(y.to_vec2::<f32>()?, [[11.5, 0.]]);
///
/// let grads = y.sum_all()?.backward()?;
/// assert_eq!(grads.get(&weight).unwrap().to_vec2::<f32>()?, [[1., 2.], [0., 0.]]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn linear_with(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    activation: Activation,
) -> Result<Tensor> {
    layer(Layer { map: WeightMap::Identity, activation }, x, weight, bias)
}

/// Computes the affine layer whose weight is a cosine, y = x cos(W)^T + b.
///
/// x is (..., in), W is (out, in), b is (out) and y is (..., out). With the gradient g of y: dx = g cos(W),
/// dW = -sin(W) (g^T x) elementwise, and db is as in [`linear`]. PyTorch's equivalent is
/// `torch.nn.functional.linear(x, torch.cos(weight), bias)`.
///
/// # Errors
///
/// Fails as [`linear`] does.
///
/// # Examples
///
/// ```
/// # use taper_kernels as taper;
/// use candle_core::{Device, Tensor, Var};
///
/// let x = Tensor::new(&[[1f64, 2.]], &Device::Cpu)?;
/// let weight = Var::zeros((1, 2), candle_core::DType::F64, &Device::Cpu)?;
/// let y = taper::ops::cos_linear(&x, &weight, None)?;
/// assert_eq!(y.to_vec2::<f64>()?, [[3.]]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn cos_linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    cos_linear_with(x, weight, bias, Activation::Identity)
}

/// Computes the affine layer of [`cos_linear`] followed by `activation`, in one operation as [`linear_with`]
/// does.
///
/// # Errors
///
/// Fails as [`linear`] does.
///
/// # Examples
///
/// ```
/// # use taper_kernels as taper;
/// use candle_core::{DType, Device, Tensor};
/// use taper::ops::{Activation, cos_linear_with};
///
/// let x = Tensor::new(&[[1f64, 2.], [-1., 0.5]], &Device::Cpu)?;
/// let weight = Tensor::zeros((1, 2), DType::F64, &Device::Cpu)?;
/// let y = cos_linear_with(&x, &weight, None, Activation::Relu)?;
/// assert_eq!(y.to_vec2::<f64>()?, [[3.], [0.]]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn cos_linear_with(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    activation: Activation,
) -> Result<Tensor> {
    layer(Layer { map: WeightMap::Cos, activation }, x, weight, bias)
}

/// y = act(x f(W)^T + b). With dy = g, or g [y > 0] for a relu: dx = dy f(W), dW = f'(W) (dy^T x), db = the
/// sum of dy.
#[derive(Debug, Clone, Copy)]
struct Layer {
    map: WeightMap,
    activation: Activation,
}

/// The function f that is applied to the weight.
#[derive(Debug, Clone, Copy)]
enum WeightMap {
    Identity,
    Cos,
}

/// Applies `op` as one operation with a bias, and as a product and its activation without one.
fn layer(op: Layer, x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    check(op.name(), x, weight, bias)?;
    let Some(bias) = bias else {
        return operands::widened([x, weight], |[x, weight]| {
            let y = matmul::forward(&x.contiguous()?, &op.map.apply(&weight.contiguous()?)?)?;
            match op.activation {
                Activation::Identity => Ok(y),
                Activation::Relu => relu(&y),
            }
        });
    };
    operands::widened([x, weight, bias], |[x, weight, bias]| {
        x.contiguous()?.apply_op3(&weight.contiguous()?, &bias.contiguous()?, op)
    })
}

fn check(op: &str, x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<()> {
    let three = [("x", x), ("weight", weight), ("bias", bias.unwrap_or(x))];
    let operands = if bias.is_some() { &three[..] } else { &three[..2] };
    operands::check_all(op, operands)?;
    let &[outputs, inputs] = weight.dims() else {
        bail!("{}, expected weight [out, in]", operands::list(op, operands))
    };
    if x.dims().last() != Some(&inputs) {
        bail!("{}, expected x [.., {inputs}]", operands::list(op, operands))
    }
    if bias.is_some_and(|bias| bias.dims() != [outputs]) {
        bail!("{}, expected bias [{outputs}]", operands::list(op, operands))
    }
    Ok(())
}

impl WeightMap {
    fn apply(self, weight: &Tensor) -> Result<Tensor> {
        match self {
            Self::Identity => Ok(weight.clone()),
            Self::Cos => cos(weight),
        }
    }

    /// The gradient of W from that of f(W).
    fn backward(self, weight: &Tensor, grad: Tensor) -> Result<Tensor> {
        match self {
            Self::Identity => Ok(grad),
            Self::Cos => minus_sin(weight, &grad),
        }
    }
}

impl Layer {
    fn cpu<T: SimdFloat>(self, sizes: Sizes, x: &[T], weight: &[T], bias: &[T]) -> CpuStorage {
        let y = match self.map {
            WeightMap::Identity => matmul::on_slices(sizes, x, weight, bias, self.activation),
            WeightMap::Cos => {
                let mut cosine = vec![T::default(); weight.len()];
                cos::cpu::forward(weight, &mut cosine);
                matmul::on_slices(sizes, x, &cosine, bias, self.activation)
            }
        };
        T::to_cpu_storage_owned(y)
    }
}

impl CustomOp3 for Layer {
    fn name(&self) -> &'static str {
        match self.map {
            WeightMap::Identity => "linear",
            WeightMap::Cos => "cos_linear",
        }
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (sizes, shape) = Sizes::new(x_layout, weight_layout)?;
        let y = with_float!(self.name(), x, T => {
            let bias = on_cpu(bias, bias_layout)?;
            self.cpu::<T>(sizes, on_cpu(x, x_layout)?, on_cpu(weight, weight_layout)?, bias)
        });
        Ok((y, shape))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        x: &CudaStorage,
        x_layout: &Layout,
        weight: &CudaStorage,
        weight_layout: &Layout,
        bias: &CudaStorage,
        bias_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let (sizes, shape) = Sizes::new(x_layout, weight_layout)?;
        let (x, bias) = ((x, x_layout), (bias, bias_layout));
        let y = match self.map {
            WeightMap::Identity => cuda::forward(sizes, x, (weight, weight_layout), bias, self.activation),
            WeightMap::Cos => {
                let (cosine, shape) = cos::on_cuda(weight, weight_layout)?;
                cuda::forward(sizes, x, (&cosine, &Layout::contiguous(shape)), bias, self.activation)
            }
        };
        Ok((y?, shape))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        y: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let (grad, bias_grad) = match self.activation {
            Activation::Relu => {
                let (grad, bias_grad) = bias_grad::after_relu(y, &grad)?;
                (grad, bias.track_op().then_some(bias_grad))
            }
            Activation::Identity => {
                let bias_grad = bias.track_op().then(|| bias_grad::bias_grad(&grad)).transpose()?;
                (grad, bias_grad)
            }
        };
        let x_grad = || matmul::input_grad(&grad, &self.map.apply(weight)?);
        let weight_grad = || self.map.backward(weight, matmul::weight_grad(&grad, x)?);
        Ok((
            x.track_op().then(x_grad).transpose()?,
            weight.track_op().then(weight_grad).transpose()?,
            bias_grad,
        ))
    }
}

#[cfg(test)]
mod tests;
