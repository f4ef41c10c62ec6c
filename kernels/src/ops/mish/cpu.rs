//! The scalar math of mish and of its derivative.
//!
//! With s = 1 / (1 + exp(-x)) and q = 1 - s, exp(softplus(x)) is 1 / q, and so
//! t = tanh(softplus(x)) = (1 - q^2) / (1 + q^2) = s (1 + q) / (1 + q^2): no logarithm, nothing that
//! overflows, and no difference of nearly equal numbers.

use crate::ops::scalar::Scalar;
use crate::ops::smooth::{damped, sigmoids};
use crate::ops::unary::Function;

/// x tanh(softplus(x)) = x t.
#[derive(Clone, Copy)]
pub(super) struct Mish;

impl Function for Mish {
    #[inline(always)]
    fn f<T: Scalar>(&self, x: T) -> T {
        let one = T::of(1.);
        let [s, q] = sigmoids(x);
        damped(x, s * (one + q) / (one + q * q))
    }

    /// With t' = 4 s q^2 / (1 + q^2)^2 it is g (t + x t').
    #[inline(always)]
    fn grad<T: Scalar>(&self, x: T, g: T) -> T {
        let one = T::of(1.);
        let [s, q] = sigmoids(x);
        let d = one / (one + q * q);
        let (t, root) = (s * (one + q) * d, T::of(2.) * q * d);
        g * (t + damped(x, s * root * root))
    }
}
