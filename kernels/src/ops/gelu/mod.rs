//! The Gaussian error linear unit.

mod cpu;
mod normal;

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

use candle_core::{Result, Tensor};

#[cfg(feature = "cuda")]
use crate::ops::launch::{Kernel, kernel};
use crate::ops::scalar::Element;
use crate::ops::smooth::second_derivative;
use crate::ops::unary::{self, Unary};
use cpu::Gelu;

/// Computes x P(x) of every element of `x`, where P is the distribution function of the standard normal
/// distribution: the Gaussian error linear unit (Hendrycks and Gimpel, 2016), exact and not by a tanh.
///
/// P(x) = (1 + erf(x / sqrt(2))) / 2, and dz/dx = P(x) + x p(x) with the density p. No element overflows; at
/// minus infinity, where PyTorch gives NaN, it is its limit 0. PyTorch's equivalent is
/// `torch.nn.functional.gelu`, with its default `approximate="none"`.
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
/// let z = taper::ops::gelu(&x)?;
/// assert_eq!(z.to_vec1::<f64>()?, [0., 0., 1e30]);
///
/// let grads = z.sum_all()?.backward()?;
/// assert_eq!(grads.get(&x).unwrap().to_vec1::<f64>()?, [0., 0.5, 1.]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn gelu(x: &Tensor) -> Result<Tensor> {
    unary::apply(Gelu, x)
}

/// z <- gelu(x), on slices of one length.
pub(super) fn forward<T: Element>(x: &[T], z: &mut [T]) {
    unary::forward(Gelu, x, z);
}

/// dx <- gelu'(x) dz, on slices of one length.
pub(super) fn backward<T: Element>(x: &[T], grad: &[T], x_grad: &mut [T]) {
    unary::backward(Gelu, x, grad, x_grad);
}

/// The kernels of the function and of its gradient.
#[cfg(feature = "cuda")]
pub(super) const KERNELS: [Kernel; 2] = Gelu::KERNELS;

/// z = x P(x); dz/dx = P(x) + x p(x), and d2z/dx2 = p(x) (2 - x^2), since p'(x) = -x p(x).
impl Unary for Gelu {
    const NAME: &'static str = "gelu";

    #[cfg(feature = "cuda")]
    const KERNELS: [Kernel; 2] = [kernel!("gelu", GELU, "gelu"), kernel!("gelu", GELU, "gelu_grad")];

    fn second_derivative(&self, x: &Tensor) -> Result<Option<Tensor>> {
        second_derivative(x, |x| {
            let square = x.sqr()?;
            let density = ((&square * -0.5)?.exp()? * (0.5 * FRAC_1_SQRT_2 * FRAC_2_SQRT_PI))?;
            density * (2. - square)?
        })
    }
}
