//! What a failure says: common mistakes are named, and what is no mistake is not called one.

use crate::checker::{Op1, Op2, cube_giving, cube_gradient, failed, numbers, vector, wrong};
use crate::second_order::with_second_order;
use candle_core::{Result, Tensor};
use taper::gradcheck::{Case, Error, Failure, GradCheck, Mode, Verdict, gradcheck};

/// The first failure of slow mode in words, where both modes fail.
fn message(f: impl Fn(&[Tensor]) -> Result<Tensor>, inputs: &[Tensor]) -> String {
    wrong(f, inputs, "").failures[0].to_string()
}

#[track_caller]
fn says(f: impl Fn(&[Tensor]) -> Result<Tensor>, inputs: &[Tensor], what: &str) {
    let text = message(f, inputs);
    assert!(text.contains(what), "wanted {what:?}, got {text:?}");
}

#[test]
fn transpositions_are_named() {
    let square = [numbers(&[3, 3])];
    let transposed = |x: &Tensor| x.t()?.contiguous();
    let gradient = cube_giving(move |x, g| transposed(&cube_gradient(x, g)?));
    says(gradient, &square, "the gradient is transposed in its last two axes");
    let upstream = cube_giving(move |x, g| cube_gradient(x, &transposed(g)?));
    says(upstream, &square, "the upstream gradient is read as if it were transposed");
    let input = cube_giving(move |x, g| cube_gradient(&transposed(x)?, g));
    says(input, &square, "the derivative at the transposed input");
    // Written in the order of the transpose, with the right shape.
    let scrambled = cube_giving(move |x, g| transposed(&cube_gradient(x, g)?)?.reshape(x.shape()));
    says(scrambled, &[numbers(&[2, 3])], "the gradient is transposed in its last two axes");
    let wrong_shape = cube_giving(move |x, g| transposed(&cube_gradient(x, g)?));
    says(wrong_shape, &[numbers(&[2, 3])], "(transposed)");
    // y = A x with the upstream gradient multiplied by A.
    let a = numbers(&[3, 3]);
    let product = |x: &[Tensor]| {
        let weights = a.clone();
        let backward = Op1::new(|y| y, move |_, _, g| weights.matmul(g).map(Some));
        // Forward A x, backward A g: the graph goes through an identity, the value through the product.
        let y = a.matmul(&x[0].detach())?;
        (backward.apply(&x[0])? - x[0].detach())? + y
    };
    says(product, &[numbers(&[3, 1])], "by the Jacobian instead of its transpose");
}

/// A constant Jacobian off by a factor is also off by a constant.
#[test]
fn a_constant_factor_is_named() {
    let double = Op1::new(|x| x, |_, _, g| (g * 2.0).map(Some));
    let sum = |x: &[Tensor]| double.apply(&x[0])?.sum_all();
    says(sum, &[vector(&[0.5, 1.5, 2.5])], "off by a factor of 2.000000");
    let mean = Op1::new(|x| x, |x, _, g| (g / x.elem_count() as f64).map(Some));
    says(|x| mean.apply(&x[0])?.sum_all(), &[vector(&[0.5, 1.5, 2.5, 3.5])], "off by a factor of 0.250000");
    let shifted = Op1::new(|x| x, |_, _, g| Tensor::ones_like(g)?.broadcast_mul(&g.sum_all()?).map(Some));
    says(|x| shifted.apply(&x[0]), &[vector(&[0.5, 1.5])], "derivatives differ in 2 of 4");
}

/// At a jump there is no derivative, and no graph is severed.
#[test]
fn jumps_are_told_from_severed_graphs() {
    for f in [Tensor::floor, Tensor::ceil] {
        for mode in [Mode::Slow, Mode::Fast] {
            let report = failed(&GradCheck::new().mode(mode), |x| f(&x[0]), &[vector(&[0.5, 2.0])]);
            let Failure::Discontinuous { ref input_index, jump, .. } = report.failures[0] else {
                panic!("{report}")
            };
            assert_eq!((input_index.as_slice(), jump), (&[1][..], 1.0), "{report}");
            let text = report.failures[0].to_string();
            assert!(text.contains("jumps by 1.0") && !report.to_string().contains("severed"), "{text}");
        }
    }
    says(|x| x[0].round(), &[vector(&[2.5 + 3e-7])], "jumps by 1.0");
    says(|x| x[0].gt(0.0)?.to_dtype(x[0].dtype()), &[vector(&[0.0])], "jumps by 1.0");
    let row = Case::new("floor at a jump", vec![vector(&[2.0])], |x| x[0].floor()).run();
    assert_eq!(row.verdict, Verdict::Unchecked, "{}", row.detail);
    // With a gradient of its own, such as zeros.
    let zeros = Op1::new(f64::floor, |x, _, _| x.zeros_like().map(Some));
    says(|x| zeros.apply(&x[0]), &[vector(&[2.0])], "not differentiable there: it jumps by 1.0");
    // Away from a jump nothing is wrong, and a steep function does not jump.
    gradcheck(|x| x[0].floor(), &[vector(&[0.5, 2.1])]).unwrap();
    says(|x| x[0].detach().affine(1e6, 0.0), &[vector(&[0.5])], "severed graph");
}

