//! Conversions between the 16-bit floats and `f32` without branches, so that loops around them become vectors
//! on every instruction set. `half`'s own conversions, whose results have the same bits, branch or are calls.

use half::{bf16, f16};

/// The bits of an `f32` without its sign, and those of infinity; larger ones are NaN.
const MAGNITUDE: u32 = 0x7FFF_FFFF;
const INFINITY: u32 = 0x7F80_0000;

/// The bits of the smallest normal `f16`, as an `f32`.
const LEAST: u32 = (127 - 14) << 23;

/// The bits of 1/2, where the last place of an `f32` is that of a subnormal `f16`.
const HALF: u32 = 126 << 23;

/// Widens x, which is exact; NaN becomes quiet.
#[inline(always)]
pub(super) fn widen_bf16(x: bf16) -> f32 {
    let bits = u32::from(x.to_bits()) << 16;
    let quiet = if bits & MAGNITUDE > INFINITY { 0x0040_0000 } else { 0 };
    f32::from_bits(bits | quiet)
}

/// Rounds x to the nearest, ties to even; NaN becomes quiet.
#[inline(always)]
pub(super) fn narrow_bf16(x: f32) -> bf16 {
    let bits = x.to_bits();
    // Half of the last place that is kept, or just less than that if the number is even: ties to even.
    let rounded = bits.wrapping_add(0x7FFF + (bits >> 16 & 1)) >> 16;
    let is_nan = bits & MAGNITUDE > INFINITY;
    bf16::from_bits(if is_nan { bits >> 16 | 0x0040 } else { rounded } as u16)
}

/// Widens x, which is exact; NaN becomes quiet.
#[inline(always)]
pub(super) fn widen_f16(x: f16) -> f32 {
    let half = u32::from(x.to_bits());
    let magnitude = (half & 0x7FFF) << 13;
    let normal = magnitude + ((127 - 15) << 23);
    // With the exponent of the smallest normal number, a subnormal one is too large by that number. The
    // difference is exact, and no number in it is subnormal as an f32, so it does not matter whether those
    // are flushed to zero.
    let subnormal = (f32::from_bits(magnitude + LEAST) - f32::from_bits(LEAST)).to_bits();
    let not_finite = magnitude | INFINITY | if magnitude > 0x7C00 << 13 { 0x0040_0000 } else { 0 };
    let bits = if magnitude < 0x0400 << 13 { subnormal } else { normal };
    let bits = if magnitude >= 0x7C00 << 13 { not_finite } else { bits };
    f32::from_bits(bits | (half & 0x8000) << 16)
}

/// Rounds x to the nearest, ties to even; NaN becomes quiet.
#[inline(always)]
pub(super) fn narrow_f16(x: f32) -> f16 {
    let bits = x.to_bits();
    let magnitude = bits & MAGNITUDE;
    // As above; a carry increments the exponent, and turns the largest number into infinity.
    let normal = magnitude.wrapping_sub((127 - 15) << 23).wrapping_add(0x0FFF + (magnitude >> 13 & 1)) >> 13;
    // The last bits of the sum with 1/2 are those of the subnormal number, rounded by the addition.
    let subnormal = (f32::from_bits(magnitude) + f32::from_bits(HALF)).to_bits().wrapping_sub(HALF);
    let nan = 0x7E00 | (magnitude >> 13 & 0x03FF);
    let half = if magnitude < LEAST { subnormal } else { normal };
    let half = if magnitude >= (127 + 16) << 23 { 0x7C00 } else { half };
    let half = if magnitude > INFINITY { nan } else { half };
    f16::from_bits((half | bits >> 16 & 0x8000) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_16_bit_float_widens_as_in_half() {
        for bits in 0..=u16::MAX {
            let (x, y) = (f16::from_bits(bits), bf16::from_bits(bits));
            assert_eq!(widen_f16(x).to_bits(), x.to_f32_const().to_bits(), "f16 {bits:#x}");
            assert_eq!(widen_bf16(y).to_bits(), y.to_f32_const().to_bits(), "bf16 {bits:#x}");
        }
    }

    #[test]
    fn numbers_and_the_ties_between_them_narrow_as_in_half() {
        let check = |bits: u32| {
            let x = f32::from_bits(bits);
            assert_eq!(narrow_f16(x).to_bits(), f16::from_f32_const(x).to_bits(), "{bits:#x} to f16");
            assert_eq!(narrow_bf16(x).to_bits(), bf16::from_f32_const(x).to_bits(), "{bits:#x} to bf16");
        };
        for half in 0..=u16::MAX {
            // Each number of either type, the tie above it, and their neighbours.
            let wide = f16::from_bits(half).to_f32_const().to_bits();
            let brain = u32::from(half) << 16;
            for bits in [wide, wide + 0x1000, brain, brain + 0x8000] {
                (bits.wrapping_sub(1)..=bits.saturating_add(1)).for_each(check);
            }
        }
        // The ties between subnormal numbers, which have fewer places.
        for odd in (1..=0x0800u16).step_by(2) {
            let tie = (f32::from(odd) * 2f32.powi(-25)).to_bits();
            for bits in tie - 1..=tie + 1 {
                check(bits);
                check(bits | (1 << 31));
            }
        }
        // And numbers of every magnitude.
        (0..=u32::MAX).step_by(9973).for_each(check);
    }
}
