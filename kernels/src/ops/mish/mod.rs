//! Mish.

mod cpu;

use candle_core::{Result, Tensor};

#[cfg(feature = "cuda")]
use crate::ops::launch::{Kernel, kernel};
use crate::ops::scalar::Element;
use crate::ops::smooth::{second_derivative, sigmoid_tensors};
use crate::ops::unary::{self, Unary};
use cpu::Mish;

/// Computes x tanh(log(1 + exp(x))) of every element of `x`, mish (Misra, 2019).
///
/// With t = tanh(log(1 + exp(x))), dz/dx = t + x (1 - t^2) / (1 + exp(-x)). No element overflows; at minus
/// infinity, where PyTorch gives NaN, it is its limit 0. PyTorch's equivalent is `torch.nn.functional.mish`.
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
/// let z = taper::ops::mish(&x)?;
/// assert_eq!(z.to_vec1::<f64>()?, [0., 0., 1e30]);
///
/// let grads = z.sum_all()?.backward()?;
/// let grad = grads.get(&x).unwrap().to_vec1::<f64>()?;
/// assert!(grad[0] == 0. && (grad[1] - 0.6).abs() < 1e-15 && grad[2] == 1.);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn mish(x: &Tensor) -> Result<Tensor> {
    unary::apply(Mish, x)
}

/// z <- mish(x), on slices of one length.
pub(super) fn forward<T: Element>(x: &[T], z: &mut [T]) {
    unary::forward(Mish, x, z);
}

/// dx <- mish'(x) dz, on slices of one length.
pub(super) fn backward<T: Element>(x: &[T], grad: &[T], x_grad: &mut [T]) {
    unary::backward(Mish, x, grad, x_grad);
}

/// The kernels of the function and of its gradient.
#[cfg(feature = "cuda")]
pub(super) const KERNELS: [Kernel; 2] = Mish::KERNELS;

/// z = x t; dz/dx = t + x t' with t' = 4 s q^2 / (1 + q^2)^2, and
/// d2z/dx2 = t' (2 + x (q - 2 s + 4 s q^2 / (1 + q^2))), in the letters of `cpu.rs`.
impl Unary for Mish {
    const NAME: &'static str = "mish";

    #[cfg(feature = "cuda")]
    const KERNELS: [Kernel; 2] = [kernel!("mish", MISH, "mish"), kernel!("mish", MISH, "mish_grad")];

    fn second_derivative(&self, x: &Tensor) -> Result<Option<Tensor>> {
        second_derivative(x, |x| {
            let [s, q] = sigmoid_tensors(x)?;
            let d = (q.sqr()? + 1.)?.recip()?;
            // 4 s q^2 / (1 + q^2), which divided by 1 + q^2 is t'.
            let part = (((&s * q.sqr()?)? * &d)? * 4.)?;
            let factor = ((x * ((q - (s * 2.)?)? + &part)?)? + 2.)?;
            (part * d)? * factor
        })
    }
}
