//! The scalar math of Huber's loss and of its derivatives.

use crate::ops::difference::cpu::Function;
use crate::ops::elementwise::Map;
use crate::ops::scalar::Scalar;

/// d^2 / 2 where |d| is at most `delta`, else delta (|d| - delta / 2), whose slope is d clamped to [-delta,
/// delta]; NaN stays NaN.
#[derive(Debug, Clone, Copy)]
pub(in crate::ops) struct Huber {
    pub(in crate::ops) delta: f64,
}

impl Function for Huber {
    #[inline(always)]
    fn f(&self, _: usize, d: f64) -> f64 {
        let (size, delta) = (d.abs(), self.delta);
        if size <= delta { 0.5 * d * d } else { delta * (size - 0.5 * delta) }
    }

    #[inline(always)]
    fn slope<T: Scalar>(&self, _: usize, d: T) -> T {
        clamp(d, T::of(self.delta))
    }
}

/// g times d clamped to [-delta, delta].
#[derive(Debug, Clone, Copy)]
pub(super) struct ClampTimes;

impl Map<3> for ClampTimes {
    #[inline(always)]
    fn apply<T: Scalar>(&self, [d, delta, g]: [T; 3]) -> T {
        clamp(d, delta) * g
    }
}

/// g where |d| < delta, else 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inside;

impl Map<3> for Inside {
    #[inline(always)]
    fn apply<T: Scalar>(&self, [d, delta, g]: [T; 3]) -> T {
        if d.abs() < delta { g } else { T::default() }
    }
}

#[inline(always)]
fn clamp<T: Scalar>(d: T, delta: T) -> T {
    let above = if d < -delta { -delta } else { d };
    if d > delta { delta } else { above }
}
