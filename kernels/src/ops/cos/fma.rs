//! The cosine for arguments that are not huge, without branches, for instruction sets with fused
//! multiply-adds.
//!
//! The argument is reduced to r in [-pi/4, pi/4], or slightly beyond: x = k pi/2 + r - low, with pi/2 in
//! three parts. The difference of x and k times the first part is exact; `low` is the rounding error of r
//! together with the third part. With u = r^2, the cosine of r is 1 - u/2 minus a polynomial and a rounding
//! error, and the sine is r minus a polynomial. k decides which of the two is needed: the coefficients are
//! selected and not the results, so only one polynomial is evaluated. The result is the same on all these
//! instruction sets.
//!
//! The largest error in single precision is 0.901 ulp, found by trying every argument below 2^20. In double
//! precision it is 0.85 ulp among 1.6 million arguments, most of them where it should be largest; the bounds
//! of its roundings add up to 0.95.

/// The constants that differ between the types.
struct Constants<T, const N: usize> {
    /// The number whose sum with x has the nearest integer to x in its last bits.
    round: T,
    /// The parts of pi/2. The first does not exceed it, so that the second is not negative and -0 is kept.
    half_pi: [T; 3],
    /// cos(r) = 1 - u/2 - u^2 (C0 + C1 u + ...).
    cos: [T; N],
    /// sin(r) = r - r u (S0 + S1 u + ...).
    sin: [T; N],
}

/// The polynomials minimise the largest relative error (Remez) for r up to pi/4 + 0.04, with each coefficient
/// rounded before the next is computed: it is below 2^-32 for the cosine and 2^-27.3 for the sine.
const SINGLE: Constants<f32, 3> = Constants {
    round: 12_582_912.,
    half_pi: [std::f32::consts::FRAC_PI_2.next_down(), 7.549_79e-8, -1.715_124_5e-15],
    cos: [-0.041_666_638, 0.001_388_695_9, -2.439_365e-5],
    sin: [0.166_666_51, -0.008_331_917, 0.000_194_826_8],
};

/// The polynomials are those of the libm crate.
const DOUBLE: Constants<f64, 6> = Constants {
    round: 6_755_399_441_055_744.,
    half_pi: [std::f64::consts::FRAC_PI_2, 6.123_233_995_736_766e-17, -1.497_384_904_859_169_8e-33],
    cos: [
        -4.166_666_666_666_66e-2,
        1.388_888_888_887_411e-3,
        -2.480_158_728_947_673e-5,
        2.755_731_435_139_066_3e-7,
        -2.087_572_321_298_175e-9,
        1.135_964_755_778_819_5e-11,
    ],
    sin: [
        1.666_666_666_666_663_2e-1,
        -8.333_333_333_322_49e-3,
        1.984_126_982_985_795e-4,
        -2.755_731_370_707_006_8e-6,
        2.505_076_025_340_686_3e-8,
        -1.589_690_995_211_55e-10,
    ],
};

macro_rules! cos {
    ($name:ident, $type:ident, $bits:ident, $constants:ident, $degree:literal $($i:literal)*) => {
        /// cos(x + n pi/2) for |x| < 2^20.
        #[inline(always)]
        pub(super) fn $name(x: $type, n: u8) -> $type {
            const SIGN: $bits = 1 << ($bits::BITS - 1);
            let Constants { round, half_pi, cos, sin } = $constants;
            // The last bits are those of -(k + n), so the last but one is the sign of the result.
            let round = round - $type::from(n);
            let rounded = x.mul_add(-std::$type::consts::FRAC_2_PI, round);
            let k = round - rounded;
            let first = k.mul_add(-half_pi[0], x);
            let second = k * half_pi[1];
            let r = first - second;
            let low = k.mul_add(half_pi[2], k.mul_add(half_pi[1], r - first));

            let u = r * r;
            let one_less = u.mul_add(-0.5, 1.);
            let rest = u.mul_add(0.5, one_less - 1.);
            let bits = rounded.to_bits();
            // The sign of `rounded` is never set, but a test of more bits than the last is one instruction
            // and not two.
            let is_cos = bits & (SIGN | 1) == 0;
            let base = if is_cos { one_less } else { r };
            // To the precision needed, cos(r - low) = cos(r) + r low, and sin(r - low) = sin(r) - low.
            let low = if is_cos { (-r).mul_add(low, rest) } else { low };
            let factor = u * if is_cos { u } else { r };
            let coefficient = |i: usize| if is_cos { cos[i] } else { sin[i] };
            let polynomial = coefficient($degree);
            $(let polynomial = polynomial.mul_add(u, coefficient($i));)*
            // Subtracted and not added, so that -0 does not become 0.
            let magnitude = base - factor.mul_add(polynomial, low);
            $type::from_bits(magnitude.to_bits() ^ ((bits << ($bits::BITS - 2)) & SIGN))
        }
    };
}

cos!(single, f32, u32, SINGLE, 2 1 0);
cos!(double, f64, u64, DOUBLE, 5 4 3 2 1 0);
