//! The mean squared error on slices, and the scalar math of its gradient.

use crate::ops::elementwise::Map;
use crate::ops::scalar::Scalar;
use crate::ops::simd::{self, Simd, SimdFloat, WithSimd};

/// Returns the mean of (p - t)^2 over slices of one length n, not 0, and sets grad <- share 2 (p - t) / n.
pub(crate) fn mean_and_grad<T: SimdFloat>(share: f64, prediction: &[T], target: &[T], grad: &mut [T]) -> T {
    let len = prediction.len() as f64;
    let factor = T::of(share * 2. / len);
    for ((grad, &prediction), &target) in grad.iter_mut().zip(prediction).zip(target) {
        *grad = factor * (prediction - target);
    }
    T::of(sum_of_squares(prediction, target) / len)
}

/// Returns the sum of (x - y)^2 over slices of one length, in `f64`; it is the same on every machine.
pub(crate) fn sum_of_squares<T: SimdFloat>(x: &[T], y: &[T]) -> f64 {
    simd::run(SumOfSquares { x, y })
}

/// The number of sums kept side by side, as vectors that do not wait for each other.
const SUMS: usize = 16;

struct SumOfSquares<'a, T> {
    x: &'a [T],
    y: &'a [T],
}

impl<T: SimdFloat> WithSimd for SumOfSquares<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        let Self { x, y } = self;
        let (x, x_rest) = x.as_chunks::<SUMS>();
        let (y, y_rest) = y.as_chunks::<SUMS>();
        let mut sums = [0.; SUMS];
        for (x, y) in x.iter().zip(y) {
            add_squares(&mut sums, x, y);
        }
        add_squares(&mut sums, x_rest, y_rest);
        sums.iter().sum()
    }
}

/// sums <- sums + (x - y)^2, for up to one x and y for each sum.
#[inline(always)]
fn add_squares<T: SimdFloat>(sums: &mut [f64; SUMS], x: &[T], y: &[T]) {
    for ((sum, &x), &y) in sums.iter_mut().zip(x).zip(y) {
        let difference = (x - y).to_f64();
        *sum += difference * difference;
    }
}

/// (x - y) g.
#[derive(Debug, Clone, Copy)]
pub(super) struct DifferenceTimes;

impl Map<3> for DifferenceTimes {
    #[inline(always)]
    fn apply<T: Scalar>(&self, [x, y, g]: [T; 3]) -> T {
        (x - y) * g
    }
}
