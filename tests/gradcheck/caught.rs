//! Gradients that do not arrive, and how a failed check locates the failure.

use crate::checker::{
    Op1, cube, cube_giving, cube_gradient, cube_with, failed, numbers, torch_says, vector, wrong, x,
};
use candle_core::{Device, Tensor, bail};
use taper::gradcheck::{Failure, GradCheck, Mode};

#[test]
fn severed_graph() {
    torch_says("severed", ["fails", "fails"]);
    torch_says("severed_output", ["passes", "passes"]); // It leaves outputs without a graph alone.
    torch_says("severed_path", ["fails", "fails"]);
    let op = Op1::new(cube, |_, _, _| bail!("never called"));
    let message = "severed graph: output 0 changes with input 0 (numerical derivative 1.2";
    wrong(|x| x[0].apply_op1_no_bwd(&op), &x(), message);
    wrong(|x| x[0].detach().powf(3.0), &x(), message);
    wrong(|x| Tensor::new(x[0].to_vec1::<f64>()?, &Device::Cpu)?.powf(3.0), &x(), message);
    // One input of two, and one output of two.
    let report =
        wrong(|x| x[0].sqr()?.mul(&x[1].detach()), &[x()[0].clone(), x()[0].clone()], "severed graph");
    assert!(matches!(report.failures[0], Failure::Severed { output: 0, input: 1, .. }));
    let report = wrong(|x| Ok([x[0].sqr()?, x[0].detach().sqr()?]), &x(), "severed graph");
    assert!(matches!(report.failures[..], [Failure::Severed { output: 1, input: 0, .. }]));
    // However small the derivative: only an exact zero means independence.
    wrong(|x| x[0].detach().affine(1e-9, 0.0), &x(), "severed graph");
    // One path of two: the rest of the gradient arrives, so it is wrong instead.
    wrong(|x| x[0].sqr()? + x[0].detach(), &x(), "derivatives differ in 4 of 16 entries");
}

/// `None` for an operand that is an input, and for one that is not, on which Candle panics.
#[test]
fn missing_gradient() {
    torch_says("missing_gradient", ["fails", "fails"]);
    let f = cube_with(|_, _| Ok(None));
    wrong(&f, &x(), "missing gradient: the graph of output 0 leads to input 0");
    let report = wrong(|x| f(&[x[0].affine(2.0, 0.0)?]), &x(), "panicked: candle internal error");
    assert!(report.failures[0].to_string().contains("bwd returned None"));
}

#[test]
fn backward_that_fails() {
    torch_says("backward_fails", ["error", "error"]);
    wrong(cube_with(|_, _| bail!("out of luck")), &x(), "backward of output 0 failed: out of luck");
    wrong(cube_with(|_, _| panic!("out of luck")), &x(), "backward of output 0 panicked: out of luck");
    let report = wrong(
        |x| x[0].reshape((1, 1, 4))?.conv_transpose1d(&numbers(&[1, 1, 2]), 0, 0, 1, 1, 1),
        &x(),
        "not supported",
    );
    assert!(matches!(report.failures[0], Failure::Unsupported { .. }));
}

#[test]
fn gradient_where_none_may_arrive() {
    let inputs = [x()[0].clone(), x()[0].clone()];
    for mode in [Mode::Slow, Mode::Fast] {
        let report = failed(&GradCheck::new().stopped(&[1]).mode(mode), |x| x[0].mul(&x[1]), &inputs);
        assert!(matches!(report.failures[..], [Failure::UnexpectedGradient { output: 0, input: 1 }]));
    }
}

#[test]
fn transposed() {
    let f = cube_giving(|x, g| cube_gradient(&x.t()?.contiguous()?, g));
    wrong(f, &[numbers(&[3, 3])], "derivatives differ");
}

/// At or close to a tie the report says so, and estimates the distance.
#[test]
fn ties_are_pointed_out() {
    torch_says("tie", ["fails", "fails"]);
    torch_says("near_tie", ["fails", "fails"]);
    let tie = wrong(
        |x| x[0].relu(),
        &[vector(&[1.0, 0.0])],
        "not differentiable at this point (or within 2.4e-10 of it)",
    );
    assert!(tie.failures[0].to_string().contains("0.000000e0 to the left and 1.000000e0 to the right"));
    let near = [vector(&[1.0, -4e-7])];
    wrong(|x| x[0].relu(), &near, "not differentiable within 5.0e-7 of this point");
    // Curvature alone is not a kink: here the differences to the left and to the right are a tenth apart.
    let half = Op1::new(|x| 1e3 * x * x, |x, _, g| x.affine(1e3, 0.0)?.mul(g).map(Some));
    let bowl = wrong(move |x| half.apply(&x[0]), &[vector(&[1e-5])], "off by a factor of 0.500000");
    assert!(!bowl.failures[0].to_string().contains("not differentiable"), "{bowl}");
    let ties = [vector(&[1.0, 2.0]), vector(&[1.0, 2.0 + 1e-7])];
    wrong(|x| x[0].sub(&x[1])?.abs(), &ties, "not differentiable");
}

#[test]
fn the_worst_entry_is_named() {
    let f = cube_giving(|x, g| cube_gradient(x, g)? * vector(&[1.0, 1.0, 1.5, 1.0]));
    let report = failed(&GradCheck::new(), f, &x());
    let worst = report.worst().unwrap();
    assert_eq!((worst.output_index.as_slice(), worst.input_index.as_slice()), (&[2][..], &[2][..]));
    assert!((worst.numerical - 12.0).abs() < 1e-6 && (worst.analytical - 18.0).abs() < 1e-12);
    assert!((worst.relative - 0.5).abs() < 1e-6);
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["failures"][0]["kind"], "mismatch");
}

/// The report in the documentation of the module is the one that the checker gives.
#[test]
fn the_documented_report_is_current() {
    let words =
        |text: &str| text.split_whitespace().filter(|&word| word != "//!").collect::<Vec<_>>().join(" ");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/gradcheck/mod.rs");
    let wrong = cube_giving(|x, g| x.sqr()?.affine(2.0, 0.0)?.mul(g));
    let report = failed(&GradCheck::new(), wrong, &[vector(&[0.5, -1.5])]).to_string();
    assert!(words(&std::fs::read_to_string(path).unwrap()).contains(&words(&report)), "{report}");
}
