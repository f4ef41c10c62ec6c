//! Functions whose derivatives are right: the checker must not raise a false alarm.

use crate::checker::{numbers, torch_says, vector};
use candle_core::{DType, Device, Result, Tensor};
use taper::gradcheck::{DTypePolicy, Error, GradCheck, Gradient, Mode, Outputs, Report, gradcheck, strided};

/// Asserts that both modes pass, and returns the report of slow mode.
fn right<O: Into<Outputs>>(f: impl Fn(&[Tensor]) -> Result<O>, inputs: &[Tensor]) -> Report {
    GradCheck::new().mode(Mode::Fast).check(&f, inputs).unwrap_or_else(|error| panic!("fast: {error}"));
    gradcheck(&f, inputs).unwrap_or_else(|error| panic!("slow: {error}"))
}

#[test]
fn one_input() {
    let report = right(|x| x[0].sqr(), &[vector(&[1.0, -2.0, 3.0])]);
    assert_eq!(report.pairs[0].analytical.data, [2.0, 0.0, 0.0, 0.0, -4.0, 0.0, 0.0, 0.0, 6.0]);
    assert!(report.worst().unwrap().agrees());
}

/// Without a graph, a non-zero derivative means that it is severed, and a zero one that the input is
/// independent.
#[test]
fn independence_is_not_a_severed_graph() {
    torch_says("independent", ["passes", "passes"]);
    let report = right(|x| x[0].floor(), &[numbers(&[3])]);
    assert_eq!(report.pairs[0].gradient, Gradient::Independent);
    let report = right(|x| Ok([x[0].sqr()?, x[1].exp()?]), &[numbers(&[2]), numbers(&[3])]);
    let gradients: Vec<_> = report.pairs.iter().map(|pair| pair.gradient).collect();
    assert_eq!(
        gradients,
        [Gradient::Present, Gradient::Independent, Gradient::Independent, Gradient::Present]
    );
}

#[test]
fn several_inputs_and_outputs() {
    torch_says("matmul", ["passes", "passes"]);
    torch_says("softmax", ["passes", "passes"]);
    let inputs = [numbers(&[2, 3]), numbers(&[3, 2]), numbers(&[2, 2])];
    let report = right(
        |x| {
            let product = x[0].matmul(&x[1])?;
            Ok(vec![product.add(&x[2])?, product.sum_all()?, x[2].tanh()?])
        },
        &inputs,
    );
    assert_eq!(report.pairs.len(), 9);
    assert_eq!((report.pairs[0].numerical.rows, report.pairs[0].numerical.columns), (4, 6));
}

/// A transposed, an offset, a narrowed and a strided input reach the function in that same layout.
#[test]
fn layouts_reach_the_function() {
    let big = numbers(&[4, 5]);
    let views = [
        big.t().unwrap(),
        big.narrow(0, 1, 2).unwrap(),
        big.narrow(1, 2, 3).unwrap(),
        strided(&big).unwrap(),
        big.get(3).unwrap(),
        big.narrow(1, 2, 1).unwrap().squeeze(1).unwrap(),
        strided(&vector(&[0.5]).squeeze(0).unwrap()).unwrap(),
    ];
    for view in views {
        let (stride, offset) = (view.stride().to_vec(), view.layout().start_offset() > 0);
        right(
            move |x| {
                assert_eq!(x[0].stride(), stride);
                assert_eq!(x[0].layout().start_offset() > 0, offset);
                x[0].contiguous()?.exp()
            },
            &[view],
        );
    }
}

#[test]
fn scalars_and_empties() {
    torch_says("empty", ["passes", "passes"]);
    right(|x| x[0].exp(), &[vector(&[0.5]).squeeze(0).unwrap()]);
    right(|x| x[0].sum_all()?.sqr(), &[numbers(&[2, 2])]);
    right(|x| x[0].exp(), &[numbers(&[0])]);
    right(|x| x[0].exp(), &[numbers(&[3, 0, 2])]);
    right(|x| x[0].narrow(0, 1, 0)?.sqr(), &[numbers(&[3])]);
    right(|x| Tensor::cat(&[&x[0], &x[1]], 0)?.sqr(), &[numbers(&[0]), numbers(&[2])]);
}

