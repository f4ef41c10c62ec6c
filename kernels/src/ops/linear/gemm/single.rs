//! Products of a single column: each row of A, which is contiguous, times B.
//!
//! There is no vector of columns, so rows of A are multiplied by the column along k, four rows at a time, and
//! the lanes are summed at the end.

use super::epilogue::{Epilogue, Matrix};
use crate::ops::simd::{Simd, SimdFloat};

/// The product of A, whose rows are contiguous, and a column `b`, as long as a row of A and a vector at
/// least.
pub(super) struct Single<'a, T> {
    pub(super) a: Matrix<'a, T>,
    pub(super) b: &'a [T],
    /// An element for each row of A.
    pub(super) c: &'a mut [T],
    /// Any but that of a relu's backward.
    pub(super) epilogue: Epilogue<'a, T>,
}

impl<T: SimdFloat> Single<'_, T> {
    #[inline(always)]
    pub(super) fn compute<S: Simd>(mut self, simd: S) {
        let mut row = 0;
        // Several rows at a time hide the latency of the sums over lanes.
        while row + 4 <= self.c.len() {
            self.elements::<S, 4>(simd, row);
            row += 4;
        }
        while row < self.c.len() {
            self.elements::<S, 1>(simd, row);
            row += 1;
        }
    }

    /// Computes `ROWS` elements, from `row` on.
    #[inline(always)]
    fn elements<S: Simd, const ROWS: usize>(&mut self, simd: S, row: usize) {
        let (k, lanes) = (self.b.len(), T::lanes::<S>());
        let whole = k - k % lanes;
        let a: [&[T]; ROWS] = std::array::from_fn(|r| &self.a.data[(row + r) * self.a.row_stride..][..k]);
        let mut sums = [T::splat(simd, T::default()); ROWS];
        for start in (0..whole).step_by(lanes) {
            let b = T::load(simd, &self.b[start..]);
            for (a, sum) in a.iter().zip(&mut sums) {
                *sum = T::mul_add(simd, T::load(simd, &a[start..]), b, *sum);
            }
        }
        if whole < k {
            let b = T::load_part(simd, &self.b[whole..]);
            for (a, sum) in a.iter().zip(&mut sums) {
                *sum = T::mul_add(simd, T::load_part(simd, &a[whole..]), b, *sum);
            }
        }
        for (c, sum) in self.c[row..].iter_mut().zip(sums) {
            self.epilogue.finish(c, T::sum(simd, sum), 0);
        }
    }
}
