//! The cosine, and the sine from its derivative, against exact values.

use candle_core::{DType, Device, Tensor, Var};

use crate::compare::values;
use crate::reference::{array, number, reference};

/// cos(x) and, from its derivative, sin(x).
pub fn cos_and_sin(x: &[f64], dtype: DType, device: &Device) -> (Vec<f64>, Vec<f64>) {
    let x = Tensor::new(x, &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
    let x = Var::from_tensor(&x.to_device(device).unwrap()).unwrap();
    let y = taper::ops::cos(&x).unwrap();
    let grads = y.neg().unwrap().sum_all().unwrap().backward().unwrap();
    let on_cpu = |x: &Tensor| values(&x.to_device(&Device::Cpu).unwrap());
    (on_cpu(&y), on_cpu(grads.get(&x).unwrap()))
}

/// Holds the `f64` functions to `allowed` ulp of 2400-bit arithmetic, at small, huge and hard arguments.
///
/// The huge ones have a part of 2 pi that is rounded; an error of `reduction` in it is allowed, too.
pub fn check_f64(device: &Device, allowed: f64, reduction: f64) {
    let cases = reference("cosines.json");
    let x: Vec<f64> = array(&cases).iter().map(|case| number(&case["x"])).collect();
    let (cosines, sines) = cos_and_sin(&x, DType::F64, device);
    let mut worst = 0f64;
    for (i, case) in array(&cases).iter().enumerate() {
        for (actual, name) in [(cosines[i], "cos"), (sines[i], "sin")] {
            let ulps = ulps(actual, number(&case[name][0]), number(&case[name][1]), 53, -1022);
            let exact = number(&case[name][0]);
            let reduced = x[i].abs() > 1e5 && (actual - exact).abs() <= reduction;
            assert!(ulps <= allowed || reduced, "{name}({}) is {actual}, {ulps} ulp off", x[i]);
            worst = worst.max(ulps);
        }
    }
    println!("{} arguments, worst {worst} ulp", x.len());
}

/// Holds the `f32` functions to `allowed` ulp at a million floats spread over all magnitudes.
///
/// The `f64` functions of the platform are exact here: their error is far below an ulp of `f32`.
pub fn check_f32(device: &Device, allowed: f64) {
    let x: Vec<f64> =
        (0..u32::MAX).step_by(4099).map(f32::from_bits).filter(|x| x.is_finite()).map(f64::from).collect();
    check_at(&x, DType::F32, device, (24, -126), allowed);
}

/// Holds the functions to `allowed` ulp of a float of `(digits, least exponent)` at each of `x`.
pub fn check_at(x: &[f64], dtype: DType, device: &Device, (digits, least): (i32, i32), allowed: f64) {
    let (cosines, sines) = cos_and_sin(x, dtype, device);
    let mut worst = 0f64;
    for (i, &x) in x.iter().enumerate() {
        for (actual, exact) in [(cosines[i], x.cos()), (sines[i], x.sin())] {
            let ulps = ulps(actual, exact, 0., digits, least);
            assert!(ulps <= allowed, "at {x:e}: {actual} is {ulps} ulp off {exact}");
            worst = worst.max(ulps);
        }
    }
    println!("{dtype:?}: {} arguments, worst {worst} ulp", x.len());
}

/// The distance of `actual` from `high + low` in units in the last place of a float with `digits` binary
/// digits and the least exponent `min_exponent`.
pub fn ulps(actual: f64, high: f64, low: f64, digits: i32, min_exponent: i32) -> f64 {
    let exponent =
        if high == 0. { min_exponent } else { (high.abs().log2().floor() as i32).max(min_exponent) };
    ((actual - high) - low).abs() / f64::from(exponent + 1 - digits).exp2()
}
