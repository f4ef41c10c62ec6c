//! Second derivatives: right ones pass, wrong ones behind right first derivatives do not, and where Candle
//! does not keep the graph of the backward pass, the checker says so instead of passing.

use crate::checker::{Op1, Op2, cube, cube_gradient, numbers, vector};
use crate::second_order::with_second_order;
use candle_core::{Result, Tensor};
use taper::gradcheck::{
    Case, Error, Failure, GradCheck, Mode, Outputs, Verdict, gradcheck, gradgradcheck,
    second_order_available, strided,
};

fn x() -> [Tensor; 1] {
    [vector(&[0.5, -1.5, 2.0, 0.8])]
}

/// Asserts that both modes pass, at both orders.
fn right<O: Into<Outputs>>(f: impl Fn(&[Tensor]) -> Result<O>, inputs: &[Tensor]) {
    gradgradcheck(&f, inputs).unwrap_or_else(|error| panic!("slow: {error}"));
    GradCheck::new()
        .mode(Mode::Fast)
        .check_second(&f, inputs)
        .unwrap_or_else(|error| panic!("fast: {error}"));
}

/// Asserts that both modes pass at first order and fail at second, with this message.
fn wrong<O: Into<Outputs>>(f: impl Fn(&[Tensor]) -> Result<O>, inputs: &[Tensor], message: &str) {
    gradcheck(&f, inputs).unwrap();
    for mode in [Mode::Slow, Mode::Fast] {
        match GradCheck::new().mode(mode).check_second(&f, inputs) {
            Err(Error::Failed(report)) => {
                assert_eq!(report.order, 2);
                let text = report.to_string();
                assert!(text.starts_with("gradgradcheck failed") && text.contains(message), "{text}");
            }
            other => panic!("not caught: {other:?}"),
        }
    }
}

/// A cube with this backward.
fn cube_by(backward: impl Fn(&Tensor, &Tensor) -> Result<Tensor> + Send + Sync + 'static) -> Op1 {
    Op1::new(cube, move |x, _, g| backward(x, g).map(Some))
}

#[test]
fn without_the_variable_it_says_so() {
    // Whatever the environment of this process, the probe tells what Candle does.
    let available = second_order_available().unwrap();
    let error = gradgradcheck(|x| x[0].powf(3.0), &x()).err();
    match error {
        None => assert!(available),
        Some(Error::Detached) => assert!(!available),
        Some(error) => panic!("{error}"),
    }
    let row = Case::new("cube", x().to_vec(), |x| x[0].powf(3.0)).second_order().run();
    assert_eq!(row.verdict, if available { Verdict::Right } else { Verdict::Unchecked });
    assert!(available || row.detail.contains("CANDLE_GRAD_DO_NOT_DETACH=1"), "{row:?}");
}

#[test]
fn right_ones_pass() {
    with_second_order("second::right_ones_pass", || {
        right(|x| x[0].powf(3.0), &x());
        right(|x| cube_by(cube_gradient).apply(&x[0]), &x());
        right(|x| x[0].matmul(&x[1])?.tanh(), &[numbers(&[2, 3]), numbers(&[3, 2])]);
        right(|x| x[0].matmul(&x[1]), &[numbers(&[3, 2]).t().unwrap(), strided(&numbers(&[3, 2])).unwrap()]);
        right(|x| Ok([x[0].exp()?, (&x[0] * &x[1])?.sin()?]), &[numbers(&[3]), numbers(&[3])]);
        right(|x| x[0].sum_all()?.sqr(), &[numbers(&[2, 2])]);
        right(|x| x[0].affine(2.0, 1.0), &[numbers(&[3])]);
        right(|x| x[0].exp(), &[numbers(&[0])]);
        let constant = GradCheck::new().constants(&[1]);
        constant.check_second(|x| (&x[0] * &x[1])?.sqr(), &[numbers(&[3]), numbers(&[3])]).unwrap();
    });
}

#[test]
fn wrong_second_behind_right_first() {
    with_second_order("second::wrong_second_behind_right_first", || {
        let detached = cube_by(|x, g| cube_gradient(&x.detach(), g));
        wrong(|x| detached.apply(&x[0]), &x(), "severed graph");
        let constant_upstream = cube_by(|x, g| cube_gradient(x, &g.detach()));
        let named = "severed graph: the gradient of input 0 changes with the upstream gradient of output 0";
        wrong(|x| constant_upstream.apply(&x[0]), &x(), named);
        // The backward is an operation of its own, whose backward is off by a factor of 2 with respect to x.
        let factor = cube_by(|x, g| {
            let backward = Op2::new(
                |x, g| 3.0 * x * x * g,
                |x, g, h| Ok((Some(((x * g)? * h)?.affine(12.0, 0.0)?), Some(cube_gradient(x, h)?))),
            );
            backward.apply(x, g)
        });
        wrong(|x| factor.apply(&x[0]), &x(), "off by a factor of 2.000000");
        // And one that cannot be differentiated again at all.
        let silent = cube_by(|x, g| {
            x.apply_op2_no_bwd(g, &Op2::new(|x, g| 3.0 * x * x * g, |_, _, _| Ok((None, None))))
        });
        wrong(|x| silent.apply(&x[0]), &x(), "severed graph");
    });
}

#[test]
fn a_wrong_first_derivative_is_reported_before() {
    with_second_order("second::a_wrong_first_derivative_is_reported_before", || {
        let negative = cube_by(|x, g| cube_gradient(x, g)?.neg());
        match gradgradcheck(|x| negative.apply(&x[0]), &x()) {
            Err(Error::Failed(report)) => {
                assert_eq!(report.order, 1);
                assert!(matches!(report.failures[0], Failure::Mismatch { .. }));
            }
            other => panic!("not caught: {other:?}"),
        }
    });
}
