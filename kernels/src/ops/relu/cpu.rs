//! The scalar math of the rectified linear unit and of its derivative.

use crate::ops::scalar::Scalar;
use crate::ops::unary::Function;

/// x where it is positive or NaN, else 0.
#[derive(Clone, Copy)]
pub(super) struct Relu;

impl Function for Relu {
    #[inline(always)]
    fn f<T: Scalar>(&self, x: T) -> T {
        // Only NaN differs from itself.
        #[allow(clippy::eq_op)]
        let is_nan = x != x;
        let positive = if x > T::default() { x } else { T::default() };
        if is_nan { x } else { positive }
    }

    #[inline(always)]
    fn grad<T: Scalar>(&self, x: T, g: T) -> T {
        if x > T::default() { g } else { T::default() }
    }
}
