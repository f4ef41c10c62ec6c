//! All parameters of a layer or a model, by name, and coarse dtypes beside f64.

use std::collections::HashMap;

use crate::checker::{Op2, numbers};
use candle_core::{DType, Device, Module, Result, Tensor};
use candle_nn::{Linear, VarBuilder, VarMap, linear};
use taper::gradcheck::{
    DTypePolicy, Error, Failure, GradCheck, Gradient, Mode, Parameters, dtype_parity, gradcheck_parameters,
};

/// A model of two layers.
fn model(vb: VarBuilder, x: &[Tensor]) -> Result<Tensor> {
    let hidden = linear(3, 2, vb.pp("hidden"))?.forward(&x[0])?.tanh()?;
    linear(2, 1, vb.pp("head"))?.forward(&hidden)
}

/// Its parameters, with given numbers.
fn parameters(dtype: DType) -> Parameters {
    let shapes = [
        ("hidden.weight", &[2, 3][..]),
        ("hidden.bias", &[2]),
        ("head.weight", &[1, 2]),
        ("head.bias", &[1]),
    ];
    let named = shapes.map(|(name, shape)| (name.to_string(), numbers(shape).to_dtype(dtype).unwrap()));
    HashMap::from(named).into()
}

#[test]
fn every_parameter_is_checked_under_its_name() {
    for mode in [Mode::Slow, Mode::Fast] {
        let check = GradCheck::new().mode(mode);
        let report = check.check_parameters(model, parameters(DType::F64), &[numbers(&[4, 3])]).unwrap();
        let names: Vec<_> = report.pairs.iter().map(|pair| report.input_name(pair.input)).collect();
        assert_eq!(names, ["input 0", "head.bias", "head.weight", "hidden.bias", "hidden.weight"]);
        assert!(report.pairs.iter().all(|pair| pair.gradient == Gradient::Present));
        assert!(report.to_string().contains("hidden.weight") && report.notes.is_empty(), "{report}");
    }
}

/// The derivative of tanh(w x + b) with respect to b, in closed form.
#[test]
fn derivatives_are_those_of_the_closed_form() {
    let values = |name: &str| f64::from(name == "weight") * 0.7 + 0.1;
    let tensor = |name: &str, shape: &[usize]| {
        (name.to_string(), Tensor::full(values(name), shape, &Device::Cpu).unwrap())
    };
    let named = HashMap::from([tensor("weight", &[1, 1]), tensor("bias", &[1])]);
    let x = [Tensor::new(&[[0.5f64]], &Device::Cpu).unwrap()];
    let report = gradcheck_parameters(|vb, x| linear(1, 1, vb)?.forward(&x[0])?.tanh(), named, &x).unwrap();
    let slope = 1.0 - (values("weight") * 0.5 + values("bias")).tanh().powi(2);
    let right = [slope * values("weight"), slope, slope * 0.5];
    for (pair, right) in report.pairs.iter().zip(right) {
        let difference = [&pair.analytical, &pair.numerical].map(|jacobian| (jacobian.data[0] - right).abs());
        println!("{}: off by {difference:?}", report.input_name(pair.input));
        assert!(difference.iter().all(|difference| *difference <= 1e-9));
    }
}

/// The variables that a layer made for itself. Candle's `softmax_last_dim` severs the graph above it, so that
/// its parameters get nothing.
#[test]
fn a_var_map_brings_its_own() {
    let variables = VarMap::new();
    let vb = VarBuilder::from_varmap(&variables, DType::F64, &Device::Cpu);
    linear(3, 2, vb.pp("head")).unwrap();
    let right = |vb: VarBuilder, x: &[Tensor]| linear(3, 2, vb.pp("head"))?.forward(&x[0])?.tanh();
    let report = gradcheck_parameters(right, &variables, &[numbers(&[2, 3])]).unwrap();
    assert_eq!([1, 2].map(|number| report.input_name(number)), ["head.bias", "head.weight"]);
    let severed = |vb: VarBuilder, x: &[Tensor]| {
        candle_nn::ops::softmax_last_dim(&linear(3, 2, vb.pp("head"))?.forward(&x[0])?)
    };
    match gradcheck_parameters(severed, &variables, &[numbers(&[2, 3])]) {
        Err(Error::Failed(report)) => {
            let text = report.failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            assert!(text.contains("output 0 changes with head.weight"), "{text}");
            assert!(text.contains("output 0 changes with head.bias"), "{text}");
            assert!(report.failures.iter().all(|f| matches!(f.kind(), Failure::Severed { .. })), "{text}");
        }
        other => panic!("not caught: {other:?}"),
    }
}

