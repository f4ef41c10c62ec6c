//! The checker over this crate's own operations, layers, loss and network.

use crate::checker::numbers;
use crate::second_order::with_second_order;
use candle_core::{D, DType, Device, Tensor};
use taper::audit;
use taper::gradcheck::{Mode, Verdict, dtype_parity, gradcheck, table};
use taper::ops::{
    Quantiles, TieGrad, batch_norm, cos, cos_linear, gelu, huber, layer_norm, linear, log_softmax, mae,
    maximum, maximum_with, mish, mse, mul, pinball, relu, rms_norm, silu, softmax,
};

#[test]
fn every_derivative_of_first_and_second_order_is_right() {
    with_second_order("own::every_derivative_of_first_and_second_order_is_right", || {
        let cases = audit::own_cases().unwrap();
        let rows = audit::run(&cases, "", &Device::Cpu).unwrap();
        println!("{}", table(&rows));
        assert_eq!(rows.len(), 3 * cases.len(), "contiguous, strided and second order");
        for row in &rows {
            assert_eq!(
                row.verdict,
                Verdict::Right,
                "{} {} {}: {}",
                row.name,
                row.inputs,
                row.order,
                row.detail
            );
            let worst = row.worst.unwrap();
            assert!(worst <= 1e-8, "{}: {worst}", row.name);
        }
    });
}

#[test]
fn fast_mode_finds_them_right_too() {
    for case in audit::own_cases().unwrap() {
        let row = case.mode(Mode::Fast).run();
        assert_eq!(row.verdict, Verdict::Right, "{}: {}", row.name, row.detail);
    }
}

/// At an exact tie central differences give half of the slope to either side: they confirm the split
/// gradient, and cannot confirm one that goes to one side alone.
#[test]
fn an_exact_tie_agrees_only_with_the_split() {
    let x = Tensor::new(&[0.5f64, -1.5], &Device::Cpu).unwrap();
    let check = |tie| gradcheck(move |x| maximum_with(&x[0], &x[1], tie), &[x.clone(), x.clone()]);
    check(TieGrad::Split).unwrap();
    for tie in [TieGrad::First, TieGrad::Second] {
        let error = check(tie).unwrap_err().to_string();
        println!("{error}");
        assert!(error.contains("not differentiable"), "{error}");
    }
}

/// The operations in f32, f16 and bf16 beside f64: what they round, they round once.
#[test]
fn coarse_dtypes_agree_with_f64() {
    type Operation = (&'static str, fn(&[Tensor]) -> candle_core::Result<Tensor>);
    let operations: [Operation; 19] = [
        ("mul", |x| mul(&x[0], &x[1])),
        ("maximum", |x| maximum(&x[0], &x[1])),
        ("relu", |x| relu(&x[0])),
        ("silu", |x| silu(&x[0])),
        ("mish", |x| mish(&x[0])),
        ("gelu", |x| gelu(&x[0])),
        ("cos", |x| cos(&x[0])),
        ("linear", |x| linear(&x[0], &x[1], None)),
        ("cos_linear", |x| cos_linear(&x[0], &x[1], None)),
        ("rms_norm", |x| rms_norm(&x[0], &x[1].get(0)?)),
        ("layer_norm", |x| layer_norm(&x[0], &x[1].get(0)?, &x[1].get(1)?)),
        ("batch_norm", |x| batch_norm(&x[0], &x[1].get(0)?, &x[1].get(1)?)),
        ("softmax(-1)", |x| softmax(&x[0], D::Minus1)),
        ("softmax(0)", |x| softmax(&x[0], 0)),
        ("log_softmax(-1)", |x| log_softmax(&x[0], D::Minus1)),
        ("mse", |x| mse(&x[0], &x[1])),
        ("mae", |x| mae(&x[0], &x[1])),
        ("huber", |x| huber(&x[0], &x[1], 0.7)),
        ("pinball", |x| pinball(&x[0], &x[1].narrow(1, 0, 32)?, &Quantiles::new(&[0.2, 0.5])?)),
    ];
    let inputs = [numbers(&[64, 64]), numbers(&[64, 64]).affine(1.3, 0.1).unwrap()];
    for (name, operation) in operations {
        for dtype in [DType::F32, DType::F16, DType::BF16] {
            let parity = dtype_parity(operation, &inputs, dtype);
            parity.unwrap_or_else(|error| panic!("{name} in {dtype:?}: {error}"));
        }
    }
}
