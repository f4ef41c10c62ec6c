//! The affine layer with an activation, and its backward.

mod bias_grad;
mod columns;
pub(crate) mod cpu;
#[cfg(feature = "cuda")]
pub(crate) mod cuda;
mod gate;
mod large;
mod matmul;
mod product;

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};

use crate::ops::cos::{self, cos, minus_sin};
use crate::ops::elements::{Float, on_cpu, with_float};
use crate::ops::{operands, relu};
pub(crate) use product::LARGE;

/// What becomes of the sums of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Activation {
    /// They are the result.
    #[default]
    Identity,
    /// Negative ones become 0, as by [`relu`].
    Relu,
}

/// Computes the affine layer y = x W^T + b.
///
/// x is (..., in), W is (out, in), b is (out) and y is (..., out). With the gradient g of y: dx = g W, dW = g^T x and
/// db = the sum of g over all axes but the last. Operands of 16 bits are widened to `f32`, and the result is rounded once.
/// PyTorch's equivalent is `torch.nn.functional.linear`.
///
/// # Errors
///
/// Fails when the operands are on different devices, differ in dtype, are not of floating point, or when their shapes do
/// not fit.
///
/// # Examples
///
/// ```
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

/// Computes the affine layer as [`linear`] does, and then `activation`, in one operation.
///
/// With [`Activation::Relu`], y = relu(x W^T + b), and g is first replaced by g \[y > 0\]: as with [`relu`], the derivative
/// at 0 is 0, and NaN stays NaN and gives no gradient.
///
/// # Errors
///
/// The same as those of [`linear`].
///
/// # Examples
///
/// ```
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
/// dW = -sin(W) (g^T x), element by element, and db as that of [`linear`]. In PyTorch it is
/// `torch.nn.functional.linear(x, torch.cos(weight), bias)`.
///
/// # Errors
///
/// The same as those of [`linear`].
///
/// # Examples
///
/// ```
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

/// Computes the affine layer as [`cos_linear`] does, and then `activation` as [`linear_with`] does, in one operation.
///
/// # Errors
///
/// The same as those of [`linear`].
///
/// # Examples
///
/// ```
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

/// z = act(x f(W)^T + b). With dz = g, or g [z > 0] after a relu: dx = dz f(W), dW = f'(W) (dz^T x), db = the sum of dz.
#[derive(Debug, Clone, Copy)]
struct Layer {
    map: WeightMap,
    activation: Activation,
}

/// The function f of the weight.
#[derive(Debug, Clone, Copy)]
enum WeightMap {
    Identity,
    Cos,
}

/// Applies `op` as one operation if there is a bias, and as a product and what follows it if there is none.
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

/// The sizes of a product of x (..., in) and W (out, in), and its shape (..., out).
fn sizes(x: &Layout, weight: &Layout) -> Result<(cpu::Sizes, Shape)> {
    let (outputs, inputs) = weight.shape().dims2()?;
    let mut dims = x.dims().to_vec();
    let rows = dims.iter().rev().skip(1).product();
    if let Some(last) = dims.last_mut() {
        *last = outputs;
    }
    Ok((cpu::Sizes { rows, inputs, outputs }, dims.into()))
}

impl WeightMap {
    fn apply(self, weight: &Tensor) -> Result<Tensor> {
        match self {
            Self::Identity => Ok(weight.clone()),
            Self::Cos => cos(weight),
        }
    }

    /// The gradient of W, from that of f(W).
    fn backward(self, weight: &Tensor, grad: Tensor) -> Result<Tensor> {
        match self {
            Self::Identity => Ok(grad),
            Self::Cos => minus_sin(weight, &grad),
        }
    }
}

impl Layer {
    fn cpu<T: Float>(self, sizes: cpu::Sizes, x: &[T], weight: &[T], bias: &[T]) -> CpuStorage {
        let relu = self.activation == Activation::Relu;
        let y = match self.map {
            WeightMap::Identity => matmul::on_slices(sizes, x, weight, bias, relu),
            WeightMap::Cos => {
                let mut cosine = vec![T::default(); weight.len()];
                cos::cpu::forward(weight, &mut cosine);
                matmul::on_slices(sizes, x, &cosine, bias, relu)
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
        let (sizes, shape) = sizes(x_layout, weight_layout)?;
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
        let (sizes, shape) = sizes(x_layout, weight_layout)?;
        let relu = self.activation == Activation::Relu;
        let (x, bias) = ((x, x_layout), (bias, bias_layout));
        let y = match self.map {
            WeightMap::Identity => cuda::forward(sizes, x, (weight, weight_layout), bias, relu),
            WeightMap::Cos => {
                let (cosine, shape) = cos::on_cuda(weight, weight_layout)?;
                cuda::forward(sizes, x, (&cosine, &Layout::contiguous(shape)), bias, relu)
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
