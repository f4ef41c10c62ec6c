//! The cosine in single precision for arguments that are not huge, without branches and without fused
//! multiply-adds.
//!
//! With y = x / pi, cos(x) is sin(pi (y + 1/2)). The half turns y are computed in double precision, 1/pi in
//! two parts, the first of so few bits that its product with x, and what is added to that product, are exact.
//! Then y = k + r with a whole k and r in [-1/2, 1/2] or slightly beyond: the sine of pi r is a polynomial,
//! and an odd k changes its sign. The last rounding, to single precision, is the largest error by far.

/// The first 27 bits of 1/pi, and the rest.
const INV_PI: [f64; 2] = [0.318_309_884_518_384_93, 1.665_405_738_066_088e-9];

/// 3 2^51: its sum with x has the nearest integer to x in its last bits.
const ROUND: f64 = 6_755_399_441_055_744.;

/// sin(pi r) / r as a polynomial in r^2 for r up to 0.502, with the smallest largest relative error (Remez),
/// below 2^-27.4.
const SIN: [f64; 5] = [
    3.141_592_636_189_289,
    -5.167_709_581_621_236,
    2.550_067_398_327_660_5,
    -0.598_225_516_433_716_8,
    0.077_523_737_968_609_88,
];

/// cos(x + n pi/2) for |x| < 2^20, where the second part of the half turns, which k ignores, is below 0.002;
/// within 0.6 ulp.
#[inline(always)]
pub(super) fn cos(x: f32, n: u8) -> f32 {
    let x = f64::from(x);
    // For n = 0..3 it is sin(pi (y + 1/2)), -sin(pi y), -sin(pi (y + 1/2)), sin(pi y).
    let product = x * INV_PI[0];
    let half_turns = if n.is_multiple_of(2) { product + 0.5 } else { product };
    let rounded = half_turns + ROUND;
    let r = (half_turns - (rounded - ROUND)) + x * INV_PI[1];
    let z = r * r;
    let sin = r * (SIN[0] + z * (SIN[1] + z * (SIN[2] + z * (SIN[3] + z * SIN[4]))));
    let odd = rounded.to_bits().wrapping_add(u64::from(n % 4 == 1 || n % 4 == 2));
    f64::from_bits(sin.to_bits() ^ (odd << 63)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::cos::fma;

    /// The error in units in the last place of the exact result. The double-precision cosine serves as that,
    /// since its own error is far smaller.
    fn ulps(ours: f32, exact: f64) -> f64 {
        let exponent = exact.abs().max(f64::from(f32::MIN_POSITIVE)).log2().floor();
        (f64::from(ours) - exact).abs() / 2f64.powf(exponent - 23.)
    }

    #[test]
    fn every_quarter_turn_is_within_an_ulp() {
        // The largest of all arguments are 0.593 and 0.901 ulp.
        let functions: [fn(f32, u8) -> f32; 2] = [cos, fma::single];
        let mut largest = [0f64; 2];
        // Every 997th float up to 2^20, of both signs.
        for bits in (0..2f32.powi(20).to_bits()).step_by(997) {
            for x in [f32::from_bits(bits), -f32::from_bits(bits)] {
                let wide = f64::from(x);
                let exact = [libm::cos(wide), -libm::sin(wide), -libm::cos(wide), libm::sin(wide)];
                for (n, exact) in (0u8..).zip(exact) {
                    for ((cos, allowed), largest) in functions.iter().zip([0.6, 0.905]).zip(&mut largest) {
                        let error = ulps(cos(x, n), exact);
                        assert!(error <= allowed, "cos({x:e} + {n} pi/2) is {} and not {exact}", cos(x, n));
                        *largest = largest.max(error);
                    }
                }
            }
        }
        println!("largest errors, without and with fused multiply-adds: {largest:?} ulp");
    }

    #[test]
    fn the_sign_of_zero_is_kept() {
        for cos in [cos, fma::single] {
            assert_eq!(cos(-0., 3).to_bits(), (-0f32).to_bits());
            assert_eq!(cos(0., 3).to_bits(), 0f32.to_bits());
            assert_eq!(cos(0., 0), 1.);
        }
    }
}
