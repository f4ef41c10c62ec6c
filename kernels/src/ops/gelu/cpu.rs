//! The scalar math of the Gaussian error linear unit and of its derivative.

use super::normal::normal;
use crate::ops::scalar::Scalar;
use crate::ops::smooth::damped;
use crate::ops::unary::Function;

/// x P(x), where P is the distribution function of the standard normal distribution.
#[derive(Clone, Copy)]
pub(super) struct Gelu;

impl Function for Gelu {
    #[inline(always)]
    fn f<T: Scalar>(&self, x: T) -> T {
        let [distribution, _] = normal(x);
        damped(x, distribution)
    }

    /// g (P(x) + x p(x)), where p is the density.
    #[inline(always)]
    fn grad<T: Scalar>(&self, x: T, g: T) -> T {
        let [distribution, density] = normal(x);
        g * (distribution + damped(x, density))
    }
}
