//! The random numbers of dropout, and its scalar math on slices.

use super::Dropout;
use crate::ops::simd::{self, Simd, SimdFloat, WithSimd};

/// The odd number nearest to 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The number at `position`, from 0, in the sequence of `SplitMix64` with this seed (Steele, Lea and Flood,
/// 2014, "Fast splittable pseudorandom number generators"): any of them at once, without those before it.
#[inline(always)]
pub(super) fn number_at(seed: u64, position: u64) -> u64 {
    let mut z = seed.wrapping_add(GOLDEN.wrapping_mul(position.wrapping_add(1)));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// z <- 0 or x / (1 - rate), on slices of one length.
pub(crate) fn forward<T: SimdFloat>(dropout: Dropout, x: &[T], z: &mut [T]) {
    simd::run(Forward { dropout, x, z });
}

struct Forward<'a, T> {
    dropout: Dropout,
    x: &'a [T],
    z: &'a mut [T],
}

impl<T: SimdFloat> WithSimd for Forward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { dropout: Dropout { rate, seed }, x, z } = self;
        let (threshold, scale) = (super::threshold(rate), T::of(1. / (1. - rate)));
        for ((position, &x), z) in (0..).zip(x).zip(z) {
            let is_kept = number_at(seed, position) >= threshold;
            *z = if is_kept { x * scale } else { T::default() };
        }
    }
}
