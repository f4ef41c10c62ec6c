//! The scalar math of the sigmoid linear unit and of its derivative.

use crate::ops::scalar::Scalar;
use crate::ops::smooth::{damped, sigmoids};
use crate::ops::unary::Function;

/// x s with s = 1 / (1 + exp(-x)).
#[derive(Clone, Copy)]
pub(super) struct Silu;

impl Function for Silu {
    #[inline(always)]
    fn f<T: Scalar>(&self, x: T) -> T {
        let [s, _] = sigmoids(x);
        damped(x, s)
    }

    /// With q = 1 - s it is g (s + x s q).
    #[inline(always)]
    fn grad<T: Scalar>(&self, x: T, g: T) -> T {
        let [s, q] = sigmoids(x);
        g * (s + damped(x, s * q))
    }
}
