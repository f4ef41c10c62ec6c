//! The Gaussian error linear unit against 2400-bit arithmetic and PyTorch.

use candle_core::{DType, Device, Tensor, Var};
use taper::ops::gelu;

use crate::compare::{Tolerance, assert_close, values};
use crate::cosines::ulps;
use crate::reference::{array, number, numbers, reference};

/// gelu(x) and its derivative at each of `x`.
fn gelu_and_derivative(x: &[f64], dtype: DType) -> [Vec<f64>; 2] {
    let x = Var::from_tensor(&Tensor::new(x, &Device::Cpu).unwrap().to_dtype(dtype).unwrap()).unwrap();
    let z = gelu(&x).unwrap();
    let grads = z.sum_all().unwrap().backward().unwrap();
    [values(&z), values(grads.get(&x).unwrap())]
}

/// The allowed error in ulp, which grows to the left, where the terms of the polynomials' large powers of x
/// count most.
fn allowed(x: f64) -> f64 {
    if x < -3. { 7. } else { 5. }
}

/// The largest errors in ulp, and the mean.
#[derive(Debug, Default)]
struct Worst {
    left_of_minus_3: f64,
    elsewhere: f64,
    sum: f64,
    count: f64,
}

impl Worst {
    fn note(&mut self, x: f64, ulps: f64) {
        let worst = if x < -3. { &mut self.left_of_minus_3 } else { &mut self.elsewhere };
        *worst = worst.max(ulps);
        (self.sum, self.count) = (self.sum + ulps, self.count + 1.);
    }
}

#[test]
fn f64_is_within_a_few_ulp_of_exact_values() {
    let cases = reference("gelu.json");
    assert_eq!(array(&cases).len(), 328);
    let x: Vec<f64> = array(&cases).iter().map(|case| number(&case["x"])).collect();
    let [z, grad] = gelu_and_derivative(&x, DType::F64);
    let mut worst = Worst::default();
    for (i, case) in array(&cases).iter().enumerate() {
        let (exact, x) = (numbers(&case["gelu"]), x[i]);
        let ulps = ulps(z[i], exact[0], exact[1], 53, -1022);
        // Where P(x) is subnormal it has fewer digits, and is 0 further out.
        let is_nothing = x < -37.5 && (z[i] - exact[0]).abs() <= f64::MIN_POSITIVE;
        assert!(ulps <= allowed(x) || is_nothing, "gelu({x}) is {:e}, {ulps} ulp off {:e}", z[i], exact[0]);
        if !is_nothing {
            worst.note(x, ulps);
        }
        // The derivative is 0 near -0.75, where its terms cancel.
        let exact = numbers(&case["grad"])[0];
        let difference = (grad[i] - exact).abs();
        let tolerance = if x < -2. { 1e-15 * exact.abs() + f64::MIN_POSITIVE } else { 5e-16 };
        assert!(difference <= tolerance, "gelu'({x}) is {:e}, expected {exact:e}", grad[i]);
    }
    println!("{} arguments of f64, {worst:?}", x.len());
}

/// Its values have the error of 1 + erf, which cancels to the left, so it is compared in absolute terms.
#[test]
fn f64_equals_pytorchs() {
    let cases = reference("gelu.json");
    let x: Vec<f64> = array(&cases).iter().map(|case| number(&case["x"])).collect();
    let tolerance = Tolerance { rtol: 1e-15, atol: 1e-15 };
    for (k, (name, actual)) in
        ["gelu", "gelu'"].into_iter().zip(gelu_and_derivative(&x, DType::F64)).enumerate()
    {
        let expected: Vec<f64> = array(&cases).iter().map(|case| numbers(&case["torch"])[k]).collect();
        assert_close(name, &actual, &expected, tolerance);
    }
}

/// The f64 function is exact here.
#[test]
fn f32_is_within_a_few_ulp_of_f64() {
    let positive = (0..40f32.to_bits()).step_by(4099).map(f32::from_bits);
    let x: Vec<f64> = positive.flat_map(|x| [f64::from(x), f64::from(-x)]).collect();
    let ([z, grad], [exact, exact_grad]) =
        (gelu_and_derivative(&x, DType::F32), gelu_and_derivative(&x, DType::F64));
    let mut worst = Worst::default();
    for (i, &x) in x.iter().enumerate() {
        let ulps = ulps(z[i], exact[i], 0., 24, -126);
        let is_nothing = x < -12.9 && (z[i] - exact[i]).abs() <= f64::from(f32::MIN_POSITIVE);
        assert!(ulps <= allowed(x) || is_nothing, "gelu({x}) is {:e}, {ulps} ulp off {:e}", z[i], exact[i]);
        if !is_nothing {
            worst.note(x, ulps);
        }
        let tolerance = if x < -2. { 1e-6 * exact_grad[i].abs() + 1e-37 } else { 3e-7 };
        let difference = (grad[i] - exact_grad[i]).abs();
        assert!(difference <= tolerance, "gelu'({x}) is {:e}, expected {:e}", grad[i], exact_grad[i]);
    }
    println!("{} arguments of f32, {worst:?}", x.len());
}

#[test]
fn what_is_not_finite_has_its_limit() {
    for dtype in [DType::F32, DType::F64] {
        let x = [f64::INFINITY, f64::NEG_INFINITY, f64::NAN, -0., f64::from(f32::MAX), f64::from(f32::MIN)];
        let [z, grad] = gelu_and_derivative(&x, dtype);
        assert_eq!(z[..2], [f64::INFINITY, 0.]);
        assert_eq!(grad[..2], [1., 0.]);
        assert!(z[2].is_nan() && grad[2].is_nan());
        assert!(z[3] == 0. && z[3].is_sign_negative() && grad[3] == 0.5);
        assert_eq!((&z[4..], &grad[4..]), (&[x[4], 0.][..], &[1., 0.][..]));
    }
}
