//! The scalar math of the pinball loss and of its derivative.

use super::quantiles::Quantiles;
use crate::ops::difference::cpu::Function;
use crate::ops::elementwise::Map;
use crate::ops::scalar::Scalar;

/// Of the quantile q and a prediction too large by d: (1 - q) d where d is positive, else -q d; NaN stays
/// NaN.
impl Function for Quantiles {
    fn outputs(&self) -> usize {
        self.len()
    }

    #[inline(always)]
    fn f(&self, output: usize, d: f64) -> f64 {
        slope(d, self.level(output)) * d
    }

    #[inline(always)]
    fn slope<T: Scalar>(&self, output: usize, d: T) -> T {
        slope(d, T::of(self.level(output)))
    }
}

/// g times the slope.
#[derive(Debug, Clone, Copy)]
pub(super) struct SlopeTimes;

impl Map<3> for SlopeTimes {
    #[inline(always)]
    fn apply<T: Scalar>(&self, [d, quantile, g]: [T; 3]) -> T {
        slope(d, quantile) * g
    }
}

/// 1 - q where d is positive, -q where it is negative, or d itself where it is 0 or NaN.
#[inline(always)]
fn slope<T: Scalar>(d: T, quantile: T) -> T {
    let zero = T::default();
    // A choice between values that are computed already is not a branch.
    let (above, below) = (T::of(1.) - quantile, -quantile);
    let not_positive = if d < zero { below } else { d };
    if d > zero { above } else { not_positive }
}
