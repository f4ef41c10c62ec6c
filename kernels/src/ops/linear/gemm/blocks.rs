//! Sums of many terms, in blocks.
//!
//! Each addition to a running sum rounds it, so after n terms it may be off by n/2 units in its last place:
//! the sum of 2^20 times 0.1 in `f32` is off by 1 %. So a running sum ends after a block of terms, and the
//! sums of the blocks are added with compensation: the rounding error of an addition is a number itself,
//! which Knuth's algorithm computes without a branch, and those are added up beside the sum (the idea of
//! Kahan and Babuska). What remains is the rounding within a block, however many there are.
//!
//! Up to one block of terms there is only its running sum, as fast as ever.

use crate::ops::simd::SimdFloat;

/// The most terms of a running sum of rows: a multiple of the rows of every tile, and no fewer than a usual
/// batch has.
pub(super) const ROWS: usize = 72;

/// The most terms of a running sum of products.
pub(super) const PRODUCTS: usize = 256;

/// The sums of a number of blocks, for each of `LEN` numbers.
pub(super) struct BlockSums<T, const LEN: usize> {
    sums: [T; LEN],
    /// What rounding has taken from `sums`.
    lost: [T; LEN],
}

impl<T: SimdFloat, const LEN: usize> BlockSums<T, LEN> {
    /// Sums of no blocks.
    pub(super) fn new() -> Self {
        Self { sums: [T::default(); LEN], lost: [T::default(); LEN] }
    }

    /// Starts the sums from `at` on with these numbers.
    #[inline(always)]
    pub(super) fn start(&mut self, at: usize, numbers: &[T]) {
        self.sums[at..][..numbers.len()].copy_from_slice(numbers);
        self.lost[at..][..numbers.len()].fill(T::default());
    }

    /// Adds the sums of a block to those from `at` on.
    #[inline(always)]
    pub(super) fn add(&mut self, at: usize, block: &[T]) {
        for ((sum, lost), &x) in self.sums[at..].iter_mut().zip(&mut self.lost[at..]).zip(block) {
            let both = *sum + x;
            let added = both - *sum;
            let kept = both - added;
            *lost += (*sum - kept) + (x - added);
            *sum = both;
        }
    }

    /// Replaces `numbers` by the sums from `at` on. Where one is infinite, what was lost is NaN and does not
    /// count.
    #[inline(always)]
    pub(super) fn write(&self, at: usize, numbers: &mut [T]) {
        for ((number, &sum), &lost) in numbers.iter_mut().zip(&self.sums[at..]).zip(&self.lost[at..]) {
            // NaN is in no order, not even with itself.
            *number = if lost.partial_cmp(&lost).is_some() { sum + lost } else { sum };
        }
    }
}
