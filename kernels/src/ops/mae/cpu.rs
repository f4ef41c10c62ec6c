//! The scalar math of the mean absolute error and of its derivative.

use crate::ops::difference::cpu::Function;
use crate::ops::elementwise::Map;
use crate::ops::scalar::Scalar;

/// |d|, whose slope is the sign of d, 0 at 0; NaN stays NaN.
#[derive(Debug, Clone, Copy)]
pub(in crate::ops) struct Mae;

impl Function for Mae {
    #[inline(always)]
    fn f(&self, _: usize, d: f64) -> f64 {
        d.abs()
    }

    #[inline(always)]
    fn slope<T: Scalar>(&self, _: usize, d: T) -> T {
        sign(d)
    }
}

/// g times the sign of d.
#[derive(Debug, Clone, Copy)]
pub(super) struct SignTimes;

impl Map<2> for SignTimes {
    #[inline(always)]
    fn apply<T: Scalar>(&self, [d, g]: [T; 2]) -> T {
        sign(d) * g
    }
}

/// 1, -1, or d itself where it is 0 or NaN.
#[inline(always)]
fn sign<T: Scalar>(d: T) -> T {
    let (zero, one) = (T::default(), T::of(1.));
    // A choice between values that are computed already is not a branch.
    let not_positive = if d < zero { -one } else { d };
    if d > zero { one } else { not_positive }
}
