//! The operations and their gradients against PyTorch, and the cosine against 2400-bit arithmetic.

use crate::compare::{Tolerance, assert_close, values};
use crate::cosines;
use crate::error::first_line;
use crate::reference::{array, number, numbers, reference};
use crate::tensors::tensor;
use candle_core::{D, DType, Device, Tensor, Var};
use serde_json::Value;
use taper::ops::{
    Activation, Quantiles, batch_norm, cos, cos_linear, cos_linear_with, gelu, huber, layer_norm, linear,
    linear_with, log_softmax, mae, maximum, mish, mse, mul, pinball, relu, rms_norm, silu, softmax,
    softmax_last_dim,
};

/// Exact up to rounding in double precision.
const F64: Tolerance = Tolerance { rtol: 1e-13, atol: 1e-14 };

/// The output of operation `op` on `x`.
fn apply(op: &str, x: &[Var]) -> Tensor {
    let bias = x.get(2).map(Var::as_tensor);
    match op {
        "mul" => mul(&x[0], &x[1]),
        "maximum" => maximum(&x[0], &x[1]),
        "cos" => cos(&x[0]),
        "relu" => relu(&x[0]),
        "silu" => silu(&x[0]),
        "mish" => mish(&x[0]),
        "gelu" => gelu(&x[0]),
        "linear" => linear(&x[0], &x[1], bias),
        "linear_relu" => linear_with(&x[0], &x[1], bias, Activation::Relu),
        "cos_linear" => cos_linear(&x[0], &x[1], bias),
        "cos_linear_relu" => cos_linear_with(&x[0], &x[1], bias, Activation::Relu),
        "rms_norm" => rms_norm(&x[0], &x[1]),
        "layer_norm" => layer_norm(&x[0], &x[1], &x[2]),
        "batch_norm" => batch_norm(&x[0], &x[1], &x[2]),
        "softmax(0)" => softmax(&x[0], 0),
        "softmax(1)" => softmax(&x[0], 1),
        "softmax(-1)" => softmax_last_dim(&x[0]),
        "log_softmax(0)" => log_softmax(&x[0], 0),
        "log_softmax(1)" => log_softmax(&x[0], 1),
        "log_softmax(-1)" => log_softmax(&x[0], D::Minus1),
        "mse" => mse(&x[0], &x[1]),
        "mae" => mae(&x[0], &x[1]),
        "pinball" => pinball(&x[0], &x[1], &Quantiles::DECILES),
        "huber" => huber(&x[0], &x[1], 0.7),
        _ => panic!("unknown operation {op}"),
    }
    .unwrap()
}

/// Checks a case of `operations.json` in `dtype` against PyTorch's values in `f64`.
fn check(case: &Value, dtype: DType, tolerance: Tolerance) {
    let op = case["op"].as_str().unwrap();
    let what = format!("{op} {dtype:?}, {}", case["about"].as_str().unwrap());
    let inputs: Vec<Var> =
        array(&case["inputs"]).iter().map(|x| Var::from_tensor(&tensor(x, dtype)).unwrap()).collect();
    let output = apply(op, &inputs);
    let mut expected_output = numbers(&case["output"]["values"]);
    let limit = |x: f64, at_infinity: f64| if x > 0. { at_infinity } else { 0. };
    let infinite: Vec<_> = match op {
        // PyTorch has NaN at infinities where taper has the limits, in values or in gradients.
        "silu" | "mish" | "gelu" => {
            values(&inputs[0]).into_iter().enumerate().filter(|(_, x)| x.is_infinite()).collect()
        }
        _ => Vec::new(),
    };
    for &(i, x) in &infinite {
        let pytorchs = &mut expected_output[i];
        assert!(pytorchs.is_nan() || *pytorchs == limit(x, x), "{what}: PyTorch's value at {x}");
        *pytorchs = limit(x, x);
    }
    assert_eq!(output.dims(), crate::reference::indices(&case["output"]["shape"]), "{what}: shape");
    assert_close(&format!("{what}: output"), &values(&output), &expected_output, tolerance);

    // Contract the output with PyTorch's random upstream gradient, by Candle's own operations.
    let upstream = crate::tensors::shaped(&case["upstream"], output.dims(), dtype);
    let grads = output.broadcast_mul(&upstream).unwrap().sum_all().unwrap().backward().unwrap();
    let any_nan = |i: usize| inputs.iter().any(|x| values(x).get(i).is_some_and(|x| x.is_nan()));
    for (k, (x, expected)) in inputs.iter().zip(array(&case["grads"])).enumerate() {
        let mut expected = numbers(expected);
        if op == "maximum" || op == "relu" {
            // Where an operand is NaN, PyTorch gives both operands the whole gradient, and taper neither.
            for (i, expected) in expected.iter_mut().enumerate().filter(|(i, _)| any_nan(*i)) {
                assert_eq!(*expected, number(&case["upstream"][i]), "{what}: PyTorch's gradient beside NaN");
                *expected = 0.;
            }
        }
        for &(i, x) in &infinite {
            let upstream = number(&case["upstream"][i]);
            assert!(expected[i].is_nan() || expected[i] == 0., "{what}: PyTorch's gradient at {x}");
            expected[i] = limit(x, upstream);
        }
        let grad = grads.get(x).unwrap();
        assert_eq!((grad.dims(), grad.dtype()), (x.dims(), dtype), "{what}: gradient of operand {k}");
        assert_close(&format!("{what}: gradient of operand {k}"), &values(grad), &expected, tolerance);
    }
}

