//! The sigmoid linear unit.

mod cpu;

use candle_core::{Result, Tensor};

#[cfg(feature = "cuda")]
use crate::ops::launch::{Kernel, kernel};
use crate::ops::scalar::Element;
use crate::ops::smooth::{second_derivative, sigmoid_tensors};
use crate::ops::unary::{self, Unary};
use cpu::Silu;

/// Computes x / (1 + exp(-x)) of every element of `x`, the sigmoid linear unit or swish (Elfwing and others,
/// 2018; Ramachandran and others, 2017).
///
/// With s = 1 / (1 + exp(-x)), dz/dx = s (1 + x (1 - s)). No element overflows; at minus infinity, where
/// PyTorch gives NaN, it is its limit 0. PyTorch's equivalent is `torch.nn.functional.silu`.
///
/// # Errors
///
/// Fails when `x` is not floating-point.
///
/// # Examples
///
/// ```
/// # use taper_kernels as taper;
/// use candle_core::{Device, Var};
///
/// let x = Var::new(&[-1e30, 0., 1e30], &Device::Cpu)?;
/// let z = taper::ops::silu(&x)?;
/// assert_eq!(z.to_vec1::<f64>()?, [0., 0., 1e30]);
///
/// let grads = z.sum_all()?.backward()?;
/// assert_eq!(grads.get(&x).unwrap().to_vec1::<f64>()?, [0., 0.5, 1.]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn silu(x: &Tensor) -> Result<Tensor> {
    unary::apply(Silu, x)
}

/// z <- silu(x), on slices of one length.
pub(super) fn forward<T: Element>(x: &[T], z: &mut [T]) {
    unary::forward(Silu, x, z);
}

/// dx <- silu'(x) dz, on slices of one length.
pub(super) fn backward<T: Element>(x: &[T], grad: &[T], x_grad: &mut [T]) {
    unary::backward(Silu, x, grad, x_grad);
}

/// The kernels of the function and of its gradient.
#[cfg(feature = "cuda")]
pub(super) const KERNELS: [Kernel; 2] = Silu::KERNELS;

/// z = x s with s = 1 / (1 + exp(-x)); dz/dx = s + x s q with q = 1 - s, and
/// d2z/dx2 = s q (2 + x (q - s)).
impl Unary for Silu {
    const NAME: &'static str = "silu";

    #[cfg(feature = "cuda")]
    const KERNELS: [Kernel; 2] = [kernel!("silu", SILU, "silu"), kernel!("silu", SILU, "silu_grad")];

    fn second_derivative(&self, x: &Tensor) -> Result<Option<Tensor>> {
        second_derivative(x, |x| {
            let [s, q] = sigmoid_tensors(x)?;
            let factor = ((x * (&q - &s)?)? + 2.)?;
            (s * q)? * factor
        })
    }
}
