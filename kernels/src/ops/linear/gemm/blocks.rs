//! Sums of many terms, in blocks.
//!
//! Each addition to a running sum rounds it, so after n terms it may be off by n/2 units in its last place:
//! the sum of 2^20 times 0.1 in `f32` is off by 1 %. So a running sum ends after a block of terms, and the
//! sums of the blocks are added with compensation: the rounding error of an addition is a number itself,
//! which Knuth's algorithm computes without a branch, and those are added up beside the sum (the idea of
//! Kahan and Babuska). What remains is the rounding within a block, however many there are.
//!
//! Up to one block of terms there is only its running sum, as fast as ever.

use crate::ops::simd::{Simd, SimdFloat};

/// The most terms of a running sum of rows: a multiple of the rows of every tile, and no fewer than a usual
/// batch has.
pub(super) const ROWS: usize = 72;

/// The most terms of a running sum of products. A tile of sums leaves its registers after a block, which
/// takes as long as some eight products of each.
pub(super) const PRODUCTS: usize = 256;

/// The sum of a number of blocks, in `N` vectors.
#[derive(Clone, Copy)]
pub(super) struct BlockSum<T: SimdFloat, S: Simd, const N: usize> {
    sum: [T::Vector<S>; N],
    /// What rounding has taken from `sum`.
    lost: [T::Vector<S>; N],
}

impl<T: SimdFloat, S: Simd, const N: usize> BlockSum<T, S, N> {
    /// The sum so far.
    #[inline(always)]
    pub(super) fn new(simd: S, sum: [T::Vector<S>; N]) -> Self {
        Self { sum, lost: [T::splat(simd, T::default()); N] }
    }

    /// Adds the sum of a block.
    #[inline(always)]
    pub(super) fn add(&mut self, simd: S, block: [T::Vector<S>; N]) {
        for ((sum, lost), x) in self.sum.iter_mut().zip(&mut self.lost).zip(block) {
            let both = T::add_vectors(simd, *sum, x);
            let added = T::sub_vectors(simd, both, *sum);
            let kept = T::sub_vectors(simd, both, added);
            let of_sum = T::sub_vectors(simd, *sum, kept);
            let of_x = T::sub_vectors(simd, x, added);
            *lost = T::add_vectors(simd, *lost, T::add_vectors(simd, of_sum, of_x));
            *sum = both;
        }
    }

    /// The sum. Where it is infinite, what was lost is NaN and does not count.
    #[inline(always)]
    pub(super) fn total(&self, simd: S) -> [T::Vector<S>; N] {
        let mut total = self.sum;
        for (total, lost) in total.iter_mut().zip(self.lost) {
            *total = T::add_unless_nan(simd, *total, lost);
        }
        total
    }
}
