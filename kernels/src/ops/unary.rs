//! Operations on one operand that are stated by scalar math: a function and its derivative.
//!
//! An operation implements [`Function`] and [`Unary`], its `.cu` file states the same function for CUDA, and
//! [`apply`] is the differentiable operation. One that wants more, such as a faster algorithm for some
//! arguments, implements [`Map`] and [`Elementwise`] itself.

use candle_core::{Result, Tensor};

use crate::ops::custom::{Elementwise, Op};
use crate::ops::elementwise::{Map, map_slices};
#[cfg(feature = "cuda")]
use crate::ops::launch::Kernel;
use crate::ops::mul::mul;
use crate::ops::operands;
use crate::ops::scalar::{Element, Scalar};

/// A function f of one number.
pub(super) trait Function: Copy + Send + Sync + 'static {
    /// f(x).
    fn f<T: Scalar>(&self, x: T) -> T;

    /// g f'(x).
    fn grad<T: Scalar>(&self, x: T, g: T) -> T;
}

/// A [`Function`] as a differentiable operation.
pub(super) trait Unary: Function {
    /// The operation's name in error messages.
    const NAME: &'static str;

    /// The kernels of the same function: f(x), and g f'(x).
    #[cfg(feature = "cuda")]
    const KERNELS: [Kernel; 2];

    /// f''(x), made of differentiable operations, so that derivatives of every order are right; `None` if it
    /// is zero everywhere.
    fn second_derivative(&self, x: &Tensor) -> Result<Option<Tensor>>;
}

/// Applies `f` to every element of `x`.
pub(super) fn apply<F: Unary>(f: F, x: &Tensor) -> Result<Tensor> {
    operands::check(F::NAME, x)?;
    x.apply_op1(Op(Forward(f)))
}

/// z <- f(x), on slices of one length.
pub(super) fn forward<F: Function, T: Element>(f: F, x: &[T], z: &mut [T]) {
    map_slices(&Forward(f), [x], z);
}

/// dx <- dz f'(x), on slices of one length.
pub(super) fn backward<F: Function, T: Element>(f: F, x: &[T], grad: &[T], x_grad: &mut [T]) {
    map_slices(&Gradient(f), [x, grad], x_grad);
}

/// f(x).
#[derive(Clone, Copy)]
struct Forward<F>(F);

/// g f'(x).
#[derive(Clone, Copy)]
struct Gradient<F>(F);

impl<F: Function> Map<1> for Forward<F> {
    #[inline(always)]
    fn apply<T: Scalar>(&self, [x]: [T; 1]) -> T {
        self.0.f(x)
    }
}

impl<F: Function> Map<2> for Gradient<F> {
    #[inline(always)]
    fn apply<T: Scalar>(&self, [x, g]: [T; 2]) -> T {
        self.0.grad(x, g)
    }
}

/// z = f(x); dz/dx = f'(x).
impl<F: Unary> Elementwise<1> for Forward<F> {
    const NAME: &'static str = F::NAME;

    #[cfg(feature = "cuda")]
    fn kernel(&self) -> Kernel {
        F::KERNELS[0]
    }

    fn bwd(&self, [x]: [&Tensor; 1], grad: &Tensor) -> Result<[Option<Tensor>; 1]> {
        Ok([Some(x.apply_op2(grad, Op(Gradient(self.0)))?)])
    }
}

/// z = g f'(x); dz/dx = g f''(x), dz/dg = f'(x).
impl<F: Unary> Elementwise<2> for Gradient<F> {
    const NAME: &'static str = F::NAME;

    #[cfg(feature = "cuda")]
    fn kernel(&self) -> Kernel {
        F::KERNELS[1]
    }

    fn bwd(&self, [x, grad]: [&Tensor; 2], grad_z: &Tensor) -> Result<[Option<Tensor>; 2]> {
        let along_x = || match self.0.second_derivative(x)? {
            Some(second) => mul(&mul(grad_z, grad)?, &second),
            None => x.zeros_like(),
        };
        let grad_x = x.track_op().then(along_x).transpose()?;
        let grad_grad = grad.track_op().then(|| x.apply_op2(grad_z, Op(*self))).transpose()?;
        Ok([grad_x, grad_grad])
    }
}