#[test]
fn straight_through_estimators_are_recognised() {
    let round = || Op1::new(f64::round, |_, _, g| Ok(Some(g.clone())));
    let op = round();
    says(move |x| op.apply(&x[0]), &[vector(&[0.2, 1.7])], "locally constant there");
    let op = round();
    says(move |x| op.apply(&x[0])?.sum_all(), &[vector(&[0.2, 1.7])], "straight-through estimator");
    // For one element of two.
    let op = round();
    let half = move |x: &[Tensor]| {
        Tensor::cat(&[&x[0].narrow(0, 0, 1)?.sqr()?, &op.apply(&x[0])?.narrow(0, 1, 1)?], 0)
    };
    says(half, &[vector(&[0.2, 1.7])], "straight-through estimator");
}

/// Difference quotients over many periods say nothing, least of all a factor.
#[test]
fn oscillations_are_not_factors() {
    // Steps that are small enough confirm these.
    for frequency in [1e4, 1e6, 1e7, 1e8] {
        for at in [0.0, 0.3] {
            for mode in [Mode::Slow, Mode::Fast] {
                let f = |x: &[Tensor]| x[0].affine(frequency, 0.0)?.sin();
                GradCheck::new().mode(mode).check(f, &[vector(&[at])]).unwrap();
            }
        }
    }
    // And for this none is.
    for at in [0.0, 0.3] {
        let text = message(|x| x[0].affine(1e13, 0.0)?.sin(), &[vector(&[at])]);
        assert!(!text.contains("factor") && text.contains("use a smaller eps"), "{text}");
    }
    // A factor is still one, if the step resolves the oscillation.
    let op = Op1::new(f64::sin, |x, _, g| (x.cos()?.mul(g)? * 2.0).map(Some));
    says(move |x| op.apply(&x[0]), &[vector(&[0.3])], "off by a factor of 2.0");
}

/// A failure of second order names its places itself, outside of the report too.
#[test]
fn second_order_failures_name_the_upstream_gradient() {
    with_second_order("messages::second_order_failures_name_the_upstream_gradient", || {
        let op = Op1::new(|x| x * x * x, |x, _, g| cube_gradient(x, &g.detach()).map(Some));
        for mode in [Mode::Slow, Mode::Fast] {
            match GradCheck::new().mode(mode).check_second(|x| op.apply(&x[0]), &[vector(&[0.5, -1.5])]) {
                Err(Error::Failed(report)) => {
                    let text = report.failures[0].to_string();
                    let named = "the gradient of input 0 changes with the upstream gradient of output 0";
                    assert!(text.contains(named), "{text}");
                    assert!(matches!(
                        report.failures[0].kind(),
                        Failure::Severed { output: 0, input: 1, .. }
                    ));
                    let json = serde_json::to_value(&report).unwrap();
                    let failure = &json["failures"][0];
                    assert_eq!(
                        (&failure["kind"], &failure["input"]),
                        (&"severed".into(), &1.into()),
                        "{json}"
                    );
                    assert_eq!(json["names"]["inputs"][1], "the upstream gradient of output 0");
                }
                other => panic!("not caught: {other:?}"),
            }
        }
        // Entries as well.
        let backward = || {
            Op2::new(
                |x, g| 3.0 * x * x * g,
                |x, g, h| Ok((Some(((x * g)? * h)?.affine(6.0, 0.0)?), Some((cube_gradient(x, h)? * 2.0)?))),
            )
        };
        let op = Op1::new(|x| x * x * x, move |x, _, g| backward().apply(x, g).map(Some));
        let Err(Error::Failed(report)) =
            GradCheck::new().check_second(|x| op.apply(&x[0]), &[vector(&[0.5, -1.5])])
        else {
            panic!("not caught")
        };
        let text = report.failures[0].to_string();
        assert!(
            text.contains("d the gradient of input 0[1] / d the upstream gradient of output 0[1]"),
            "{text}"
        );
    });
}

/// JSON holds the shapes and the worst entries of large Jacobians, and their elements on request.
#[test]
fn json_is_small_unless_asked() {
    let report = gradcheck(|x| x[0].sqr(), &[numbers(&[300])]).unwrap();
    let json = serde_json::to_string(&report).unwrap();
    println!(
        "{} bytes without, {} with",
        json.len(),
        serde_json::to_string(&report.with_jacobians()).unwrap().len()
    );
    assert!(json.len() < 2000, "{}", json.len());
    let full = serde_json::to_value(report.with_jacobians()).unwrap();
    assert_eq!(full["jacobians"][0]["numerical"]["data"].as_array().unwrap().len(), 90_000);
    assert_eq!(full["pairs"][0]["numerical"]["rows"], 300);
}
