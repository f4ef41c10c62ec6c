//! The sum of squared differences on slices, and the scalar math of its gradient.

use crate::ops::Real;
use crate::ops::elements::Float;
use crate::ops::elementwise::Map;
use crate::ops::simd::{self, Simd, WithSimd};

/// The sum of (x - y)^2 over slices of one length, in `f64`; the same on every machine.
pub(crate) fn sum_of_squares<T: Float>(x: &[T], y: &[T]) -> f64 {
    simd::run(SumOfSquares { x, y })
}

/// How many sums are made side by side, so that they become vectors and do not wait for each other.
const SUMS: usize = 16;

struct SumOfSquares<'a, T> {
    x: &'a [T],
    y: &'a [T],
}

impl<T: Float> WithSimd for SumOfSquares<'_, T> {
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

/// sums <- sums + (x - y)^2, as far as there are x and y.
#[inline(always)]
fn add_squares<T: Float>(sums: &mut [f64; SUMS], x: &[T], y: &[T]) {
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
    fn apply<T: Real>(&self, [x, y, g]: [T; 3]) -> T {
        (x - y) * g
    }
}
