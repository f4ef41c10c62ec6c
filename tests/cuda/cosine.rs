//! The cosine on CUDA, and the sine from its derivative, against exact values.
//!
//! CUDA documents 2 ulp over the whole range for both, in `f32` and in `f64`.

use crate::cosines::ulps;
use crate::cosines::{check_at, check_f32, check_f64, cos_and_sin};
use crate::parity::{gpu, precision};
use candle_core::DType;
use half::{bf16, f16};

/// Beside the argument nearest to a multiple of pi/2, 5.3e255 with a cosine of 4.7e-19, good libraries lose
/// some ulp.
#[test]
fn f64_cosine_is_within_two_ulp() {
    check_f64(&gpu(), 2., 1e-33);
}

#[test]
fn f32_cosine_is_within_two_ulp_over_the_whole_range() {
    check_f32(&gpu(), 2.);
}

/// A rounded result of exact math is half an ulp off, and `f32`'s own error may turn the rounding.
#[test]
fn half_precision_cosine_is_rounded_once() {
    let finite = |x: &f64| x.is_finite();
    let all: Vec<f64> = (0..=u16::MAX).map(|bits| f16::from_bits(bits).to_f64()).filter(finite).collect();
    check_at(&all, DType::F16, &gpu(), precision(DType::F16), 0.501);
    let all: Vec<f64> = (0..=u16::MAX).map(|bits| bf16::from_bits(bits).to_f64()).filter(finite).collect();
    check_at(&all, DType::BF16, &gpu(), precision(DType::BF16), 0.501);
}

/// From 2400-bit arithmetic, of the dtype's number next to each; without a full range reduction no digit of
/// these is right.
#[test]
fn large_arguments_are_reduced() {
    let gpu = gpu();
    for (dtype, x, cos, sin) in [
        (DType::F32, 1e5, -0.999_360_807_438_212_4, 0.035_748_797_972_016_51),
        (DType::F32, 1e10, 0.873_119_622_676_856, -0.487_506_025_087_510_7),
        (DType::F32, 1e30, -0.611_604_785_417_896_6, -0.791_163_438_521_983_7),
        (DType::F32, f64::from(f32::MAX), 0.853_021_039_830_304_2, -0.521_876_523_333_658_5),
        (DType::F64, 1e5, -0.999_360_807_438_212_4, 0.035_748_797_972_016_51),
        (DType::F64, 1e10, 0.873_119_622_676_856, -0.487_506_025_087_510_7),
        (DType::F64, 1e30, -0.999_956_460_895_966_5, 0.009_331_468_931_175_825),
        (DType::F64, 1e300, -0.575_386_111_957_549_1, -0.817_881_912_115_908_5),
    ] {
        let (digits, least) = precision(dtype);
        let (cosines, sines) = cos_and_sin(&[x], dtype, &gpu);
        for (actual, exact, name) in [(cosines[0], cos, "cos"), (sines[0], sin, "sin")] {
            // The exact value is given to half an ulp of f64.
            let off = ulps(actual, exact, 0., digits, least);
            println!("{dtype:?} {name}({x:e}) = {actual}, {off} ulp off");
            assert!(off <= 2.5, "{name}({x:e}) is {actual}, expected {exact}");
        }
    }
}
