//! The rectified linear unit.

mod cpu;

use candle_core::{Result, Tensor};

#[cfg(feature = "cuda")]
use crate::ops::launch::{Kernel, kernel};
use crate::ops::scalar::Element;
use crate::ops::unary::{self, Unary};
use cpu::Relu;

/// Replaces the negative elements of `x` by 0.
///
/// dz/dx = 1 where x > 0, else 0: it is [`maximum`](crate::ops::maximum)`(x, 0)` with the tie on the
/// constant's side. NaN stays NaN and gets no gradient. PyTorch's equivalent is `torch.relu`.
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
/// let x = Var::new(&[-1f32, 0., 2.], &Device::Cpu)?;
/// let z = taper::ops::relu(&x)?;
/// assert_eq!(z.to_vec1::<f32>()?, [0., 0., 2.]);
///
/// let grads = z.sum_all()?.backward()?;
/// assert_eq!(grads.get(&x).unwrap().to_vec1::<f32>()?, [0., 0., 1.]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn relu(x: &Tensor) -> Result<Tensor> {
    unary::apply(Relu, x)
}

/// z <- relu(x), on slices of one length.
pub(super) fn forward<T: Element>(x: &[T], z: &mut [T]) {
    unary::forward(Relu, x, z);
}

/// dx <- dz where the operand, or the result, of the relu is positive, else 0; on slices of one length.
pub(super) fn backward<T: Element>(x: &[T], grad: &[T], x_grad: &mut [T]) {
    unary::backward(Relu, x, grad, x_grad);
}

/// The kernels of the relu and of its gradient.
#[cfg(feature = "cuda")]
pub(super) const KERNELS: [Kernel; 2] = Relu::KERNELS;

/// z = max(x, 0); dz/dx = [x > 0], and d2z/dx2 = 0.
impl Unary for Relu {
    const NAME: &'static str = "relu";

    #[cfg(feature = "cuda")]
    const KERNELS: [Kernel; 2] = [kernel!("relu", RELU, "relu"), kernel!("relu", RELU, "relu_grad")];

    fn second_derivative(&self, _: &Tensor) -> Result<Option<Tensor>> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;
    use crate::ops::maximum::{TieGrad, maximum_with};

    /// Bit for bit, special values included.
    #[test]
    fn it_is_the_maximum_with_zero_and_the_tie_on_the_side_of_the_constant() {
        let special = [-1.5f32, -0., 0., 2.5, f32::MIN_POSITIVE, f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
        let values: Vec<f32> = special.into_iter().cycle().take(999).collect();
        let x = Var::from_vec(values, 999, &Device::Cpu).unwrap();
        let upstream = Tensor::new(&[f32::INFINITY, 0.5, -3.], &Device::Cpu).unwrap().repeat(333).unwrap();
        let zero = Tensor::new(0f32, &Device::Cpu).unwrap();
        let [ours, theirs] =
            [relu(&x).unwrap(), maximum_with(&x, &zero, TieGrad::Second).unwrap()].map(|z| {
                let grads = (&z * &upstream).unwrap().backward().unwrap();
                [&z, grads.get(&x).unwrap()].map(|x| {
                    // Which NaN it is does not matter.
                    let bits = |x: f32| if x.is_nan() { None } else { Some(x.to_bits()) };
                    x.to_vec1::<f32>().unwrap().into_iter().map(bits).collect::<Vec<_>>()
                })
            });
        assert_eq!(ours, theirs);
    }
}
