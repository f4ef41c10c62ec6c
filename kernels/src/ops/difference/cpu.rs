//! The mean of a function of differences on slices.

use crate::ops::scalar::Scalar;
use crate::ops::simd::SimdFloat;

/// A function f of a difference d.
pub(in crate::ops) trait Function: Copy + Send + Sync + 'static {
    /// f(d).
    fn f(&self, d: f64) -> f64;

    /// f'(d).
    fn slope<T: Scalar>(&self, d: T) -> T;
}

/// Returns the mean of f(p - t) over slices of one length n, not 0, and sets grad <- f'(p - t) / n.
pub(in crate::ops) fn mean_and_grad<T: SimdFloat, F: Function>(
    f: &F,
    prediction: &[T],
    target: &[T],
    grad: &mut [T],
) -> T {
    let len = prediction.len() as f64;
    let factor = T::of(1. / len);
    for ((grad, &prediction), &target) in grad.iter_mut().zip(prediction).zip(target) {
        *grad = f.slope(prediction - target) * factor;
    }
    T::of(sum(f, prediction, target) / len)
}

/// Returns the sum of f(x - y) over slices of one length, in `f64`; it is the same on every machine.
pub(super) fn sum<T: SimdFloat, F: Function>(f: &F, x: &[T], y: &[T]) -> f64 {
    x.iter().zip(y).map(|(&x, &y)| f.f((x - y).to_f64())).sum()
}