#[test]
fn wrong_parameters_are_named_and_located() {
    let double = |vb: VarBuilder, x: &[Tensor]| {
        let op = Op2::new(|x, w| x * w, |x, w, g| Ok((Some(w.mul(g)?), Some((x.mul(g)? * 2.0)?))));
        op.apply(&x[0], &vb.get(3, "scale")?)
    };
    let scale = HashMap::from([("scale".to_string(), numbers(&[3]))]);
    match gradcheck_parameters(double, scale, &[numbers(&[3]).affine(1.0, 0.2).unwrap()]) {
        Err(Error::Failed(report)) => {
            let text = report.failures[0].to_string();
            assert!(text.contains("/ d scale[") && text.contains("off by a factor of 2.000000"), "{text}");
            assert_eq!(serde_json::to_value(&report).unwrap()["names"]["inputs"][1], "scale");
        }
        other => panic!("not caught: {other:?}"),
    }
}

/// A model in f32 is refused under its parameter's name, and checked in f64 on request.
#[test]
fn a_model_in_f32() {
    let x = [numbers(&[4, 3])];
    let refused = gradcheck_parameters(model, parameters(DType::F32), &x).unwrap_err();
    assert!(!refused.to_string().is_empty());
    let refused = gradcheck_parameters(model, parameters(DType::F32), &[x[0].to_dtype(DType::F32).unwrap()])
        .unwrap_err();
    assert!(refused.to_string().starts_with("input 0 is F32"), "{refused}");
    let constant = GradCheck::new().constants(&[0]);
    let refused =
        constant.check_parameters(model, parameters(DType::F32), &[x[0].to_dtype(DType::F32).unwrap()]);
    assert!(refused.unwrap_err().to_string().starts_with("head.bias is F32"));
    gradcheck_parameters(model, parameters(DType::F32).to_dtype(DType::F64).unwrap(), &x).unwrap();
    let loose = GradCheck::new().dtypes(DTypePolicy::Loosen);
    loose.check_parameters(model, parameters(DType::F32), &[x[0].to_dtype(DType::F32).unwrap()]).unwrap();
    let nothing = gradcheck_parameters(model, &VarMap::new(), &x).unwrap_err();
    assert!(nothing.to_string().contains("no parameter"), "{nothing}");
}

/// Without an input, as for a regulariser of the parameters alone.
#[test]
fn parameters_alone() {
    let norm = |vb: VarBuilder, _: &[Tensor]| vb.get((2, 3), "hidden.weight")?.sqr()?.sum_all();
    let report = gradcheck_parameters(norm, parameters(DType::F64), &[]).unwrap();
    let of =
        |name: &str| report.pairs.iter().find(|pair| report.input_name(pair.input) == name).unwrap().gradient;
    assert_eq!((of("hidden.weight"), of("head.bias")), (Gradient::Present, Gradient::Independent));
}

const COARSE: [DType; 3] = [DType::F32, DType::F16, DType::BF16];

fn differ(result: std::result::Result<taper::gradcheck::Parity, Error>) -> String {
    match result {
        Err(Error::Parity(parity)) => parity.to_string(),
        other => panic!("not caught: {other:?}"),
    }
}

