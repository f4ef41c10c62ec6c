//! The cosine in double precision for arguments that are not huge, without branches and without fused
//! multiply-adds.
//!
//! The argument is reduced to r in [-pi/4, pi/4] as the sum of two numbers: x = k pi/2 + r, with pi/2 in four
//! parts, all but the last of so few bits that their products with k are exact. Cosine and sine of r are the
//! polynomials of the libm crate, and k chooses among them.

use std::f64::consts::FRAC_2_PI;

/// The parts of pi/2: 33 bits, the next 33, the next 33, and the rest.
const HALF_PI: [f64; 4] = [
    1.570_796_326_734_125_6,
    6.077_100_506_303_966e-11,
    2.022_266_248_711_166_5e-21,
    8.478_427_660_348_229e-32,
];

/// 3 2^51: its sum with x has the nearest integer to x in its last bits.
const ROUND: f64 = 6_755_399_441_055_744.;

/// cos(r) = 1 - z/2 + z^2 (C0 + C1 z + ...), with z = r^2.
const COS: [f64; 6] = [
    4.166_666_666_666_66e-2,
    -1.388_888_888_887_411e-3,
    2.480_158_728_947_673e-5,
    -2.755_731_435_139_066_3e-7,
    2.087_572_321_298_175e-9,
    -1.135_964_755_778_819_5e-11,
];

/// sin(r) = r + r z (S0 + S1 z + ...), with z = r^2.
const SIN: [f64; 6] = [
    -1.666_666_666_666_663_2e-1,
    8.333_333_333_322_49e-3,
    -1.984_126_982_985_795e-4,
    2.755_731_370_707_006_8e-6,
    -2.505_076_025_340_686_3e-8,
    1.589_690_995_211_55e-10,
];

/// cos(x + n pi/2) for |x| < 2^20, where k has no more than 20 bits; within 0.8 ulp.
#[inline(always)]
pub(super) fn cos(x: f64, n: u8) -> f64 {
    let rounded = x * FRAC_2_PI + ROUND;
    let k = rounded - ROUND;
    let (high, low1) = difference(x - k * HALF_PI[0], k * HALF_PI[1]);
    let (high, low2) = difference(high, k * HALF_PI[2]);
    // Subtracted and not added, so that -0 does not become 0.
    let less = k * HALF_PI[3] - (low1 + low2);
    let r = high - less;
    let rest = (high - r) - less;

    let z = r * r;
    let half = 0.5 * z;
    let one_less = 1. - half;
    let z2 = z * z;
    let p = z * (COS[0] + z * (COS[1] + z * COS[2])) + z2 * z2 * (COS[3] + z * (COS[4] + z * COS[5]));
    let cos = one_less + (((1. - one_less) - half) + (z * p - r * rest));
    let p = SIN[1] + z * (SIN[2] + z * SIN[3]) + z * z2 * (SIN[4] + z * SIN[5]);
    let cube = z * r;
    let sin = r - ((z * (0.5 * rest - cube * p) - rest) - cube * SIN[0]);

    // cos(r + q pi/2) for q = 0..3 is cos(r), -sin(r), -cos(r), sin(r).
    let quarter = rounded.to_bits().wrapping_add(u64::from(n));
    let magnitude = if quarter & 1 == 0 { cos } else { sin };
    let sign = (quarter.wrapping_add(1) & 2) << 62;
    f64::from_bits(magnitude.to_bits() ^ sign)
}

/// a - b rounded, and the rounding error.
#[inline(always)]
fn difference(a: f64, b: f64) -> (f64, f64) {
    let rounded = a - b;
    let of_b = rounded - a;
    (rounded, (a - (rounded - of_b)) - (b + of_b))
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::ops::cos::fma;

    /// The libm crate's results are within 1 ulp themselves; those that `tests/reference` has of exact
    /// arithmetic are compared in `tests/ops/operations.rs`.
    #[test]
    fn every_quarter_turn_is_within_an_ulp_of_libm() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let random =
            (0..200_000).map(|_| rng.random_range(-1f64..1.) * 2f64.powi(rng.random_range(-30..=20)));
        // The numbers next to multiples of pi/2, whose results are small.
        let near_zero = (0..600_000).step_by(7).map(|k| f64::from(k) * std::f64::consts::FRAC_PI_2);
        let mut differ = [0; 2];
        for x in random.collect::<Vec<_>>().into_iter().chain(near_zero) {
            let exact = [libm::cos(x), -libm::sin(x), -libm::cos(x), libm::sin(x)];
            for (n, exact) in (0u8..).zip(exact) {
                for (cos, differ) in [cos, fma::double].iter().zip(&mut differ) {
                    let ulps = cos(x, n).to_bits().abs_diff(exact.to_bits());
                    assert!(ulps <= 1, "cos({x:e} + {n} pi/2) is {:e} and not {exact:e}", cos(x, n));
                    *differ += ulps;
                }
            }
        }
        println!("results that differ in the last place, without and with fused multiply-adds: {differ:?}");
    }

    #[test]
    fn the_sign_of_zero_is_kept() {
        for cos in [cos, fma::double] {
            assert_eq!(cos(-0., 3).to_bits(), (-0f64).to_bits());
            assert_eq!(cos(0., 3).to_bits(), 0f64.to_bits());
            assert_eq!(cos(0., 0), 1.);
        }
    }
}
