//! The scalar math of the Gaussian error linear unit and of its derivative.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

use crate::ops::scalar::Scalar;
use crate::ops::smooth::{damped, exp};
use crate::ops::unary::Function;

/// x P(x), where P is the distribution function of the standard normal distribution.
#[derive(Clone, Copy)]
pub(super) struct Gelu;

impl Function for Gelu {
    #[inline(always)]
    fn f<T: Scalar>(&self, x: T) -> T {
        damped(x, distribution(x))
    }

    /// g (P(x) + x p(x)), where p is the density.
    #[inline(always)]
    fn grad<T: Scalar>(&self, x: T, g: T) -> T {
        let density = T::of(0.5 * FRAC_1_SQRT_2 * FRAC_2_SQRT_PI) * exp(-(x * x) * T::of(0.5));
        g * (distribution(x) + damped(x, density))
    }
}

/// P(x) = erfc(-x / sqrt(2)) / 2, which is precise where 1 + erf would cancel.
#[inline(always)]
fn distribution<T: Scalar>(x: T) -> T {
    T::of(0.5) * (-x * T::of(FRAC_1_SQRT_2)).by_type(libm::erfcf, libm::erfc)
}