#[test]
fn integers_and_constants_are_left_alone() {
    let ids = Tensor::new(&[2u32, 0, 2], &Device::Cpu).unwrap();
    let report = right(|x| x[0].index_select(&x[1], 0), &[numbers(&[3, 2]), ids]);
    assert_eq!(report.pairs.len(), 1);
    let outputs = right(|x| Ok([x[0].argmax(0)?, x[0].sqr()?]), &[numbers(&[3])]);
    assert_eq!(outputs.pairs[0].output, 1);

    let wide = numbers(&[1, 3]).broadcast_as((2, 3)).unwrap();
    let tracked = |x: &[Tensor]| {
        assert!(x[0].track_op() && !x[1].track_op());
        assert_eq!(x[1].stride()[0], 0);
        x[0].mul(&x[1])
    };
    GradCheck::new().constants(&[1]).check(tracked, &[numbers(&[2, 3]), wide]).unwrap();
}

#[test]
fn an_input_may_be_stopped_on_purpose() {
    let f = |x: &[Tensor]| x[0].mul(&x[1].detach());
    GradCheck::new().stopped(&[1]).check(f, &[numbers(&[3]), numbers(&[3])]).unwrap();
}

/// Near a pole, beside a kink, beside a large constant, over sixteen orders of magnitude.
#[test]
fn near_singular_and_badly_scaled() {
    torch_says("pole_1e-3", ["passes", "passes"]);
    torch_says("pole_5e-6", ["fails", "fails"]); // One step does not suit every point: taper tries others.
    torch_says("sqrt_2e-6", ["fails", "fails"]);
    torch_says("scale_1e8", ["passes", "fails"]);
    torch_says("beside_1e7", ["passes", "fails"]);
    right(|x| x[0].recip(), &[vector(&[1e-3, -1e-2, 1e3])]);
    right(|x| x[0].recip(), &[vector(&[5e-6])]);
    right(|x| x[0].log(), &[vector(&[1e-3, 1.0, 1e6])]);
    right(|x| x[0].sqrt(), &[vector(&[1e-4, 4.0])]);
    right(|x| x[0].sqrt(), &[vector(&[2e-6])]);
    right(|x| x[0].relu(), &[vector(&[4e-7, 1e-5, -1e-5])]);
    right(|x| x[0].affine(1e8, 0.0), &[vector(&[1.0, 1e-8])]);
    right(|x| x[0].sqr(), &[vector(&[1e8, -1e6, 1.0])]);
    // Here a step of eps is lost to rounding, and a larger one is rounded to another length.
    right(|x| x[0].affine(2.0, 0.0), &[vector(&[1e12])]);
    right(|x| (x[0].sin()? + 1e7)? - 1e7, &[vector(&[0.3, 1.2])]);
    right(|x| x[0].exp(), &[vector(&[-30.0, 0.0, 30.0])]);
    right(|x| (x[0].matmul(&x[1])? * 1e-9)?.matmul(&(&x[1] * 1e9)?), &[numbers(&[3, 3]), numbers(&[3, 3])]);
}

/// A note says so if a gradient of zeros would pass.
#[test]
fn what_cannot_fail_is_noted() {
    let report = right(|x| x[0].affine(1e-7, 0.0), &[numbers(&[2])]);
    assert!(report.notes[0].contains("a gradient of zeros would pass"), "{report}");
}

