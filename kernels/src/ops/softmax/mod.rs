//! Softmax and its logarithm along any axis.

mod columns;
mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod form;

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::shape::Dim;
use candle_core::{CpuStorage, CustomOp1, CustomOp2, D, Layout, Result, Shape, Tensor, WithDType};

use crate::ops::custom::without_graph;
use crate::ops::elements::{on_cpu, with_float};
use crate::ops::mul::mul;
use crate::ops::operands;
use form::{Form, Slices};

/// Divides the exponentials of `x` by their sum along `dim`, so that they are positive and sum to 1.
///
/// z = exp(x - m) / sum(exp(x - m)) with the largest element m along `dim`, so that no exponential overflows.
/// With the gradient g of z: dx = z (g - sum(g z)). An element of -infinity becomes 0, and where all along
/// `dim` are -infinity, or one is infinity or NaN, all become NaN, as in PyTorch. Operands of 16 bits are
/// widened to `f32`, and the result is rounded once. It replaces `candle_nn::ops::softmax`, and is one
/// operation where that is five. PyTorch's equivalent is `torch.nn.functional.softmax`.
///
/// # Errors
///
/// Fails when `x` is not floating-point, or has no axis `dim`.
///
/// # Examples
///
/// ```
/// # use taper_kernels as taper;
/// use candle_core::{D, Device, Tensor};
///
/// let x = Tensor::new(&[[1e4, 1e4], [0., f64::NEG_INFINITY]], &Device::Cpu)?;
/// assert_eq!(taper::ops::softmax(&x, D::Minus1)?.to_vec2::<f64>()?, [[0.5, 0.5], [1., 0.]]);
/// assert_eq!(taper::ops::softmax(&x, 0)?.to_vec2::<f64>()?, [[1., 1.], [0., 0.]]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn softmax<D: Dim>(x: &Tensor, dim: D) -> Result<Tensor> {
    apply(Form::Probabilities, x, dim)
}

/// [`softmax`] along the last axis.
///
/// It replaces `candle_nn::ops::softmax_last_dim`, which has no backward: what is below that in a network is
/// not trained.
///
/// # Errors
///
/// Fails when `x` is not floating-point, or has no axes.
///
/// # Examples
///
/// ```
/// # use taper_kernels as taper;
/// use candle_core::{Device, Var};
///
/// let x = Var::new(&[[0f64, 0.]], &Device::Cpu)?;
/// let z = taper::ops::softmax_last_dim(&x)?;
/// let grads = z.narrow(1, 0, 1)?.sum_all()?.backward()?;
/// assert_eq!(grads.get(&x).unwrap().to_vec2::<f64>()?, [[0.25, -0.25]]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn softmax_last_dim(x: &Tensor) -> Result<Tensor> {
    softmax(x, D::Minus1)
}

/// The natural logarithm of [`softmax`], finite where that is 0 for want of digits.
///
/// z = x - m - log(sum(exp(x - m))) with the largest element m along `dim`. With the gradient g of z: dx = g -
/// exp(z) sum(g). An element of -infinity stays, and where all along `dim` are -infinity, or one is infinity
/// or NaN, all become NaN, as in PyTorch. Operands of 16 bits are widened to `f32`, and the result is rounded
/// once. It replaces `candle_nn::ops::log_softmax`. PyTorch's equivalent is
/// `torch.nn.functional.log_softmax`.
///
/// # Errors
///
/// Fails when `x` is not floating-point, or has no axis `dim`.
///
/// # Examples
///
/// ```
/// # use taper_kernels as taper;
/// use candle_core::{Device, Tensor};
///
/// let x = Tensor::new(&[[0., 1e4]], &Device::Cpu)?;
/// assert_eq!(taper::ops::log_softmax(&x, 1)?.to_vec2::<f64>()?, [[-1e4, 0.]]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn log_softmax<D: Dim>(x: &Tensor, dim: D) -> Result<Tensor> {
    apply(Form::Logarithms, x, dim)
}

