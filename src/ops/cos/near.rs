//! The cosine of arguments in single precision that are not huge, without branches.
//!
//! The argument is reduced to r in [-pi/4, pi/4] in double precision: x = k pi/2 + r, with pi/2 in two parts, the first of
//! 25 bits so that its product with k is exact. Cosine and sine of r are polynomials, and k chooses among them. Every
//! product and every sum is rounded by itself, so the result is the same on every machine; the last rounding, to single
//! precision, is the only one that counts.

use std::f64::consts::FRAC_2_PI;

/// Up to here k has no more than 27 bits.
const LIMIT: f32 = (1u32 << 27) as f32;

/// The first 25 bits of pi/2, and the rest.
const HALF_PI: [f64; 2] = [1.570_796_310_901_641_8, 1.589_325_477_352_819_6e-8];

/// 3 2^51: the last bits of a sum with it are those of the nearest integer.
const ROUND: f64 = 6_755_399_441_055_744.;

/// (cos(r) - 1) / r^2 as a polynomial in r^2, interpolated at the Chebyshev nodes of [0, (pi/4)^2]; the relative error of
/// the cosine is below 2^-31.
const COS: [f64; 4] = [
    -0.499_999_999_691_069_84,
    0.041_666_650_639_724_655,
    -0.001_388_758_889_673_391_5,
    2.446_375_473_009_544_3e-5,
];

/// (sin(r) / r - 1) / r^2 likewise; the relative error of the sine is below 2^-35.
const SIN: [f64; 4] = [
    -0.166_666_666_638_541_68,
    0.008_333_331_874_273_714,
    -0.000_198_400_864_995_936,
    2.724_989_523_061_167_6e-6,
];

/// Whether [`cos`] serves x: neither NaN nor beyond the limit.
#[inline(always)]
pub(in crate::ops) fn is_near(x: f32) -> bool {
    x > -LIMIT && x < LIMIT
}

/// cos(x + n pi/2), within 0.51 ulp.
#[inline(always)]
pub(in crate::ops) fn cos(x: f32, n: u8) -> f32 {
    let x = f64::from(x);
    let rounded = x * FRAC_2_PI + ROUND;
    let k = rounded - ROUND;
    let r = (x - k * HALF_PI[0]) - k * HALF_PI[1];
    let z = r * r;
    let cos = 1. + z * (COS[0] + z * (COS[1] + z * (COS[2] + z * COS[3])));
    let sin = r * (1. + z * (SIN[0] + z * (SIN[1] + z * (SIN[2] + z * SIN[3]))));
    // cos(r + q pi/2) for q = 0..3 is cos(r), -sin(r), -cos(r), sin(r).
    let quarter = rounded.to_bits().wrapping_add(u64::from(n));
    let magnitude = if quarter & 1 == 0 { cos } else { sin };
    let sign = (quarter.wrapping_add(1) & 2) << 62;
    f64::from_bits(magnitude.to_bits() ^ sign) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The error in units in the last place of the exact result, which is that of the double-precision cosine but for
    /// far smaller ones.
    fn ulps(ours: f32, exact: f64) -> f64 {
        let exponent = exact.abs().max(f64::from(f32::MIN_POSITIVE)).log2().floor();
        (f64::from(ours) - exact).abs() / 2f64.powf(exponent - 23.)
    }

    #[test]
    fn every_quarter_turn_is_within_an_ulp() {
        let mut largest = 0f64;
        // Every 997th float from the smallest to the limit, of both signs.
        for bits in (0..LIMIT.to_bits()).step_by(997) {
            for x in [f32::from_bits(bits), -f32::from_bits(bits)] {
                let wide = f64::from(x);
                let exact = [libm::cos(wide), -libm::sin(wide), -libm::cos(wide), libm::sin(wide)];
                for (n, exact) in (0u8..).zip(exact) {
                    let error = ulps(cos(x, n), exact);
                    assert!(error <= 0.51, "cos({x:e} + {n} pi/2) is {} and not {exact}", cos(x, n));
                    largest = largest.max(error);
                }
            }
        }
        println!("largest error {largest} ulp");
    }

    #[test]
    fn the_sign_of_zero_and_the_limits_are_kept() {
        assert_eq!(cos(-0., 3).to_bits(), (-0f32).to_bits());
        assert_eq!(cos(0., 3).to_bits(), 0f32.to_bits());
        assert_eq!(cos(0., 0), 1.);
        assert!(is_near(1.3e8) && !is_near(LIMIT) && !is_near(-LIMIT) && !is_near(f32::NAN));
        assert!(!is_near(f32::INFINITY) && !is_near(f32::NEG_INFINITY));
    }
}
