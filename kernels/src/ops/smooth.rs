//! What the smooth activations are made of: an exponential that becomes vectors, and the logistic function.

use candle_core::{Result, Tensor};

use crate::ops::operands;
use crate::ops::scalar::Scalar;

/// Beyond this magnitude the second derivatives of the activations are below 1e-30, and tensors may be clamped
/// to it; its exponential is a number of `f32`.
const FLAT: f64 = 80.;

/// exp(x) for x <= 0, without branches, within 2 ulp; 0 where that would be subnormal, below about -87 in
/// `f32` and -708 in `f64`.
#[inline(always)]
pub(super) fn exp<T: Scalar>(x: T) -> T {
    x.by_type(single, double)
}

/// x w for a weight w that vanishes faster than x grows: 0 where w is 0, even if x is infinite.
#[inline(always)]
pub(super) fn damped<T: Scalar>(x: T, w: T) -> T {
    if w == T::default() { w } else { x * w }
}

/// 1 / (1 + exp(-x)) and 1 / (1 + exp(x)), whose sum is 1, without overflow and both to nearly full relative
/// precision.
#[inline(always)]
pub(super) fn sigmoids<T: Scalar>(x: T) -> [T; 2] {
    let one = T::of(1.);
    let e = exp(-x.abs());
    let large = one / (one + e);
    let small = e * large;
    if x < T::default() { [small, large] } else { [large, small] }
}

/// [`sigmoids`] of a tensor within [`FLAT`], differentiable.
pub(super) fn sigmoid_tensors(x: &Tensor) -> Result<[Tensor; 2]> {
    Ok([(x.neg()?.exp()? + 1.)?.recip()?, (x.exp()? + 1.)?.recip()?])
}

/// A second derivative f''(x) that `second` computes for x within [`FLAT`], in `f32` for 16 bits.
pub(super) fn second_derivative(
    x: &Tensor,
    second: impl Fn(&Tensor) -> Result<Tensor>,
) -> Result<Option<Tensor>> {
    operands::widened([x], |[x]| second(&x.clamp(-FLAT, FLAT)?)).map(Some)
}

/// The coefficients 1 / n! of the exponential's polynomial, for n from 0.
const fn inverse_factorials<const N: usize>() -> [f64; N] {
    let mut terms = [1.; N];
    let mut n = 1;
    while n < N {
        terms[n] = terms[n - 1] / n as f64;
        n += 1;
    }
    terms
}

/// The exponential of one type, and that of a difference x - d of which d is small and more precise than x
/// could be. With x = k ln 2 + r, k whole and r in [-ln 2 / 2, ln 2 / 2], it is 2^k times Taylor's polynomial
/// at r - d, whose remainder is far below an ulp. k ln 2 is subtracted in two parts, the first of so few bits
/// that its product with k is exact.
macro_rules! exponential {
    ($name:ident, $of_difference:ident, $type:ident, $bits:ident, $lowest:expr, $round:expr, $ln2:expr,
     $terms:expr) => {
        #[inline(always)]
        fn $name(x: $type) -> $type {
            $of_difference(x, 0.)
        }

        /// exp(x - d) for x <= 0 and d from 0 to 1e-2.
        #[inline(always)]
        pub(super) fn $of_difference(x: $type, d: $type) -> $type {
            const TERMS: [f64; $terms] = inverse_factorials();
            const ONE: $bits = (1 as $type).to_bits();
            const MANTISSA: u32 = $type::MANTISSA_DIGITS - 1;
            // Comparisons leave NaN as it is, which minimum and maximum would not.
            let y = if x < $lowest { $lowest } else { x };
            // The sum has the whole number k in its last bits.
            let rounded = y * std::$type::consts::LOG2_E + $round;
            let k = rounded - $round;
            let r = ((y - k * $ln2[0]) - k * $ln2[1]) - d;
            let power = $type::from_bits((rounded.to_bits() << MANTISSA).wrapping_add(ONE));
            let mut sum = 0.;
            for term in TERMS.into_iter().rev() {
                sum = term as $type + r * sum;
            }
            if x < $lowest { 0. } else { power * sum }
        }
    };
}

// The numbers to round with are 3/2 times the power of two from which on all numbers are whole.
exponential!(single, single_of_difference, f32, u32, -87.3, 12_582_912., [0.693_145_75, 1.428_606_8e-6], 8);
exponential!(
    double,
    double_of_difference,
    f64,
    u64,
    -708.3,
    6_755_399_441_055_744.,
    [0.693_147_180_369_123_8, 1.908_214_929_270_587_7e-10],
    14
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_within_two_ulp() {
        let mut largest = [0f64; 2];
        for i in 0..1_000_000 {
            let x = -87.3 * f64::from(i) / 1e6;
            let exact = libm::exp(f64::from(x as f32));
            let ulp = f64::from(f32::EPSILON) * 2f64.powf(exact.log2().floor());
            largest[0] = largest[0].max((f64::from(exp(x as f32)) - exact).abs() / ulp);
            let x = x * 8.1;
            let exact = libm::exp(x);
            let ulp = f64::EPSILON * 2f64.powf(exact.log2().floor());
            largest[1] = largest[1].max((exp(x) - exact).abs() / ulp);
        }
        println!("exp: largest errors in f32 and f64 {largest:?} ulp");
        assert!(largest[0] <= 2. && largest[1] <= 2., "{largest:?}");
    }

    #[test]
    fn the_ends_are_limits() {
        assert_eq!([exp(0f32), exp(-88f32), exp(f32::MIN), exp(f32::NEG_INFINITY)], [1., 0., 0., 0.]);
        assert_eq!([exp(-0.), exp(-709.), exp(f64::MIN), exp(f64::NEG_INFINITY)], [1., 0., 0., 0.]);
        assert!(exp(f32::NAN).is_nan() && exp(f64::NAN).is_nan());
        assert_eq!(sigmoids(f64::INFINITY), [1., 0.]);
        assert_eq!(sigmoids(f32::NEG_INFINITY), [0., 1.]);
        assert_eq!(sigmoids(0.), [0.5, 0.5]);
        assert!(sigmoids(f64::NAN).iter().all(|x| x.is_nan()));
        assert_eq!(damped(f64::NEG_INFINITY, 0.), 0.);
        assert!(damped(f64::NAN, 1.).is_nan());
    }
}