fn apply<D: Dim>(form: Form, x: &Tensor, dim: D) -> Result<Tensor> {
    operands::check(form.name(), x)?;
    let dim = dim.to_index(x.shape(), form.name())?;
    operands::widened([x], |[x]| x.contiguous()?.apply_op1(Softmax { form, dim }))
}

/// z = softmax(x) or its logarithm; the derivatives are in [`softmax`] and [`log_softmax`].
#[derive(Debug, Clone, Copy)]
struct Softmax {
    form: Form,
    dim: usize,
}

/// The gradient g of a [`Softmax`] z through it: z (g - sum(g z)), or g - exp(z) sum(g).
#[derive(Debug, Clone, Copy)]
struct Gradient(Softmax);

impl CustomOp1 for Softmax {
    fn name(&self) -> &'static str {
        self.form.name()
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let z = with_float!(self.form.name(), x, T => {
            let x = on_cpu::<T>(x, layout)?;
            let mut z = vec![T::default(); x.len()];
            cpu::forward(self.form, Slices::new(layout.dims(), self.dim), x, &mut z);
            T::to_cpu_storage_owned(z)
        });
        Ok((z, layout.shape().clone()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, x: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let slices = Slices::new(layout.dims(), self.dim);
        Ok((cuda::forward(self.form, slices, x, layout)?, layout.shape().clone()))
    }

    fn bwd(&self, _x: &Tensor, z: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        Ok(without_graph(Some(z.apply_op2(&grad.contiguous()?, Gradient(*self))?)))
    }
}

impl CustomOp2 for Gradient {
    fn name(&self) -> &'static str {
        self.0.form.name()
    }

    fn cpu_fwd(
        &self,
        z: &CpuStorage,
        z_layout: &Layout,
        grad: &CpuStorage,
        grad_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let Softmax { form, dim } = self.0;
        let x_grad = with_float!(form.name(), z, T => {
            let (z, grad) = (on_cpu::<T>(z, z_layout)?, on_cpu::<T>(grad, grad_layout)?);
            let mut x_grad = vec![T::default(); z.len()];
            cpu::backward(form, Slices::new(z_layout.dims(), dim), z, grad, &mut x_grad);
            T::to_cpu_storage_owned(x_grad)
        });
        Ok((x_grad, z_layout.shape().clone()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        z: &CudaStorage,
        z_layout: &Layout,
        grad: &CudaStorage,
        grad_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let Softmax { form, dim } = self.0;
        let slices = Slices::new(z_layout.dims(), dim);
        let x_grad = cuda::backward(form, slices, (z, z_layout), (grad, grad_layout))?;
        Ok((x_grad, z_layout.shape().clone()))
    }

    /// With the gradient h of the result, the probabilities p, s = sum(g p) and t = sum(h p): of softmax h (g -
    /// s) - g t to z and p (h - t) to g; of its logarithm -h p sum(g) to z and h - t to g.
    fn bwd(
        &self,
        z: &Tensor,
        grad: &Tensor,
        _x_grad: &Tensor,
        along: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let Softmax { form, dim } = self.0;
        let total = |x: &Tensor| x.sum_keepdim(dim);
        let z_grad = || match form {
            Form::Probabilities => {
                let rest = grad.broadcast_sub(&total(&mul(grad, z)?)?)?;
                mul(along, &rest)? - mul(grad, &total(&mul(along, z)?)?)?
            }
            Form::Logarithms => mul(&mul(along, &z.exp()?)?, &total(grad)?)?.neg(),
        };
        let grad_grad = || match form {
            Form::Probabilities => z.apply_op2(&along.contiguous()?, *self),
            Form::Logarithms => along.broadcast_sub(&total(&mul(along, &z.exp()?)?)?),
        };
        let z_grad = z.track_op().then(z_grad).transpose()?;
        Ok((z_grad, grad.track_op().then(grad_grad).transpose()?))
    }
}

#[cfg(test)]
mod tests;
