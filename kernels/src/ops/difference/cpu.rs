//! The mean of a function of differences on slices.

use crate::ops::scalar::Scalar;
use crate::ops::simd::SimdFloat;

/// A function f of a difference d.
pub(in crate::ops) trait Function: Copy + Send + Sync + 'static {
    /// The predictions of each target, side by side.
    fn outputs(&self) -> usize {
        1
    }

    /// f(d), for this one of the outputs.
    fn f(&self, output: usize, d: f64) -> f64;

    /// f'(d).
    fn slope<T: Scalar>(&self, output: usize, d: T) -> T;
}

/// Returns the mean of f(p - t) over n predictions p, not 0, and sets grad <- share f'(p - t) / n. Of each
/// target t there are as many predictions as the function has outputs.
pub(in crate::ops) fn mean_and_grad<T: SimdFloat, F: Function>(
    f: &F,
    share: f64,
    prediction: &[T],
    target: &[T],
    grad: &mut [T],
) -> T {
    let len = prediction.len() as f64;
    let factor = T::of(share / len);
    let of_targets = grad.chunks_exact_mut(f.outputs()).zip(prediction.chunks_exact(f.outputs()));
    for ((grad, prediction), &target) in of_targets.zip(target) {
        for (output, (grad, &prediction)) in grad.iter_mut().zip(prediction).enumerate() {
            *grad = f.slope(output, prediction - target) * factor;
        }
    }
    T::of(sum(f, prediction, target) / len)
}

/// Returns the sum of f(p - t) in `f64`; it is the same on every machine.
pub(super) fn sum<T: SimdFloat, F: Function>(f: &F, prediction: &[T], target: &[T]) -> f64 {
    let mut sum = 0.;
    for (prediction, &target) in prediction.chunks_exact(f.outputs()).zip(target) {
        for (output, &prediction) in prediction.iter().enumerate() {
            sum += f.f(output, (prediction - target).to_f64());
        }
    }
    sum
}