/// What rounds once or twice agrees with f64, in values and gradients.
#[test]
fn coarse_dtypes_agree_with_f64() {
    for dtype in COARSE {
        let inputs = [numbers(&[4, 3]), numbers(&[5, 3]), numbers(&[5])];
        let layer = |x: &[Tensor]| Linear::new(x[1].clone(), Some(x[2].clone())).forward(&x[0])?.tanh();
        let parity = dtype_parity(layer, &inputs, dtype).unwrap();
        assert!(parity.passed() && parity.values.len() == 1 && parity.gradients.len() == 3);
        assert!(parity.to_string().contains("agrees with f64"), "{parity}");
        dtype_parity(|x| candle_nn::ops::softmax(&x[0], 1), &[numbers(&[4, 3])], dtype).unwrap();
        let ids = Tensor::new(&[2u32, 0, 2], &Device::Cpu).unwrap();
        dtype_parity(|x| x[0].index_select(&x[1], 0), &[numbers(&[3, 2]), ids], dtype).unwrap();
    }
    let error = dtype_parity(|x| x[0].sqr(), &[numbers(&[2])], DType::U32).unwrap_err();
    assert!(error.to_string().contains("F32, F16 and BF16"), "{error}");
}

/// The ways in which half types are wrong in practice, none of which a check in f64 can see.
#[test]
fn half_types_are_caught_where_they_are_wrong() {
    let large = [numbers(&[4]).affine(400.0, 0.0).unwrap()];
    let half =
        |f: fn(&[Tensor]) -> Result<Tensor>, inputs: &[Tensor]| differ(dtype_parity(f, inputs, DType::F16));
    // Overflow: 360^2 is more than 65,504.
    let text = half(|x| x[0].sqr()?.sqrt(), &large);
    assert!(
        text.starts_with("f16 disagrees with f64") && text.contains("inf in the coarser dtype"),
        "{text}"
    );
    // Differences of nearly equal numbers.
    half(|x| (x[0].affine(1.0, 1000.0)? - 1000.0)?.sqr(), &[numbers(&[4])]);
    // What vanishes: 1e-8 is less than the smallest f16.
    half(|x| (x[0].affine(1e-8, 0.0)? * 1e4)? * 1e4, &[numbers(&[4])]);
    // A sum that stands still at 2048.
    let ones = [Tensor::ones(3000, DType::F64, &Device::Cpu).unwrap()];
    let text = half(
        |x| {
            let mut sum = x[0].narrow(0, 0, 1)?;
            for i in 1..x[0].dims1()? {
                sum = (sum + x[0].narrow(0, i, 1)?.detach())?;
            }
            Ok(sum)
        },
        &ones,
    );
    assert!(text.contains("is 3.000000e3 in f64 and 2.048000e3 in the coarser dtype"), "{text}");
    // A gradient that is computed in f16 although the value is not.
    let text = half(|x| x[0].to_dtype(DType::F64)?.affine(1e6, 0.0)?.sum_all(), &[numbers(&[4])]);
    assert!(text.contains("the gradient of output 0 with respect to input 0"), "{text}");
    // Lost in one dtype only.
    let severed = |x: &[Tensor]| if x[0].dtype() == DType::F64 { x[0].sqr() } else { x[0].detach().sqr() };
    assert!(half(severed, &[numbers(&[4])]).contains("in one dtype only"));
}

/// Indices are right or wrong, however large they are, and what is infinite or no number on both sides hides
/// nothing else.
#[test]
fn indices_and_infinities_are_compared_exactly() {
    // The last two numbers differ by less than bf16 can tell, so that the first of them is the largest.
    let numbers: Vec<f64> = (0..62).map(f64::from).chain([100., 100.]).collect();
    let numbers = [Tensor::new(numbers, &Device::Cpu).unwrap()];
    let last = |x: &[Tensor]| {
        let small = Tensor::new(&[0.1f64], &Device::Cpu)?.pad_with_zeros(0, 63, 0)?;
        (&x[0] + small.to_dtype(x[0].dtype())?)?.argmax(0)
    };
    let text = differ(dtype_parity(last, &numbers, DType::BF16));
    assert!(text.contains("is 6.300000e1 in f64 and 6.200000e1 in the coarser dtype"), "{text}");

    let edges = [Tensor::new(&[-1f64, 0., 2.], &Device::Cpu).unwrap()];
    dtype_parity(|x| x[0].log(), &edges, DType::F16).unwrap();
    // 0.01 is lost beside 100 in f16, while the first two have no finite value.
    let text = differ(dtype_parity(|x| x[0].log()?.affine(1e-9, 0.)? * 1e9, &edges, DType::F16));
    assert!(text.contains("f16 disagrees"), "{text}");
}