#[test]
fn values_and_gradients_equal_pytorchs() {
    let cases = reference("operations.json");
    assert_eq!(array(&cases).len(), 98);
    for case in array(&cases) {
        check(case, DType::F64, F64);
        check(case, DType::F32, Tolerance { rtol: 1e-6, atol: 1e-6 });
    }
}

/// Half precision holds three decimal digits, so only moderate values are compared.
#[test]
fn half_precision_agrees_within_its_precision() {
    let cases = reference("operations.json");
    for case in array(&cases).iter().filter(|case| case["about"] != "special values") {
        check(case, DType::F16, Tolerance { rtol: 4e-3, atol: 4e-3 });
        check(case, DType::BF16, Tolerance { rtol: 3e-2, atol: 3e-2 });
    }
}

#[test]
fn f64_cosine_is_within_one_ulp() {
    cosines::check_f64(&Device::Cpu, 1., 0.);
}

#[test]
fn f32_cosine_is_within_one_ulp_over_the_whole_range() {
    cosines::check_f32(&Device::Cpu, 1.);
}

#[test]
fn errors_name_the_operation_and_both_operands() {
    let zeros = |shape: &[usize], dtype| Tensor::zeros(shape, dtype, &Device::Cpu).unwrap();
    for (op, apply) in [("mul", mul as fn(&Tensor, &Tensor) -> _), ("maximum", maximum)] {
        let message = |x: &Tensor, y: &Tensor| match apply(x, y) {
            Ok(_) => panic!("{op} accepts {x:?} and {y:?}"),
            Err(error) => first_line(&error),
        };
        assert_eq!(
            message(&zeros(&[2, 3], DType::F32), &zeros(&[4], DType::F32)),
            format!("{op}: x is F32 [2, 3] on Cpu, y is F32 [4] on Cpu, the shapes do not broadcast")
        );
        assert_eq!(
            message(&zeros(&[2], DType::F32), &zeros(&[2], DType::F64)),
            format!("{op}: x is F32 [2] on Cpu, y is F64 [2] on Cpu, expected one dtype")
        );
        assert_eq!(
            message(&zeros(&[2], DType::U32), &zeros(&[2], DType::U32)),
            format!("{op}: x is U32 [2] on Cpu, y is U32 [2] on Cpu, expected F16, BF16, F32 or F64")
        );
    }
    for (op, apply) in
        [("cos", cos as fn(&Tensor) -> _), ("relu", relu), ("silu", silu), ("mish", mish), ("gelu", gelu)]
    {
        let error: candle_core::Result<Tensor> = apply(&zeros(&[2], DType::U8));
        assert_eq!(
            first_line(&error.unwrap_err()),
            format!("{op}: x is U8 [2] on Cpu, expected F16, BF16, F32 or F64")
        );
    }
}

/// Candle panics when a backward returns no gradient for a tracked operand; a constant needs none.
#[test]
fn constants_get_no_gradient() {
    let x = Var::new(&[1f32, 2.], &Device::Cpu).unwrap();
    let constant = Tensor::new(&[3f32, 1.], &Device::Cpu).unwrap();
    for apply in [mul, maximum] {
        for (a, b) in [(x.as_tensor(), &constant), (&constant, x.as_tensor())] {
            let grads = apply(a, b).unwrap().backward().unwrap();
            assert!(grads.get(&x).is_some());
            assert!(grads.get(&constant).is_none());
        }
        assert!(!apply(&constant, &constant).unwrap().track_op());
    }
}
