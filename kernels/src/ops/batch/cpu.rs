//! Sums, and the check for what is not finite.

use crate::ops::simd::{self, Simd, SimdFloat, WithSimd};

/// out <- x + y, on slices of one length.
pub(crate) fn add<T: SimdFloat>(x: &[T], y: &[T], out: &mut [T]) {
    for ((out, &x), &y) in out.iter_mut().zip(x).zip(y) {
        *out = x + y;
    }
}

/// Whether every element is finite.
pub(crate) fn all_finite<T: SimdFloat>(x: &[T]) -> bool {
    simd::run(AllFinite(x))
}

struct AllFinite<'a, T>(&'a [T]);

impl<T: SimdFloat> WithSimd for AllFinite<'_, T> {
    type Output = bool;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> bool {
        let zero = T::default();
        let mut finite = true;
        // Zero times a finite number is zero; times an infinity or NaN it is NaN. Without an early exit the
        // loop becomes vectors.
        for &x in self.0 {
            finite &= x * zero == zero;
        }
        finite
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_position<T: SimdFloat>() {
        let [nan, infinity] = [f64::NAN, f64::INFINITY].map(T::from_f64);
        for len in 0..=67 {
            let mut x = vec![T::from_f64(-1e30); len];
            assert!(all_finite(&x), "{len} elements");
            for position in 0..len {
                for bad in [nan, infinity, -infinity] {
                    x[position] = bad;
                    assert!(!all_finite(&x), "{bad:?} at {position} of {len}");
                }
                x[position] = T::MIN_POSITIVE;
            }
            assert!(all_finite(&x), "{len} smallest numbers");
        }
    }

    #[test]
    fn what_is_not_finite_is_found_everywhere() {
        every_position::<f32>();
        every_position::<f64>();
    }
}