#[test]
fn coarse_dtypes_by_request() {
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        let x = vector(&[0.3, -0.7, 1.2]).to_dtype(dtype).unwrap();
        let refused = gradcheck(|x| x[0].tanh(), std::slice::from_ref(&x)).unwrap_err();
        assert!(matches!(&refused, Error::DType { what, .. } if what == "input 0"), "{refused}");
        for mode in [Mode::Slow, Mode::Fast] {
            let loose = GradCheck::new().dtypes(DTypePolicy::Loosen).mode(mode);
            loose.check(|x| x[0].tanh(), std::slice::from_ref(&x)).unwrap();
            loose.check(|x| x[0].to_dtype(DType::F64)?.sin()?.sum_all(), std::slice::from_ref(&x)).unwrap();
        }
    }
    let x = vector(&[0.5]);
    let refused = gradcheck(|x| x[0].to_dtype(DType::F32), &[x]).unwrap_err();
    assert!(refused.to_string().starts_with("output 0 is F32"), "{refused}");
    let warned = GradCheck::new().dtypes(DTypePolicy::Warn).eps(1e-2);
    let x = Tensor::new(&[0.5f32], &Device::Cpu).unwrap();
    assert!(warned.check(|x| x[0].affine(2.0, 0.0), &[x]).unwrap().notes[0].contains("rounding error"));
}

#[test]
fn reports_are_the_same_each_time_and_serialise() {
    let run = || right(|x| x[0].matmul(&x[0].t()?), &[numbers(&[2, 3])]);
    let report = run();
    assert_eq!(report, run());
    let json: serde_json::Value = serde_json::to_value(&report).unwrap();
    assert_eq!(json["mode"], "slow");
    assert_eq!(json["pairs"][0]["numerical"]["rows"], 4);
    assert_eq!(json["pairs"][0]["worst"]["output"], 0);
    let text = report.to_string();
    assert!(text.starts_with("gradcheck passed (slow mode, eps 1e-6, atol 1e-5, rtol 1e-3)"), "{text}");
}

/// What cannot be checked is refused with a reason, and nothing panics.
#[test]
fn bad_calls_are_errors() {
    let identity = |x: &[Tensor]| Ok(x[0].clone());
    let message = |result: std::result::Result<Report, Error>| result.unwrap_err().to_string();
    let wide = numbers(&[1, 3]).broadcast_as((2, 3)).unwrap();
    assert!(message(gradcheck(identity, &[wide])).contains("input 0 is broadcast (stride 0)"));
    let ids = Tensor::new(&[1u32], &Device::Cpu).unwrap();
    assert!(message(gradcheck(identity, &[ids])).contains("no input"));
    assert!(message(gradcheck(identity, &[])).contains("no input"));
    assert!(message(gradcheck(|x| x[0].argmax(0), &[numbers(&[2])])).contains("no output"));
    assert!(message(gradcheck(|_| Ok(vec![]), &[numbers(&[2])])).contains("no output"));
    assert!(message(gradcheck(|x| x[0].matmul(&x[0]), &[numbers(&[2, 3])])).contains("the function failed"));
    let panics = |_: &[Tensor]| -> Result<Tensor> { panic!("no such case") };
    assert!(
        message(gradcheck(panics, &[numbers(&[2])]))
            .starts_with("the function panicked: no such case (tests/")
    );
    for check in [GradCheck::new().eps(0.0), GradCheck::new().eps(f64::NAN), GradCheck::new().atol(-1.0)] {
        assert!(matches!(check.check(identity, &[numbers(&[2])]), Err(Error::Setting { .. })));
    }
    assert!(
        message(GradCheck::new().constants(&[4]).check(identity, &[numbers(&[2])]))
            .contains("constants is 4")
    );
    let calls = std::cell::Cell::new(1);
    let grows = |x: &[Tensor]| {
        calls.set(calls.get() + 1);
        x[0].broadcast_as((calls.get(), 2))
    };
    assert!(matches!(gradcheck(grows, &[numbers(&[2])]), Err(Error::Unstable)));
}
