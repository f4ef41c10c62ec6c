//! The standard normal distribution, without branches, so that a loop around it becomes vectors.
//!
//! With t = |x|, the probability beyond t is P(-t) = exp(-t^2 / 2) R(t), where R, Mills' ratio divided by
//! sqrt(2 pi), falls from 1/2 to 1 / (t sqrt(2 pi)). R is a quotient of two polynomials in t that minimises
//! the largest relative error (Remez, by us, in 200 bits) with R(0) = 1/2 exactly. All their coefficients are
//! positive, so no sum cancels, and one quotient is enough for all t.
//!
//! The error of t^2 / 2 would be the result's relative error. So it is computed in two parts: the square of
//! t's upper half, which is exact, and the rest.

use crate::ops::scalar::Scalar;
use crate::ops::smooth::{double_of_difference, single_of_difference};

/// 1 / sqrt(2 pi).
const DENSITY_AT_ZERO: f64 = 0.398_942_280_401_432_7;

/// The coefficients of the powers of t in a quotient's numerator and denominator.
struct Quotient<T, const N: usize, const M: usize> {
    numerator: [T; N],
    denominator: [T; M],
}

/// R for t up to 14, with a relative error below 2^-27.3 before its coefficients are rounded.
const SINGLE: Quotient<f32, 5, 6> = Quotient {
    numerator: [0.5, 0.436_559_32, 0.181_924_9, 0.040_184_39, 0.004_047_543_4],
    denominator: [1., 1.671_003_5, 1.197_113_9, 0.466_005_17, 0.100_734_27, 0.010_145_555],
};

/// R for t up to 38, with a relative error below 2^-59.9 before its coefficients are rounded.
const DOUBLE: Quotient<f64, 11, 12> = Quotient {
    numerator: [
        0.5,
        0.827_037_178_833_473_4,
        0.678_220_932_218_044_5,
        0.356_271_628_571_048_94,
        0.131_518_818_473_645_8,
        0.035_488_007_736_148_77,
        0.007_078_927_937_032_392,
        0.001_032_010_576_693_359_2,
        0.000_105_634_639_317_325_17,
        6.903_375_849_883_63e-6,
        2.214_162_132_429_996_2e-7,
    ],
    denominator: [
        1.,
        2.451_958_918_469_812_5,
        2.812_822_029_206_037_7,
        1.996_832_587_564_590_7,
        0.976_995_236_059_335_4,
        0.346_888_998_897_988_5,
        0.091_507_502_408_310_5,
        0.018_007_917_668_800_607,
        0.002_604_171_088_574_139_5,
        0.000_265_341_781_830_373_06,
        1.730_419_709_575_614_8e-5,
        5.550_081_405_764_857e-7,
    ],
};

/// The distribution function P(x) of the standard normal distribution, and its density p(x); 0 where the
/// density would be subnormal.
///
/// x P(x) is within 5 ulp, and left of -3 within 7, as far as P is a normal number; the mean error is below
/// 1 ulp. (By erfc(-x / sqrt(2)) the rounding of its argument alone would be x^2 / 2 ulp.)
#[inline(always)]
pub(super) fn normal<T: Scalar>(x: T) -> [T; 2] {
    let bell = x.by_type(single_bell, double_bell);
    let beyond = bell * x.by_type(single_ratio, double_ratio);
    let distribution = if x < T::default() { beyond } else { T::of(1.) - beyond };
    [distribution, bell * T::of(DENSITY_AT_ZERO)]
}

/// exp(-x^2 / 2) and R(|x|) of one type, for which |x| beyond `$last`, where the first is 0, may be `$last`.
macro_rules! normal {
    ($bell:ident, $ratio:ident, $type:ident, $of_difference:ident, $quotient:ident, $last:expr) => {
        #[inline(always)]
        fn $bell(x: $type) -> $type {
            const LOWER_HALF: u32 = $type::MANTISSA_DIGITS.div_ceil(2);
            let t = within(x.abs(), $last);
            let upper = $type::from_bits(t.to_bits() >> LOWER_HALF << LOWER_HALF);
            $of_difference(-0.5 * (upper * upper), 0.5 * ((t - upper) * (t + upper)))
        }

        #[inline(always)]
        fn $ratio(x: $type) -> $type {
            let t = within(x.abs(), $last);
            polynomial(&$quotient.numerator, t) / polynomial(&$quotient.denominator, t)
        }
    };
}

normal!(single_bell, single_ratio, f32, single_of_difference, SINGLE, 14.);
normal!(double_bell, double_ratio, f64, double_of_difference, DOUBLE, 38.);

/// t, but no more than `last`; NaN stays NaN.
#[inline(always)]
fn within<T: Scalar>(t: T, last: T) -> T {
    if t > last { last } else { t }
}

/// The sum of the coefficients times the powers of t, from the constant on.
#[inline(always)]
fn polynomial<T: Scalar>(coefficients: &[T], t: T) -> T {
    let mut sum = T::default();
    for &coefficient in coefficients.iter().rev() {
        sum = sum * t + coefficient;
    }
    sum
}
