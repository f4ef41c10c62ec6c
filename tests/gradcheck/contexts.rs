//! Functions that are right only as they are called first: for leaves, for contiguous inputs, with all inputs
//! tracked, as long as nothing writes to what a backward pass has saved.

use crate::checker::{Op1, Op2, cube, cube_giving, cube_gradient, numbers, vector, wrong, x};
use candle_core::{DType, Result, Tensor};
use taper::gradcheck::{Context, Failure, GradCheck, Mode, gradcheck};

/// The backward of y = 2 x does not need x, so that only x itself shows that it is gone.
#[test]
fn a_backward_that_destroys_its_saved_input() {
    let zeroing = |f: fn(f64) -> f64, factor: f64| {
        Op1::new(f, move |x, _, g| {
            x.zero_set()?;
            (g * factor).map(Some)
        })
    };
    let op = zeroing(|x| 2.0 * x, 2.0);
    let report = wrong(move |x| op.apply(&x[0]), &x(), "backward of output 0 writes to input 0");
    assert!(matches!(report.failures[0], Failure::WritesInPlace { output: Some(0), input: Some(0), .. }));
    // Not the input itself, but a result on the way from it, and the saved output.
    let op = zeroing(|x| 2.0 * x, 2.0);
    wrong(move |x| op.apply(&x[0].affine(3.0, 0.0)?), &x(), "writes to the output or a result on the way");
    let op = Op1::new(
        |x| 2.0 * x,
        |_, y, g| {
            y.one_set()?;
            (g * 2.0).map(Some)
        },
    );
    wrong(move |x| op.apply(&x[0]), &x(), "writes to the output or a result on the way");
    // One that reads x before and gives it back is right.
    let careful = Op1::new(cube, |x, _, g| {
        let saved = x.force_contiguous()?;
        x.zero_set()?;
        let gradient = cube_gradient(&saved, g)?;
        x.slice_set(&saved, 0, 0)?;
        Ok(Some(gradient))
    });
    let leaves = GradCheck::new().contexts(&[]);
    leaves.check(move |x| careful.apply(&x[0]), &x()).unwrap();
}

#[test]
fn a_forward_that_writes_to_its_input() {
    let f = |x: &[Tensor]| {
        let y = x[0].sqr()?;
        x[0].slice_set(&vector(&[0.1]), 0, 0)?;
        Ok(y)
    };
    let report = wrong(f, &x(), "forward writes to input 0");
    assert!(matches!(report.failures[0], Failure::WritesInPlace { output: None, input: Some(0), .. }));
}

/// A product whose backward gives a gradient only if the other operand is tracked as well.
#[test]
fn each_input_alone() {
    let op = Op2::new(
        |x, y| x * y,
        |x, y, g| {
            let both = x.track_op() && y.track_op();
            Ok((Some(y.mul(g)?), Some(if both { x.mul(g)? } else { x.zeros_like()? })))
        },
    );
    let inputs = [vector(&[0.5, 1.5]), vector(&[0.7, -1.1])];
    let report = wrong(
        |x| op.apply(&x[0], &x[1]),
        &inputs,
        "the gradient of output 0 with respect to input 1 depends on how the function is called",
    );
    assert!(report.failures[0].to_string().contains("if no other input is tracked"), "{report}");
    assert!(matches!(
        report.failures[..],
        [Failure::ContextDependent { output: 0, input: Some(1), context: Context::Alone, .. }]
    ));
    // No gradient at all instead of a wrong one.
    let op = Op2::new(
        |x, y| x * y,
        |x, y, g| Ok((Some(y.mul(g)?), if x.track_op() { Some(x.mul(g)?) } else { None })),
    );
    wrong(|x| op.apply(&x[0], &x[1]), &inputs, "depends on how the function is called");
    gradcheck(|x| x[0].mul(&x[1]), &inputs).unwrap();
}

/// Twice the gradient, or another value, for what is not a leaf.
#[test]
fn right_for_leaves_only() {
    let f = cube_giving(|x, g| cube_gradient(x, g)? * if x.is_variable() { 1.0 } else { 2.0 });
    let report = wrong(&f, &x(), "results of an operation instead of leaves");
    assert!(report.failures.iter().any(|failure| matches!(
        failure,
        Failure::ContextDependent { input: Some(0), context: Context::Intermediate, .. }
    )));
    let value = |x: &[Tensor]| x[0].affine(if x[0].is_variable() { 1.0 } else { 1.5 }, 0.0);
    wrong(value, &[vector(&[0.5])], "the value of output 0 depends on how the function is called");
    GradCheck::new().contexts(&[]).check(&f, &x()).unwrap();
}

/// No gradient for leaves, where there is none to have, and one for what is not a leaf.
#[test]
fn a_gradient_in_another_context_alone() {
    let op = Op1::new(|_| 1.0, |x, _, g| if x.is_variable() { Ok(None) } else { g.ones_like().map(Some) });
    let report = wrong(move |x| op.apply(&x[0]), &x(), "depends on how the function is called");
    assert!(report.failures.iter().any(|failure| matches!(
        failure,
        Failure::ContextDependent { input: Some(0), context: Context::Intermediate, .. }
    )));
}

/// Right for contiguous inputs, and by default that is not enough.
#[test]
fn right_for_contiguous_inputs_only() {
    let f = cube_giving(|x, g| cube_gradient(x, g)? * if x.is_contiguous() { 1.0 } else { 2.0 });
    for inputs in [x(), [numbers(&[2, 3])]] {
        let report = wrong(&f, &inputs, "if the inputs are strided");
        assert_eq!(report.failures.len(), 1, "{report}");
    }
    // And the other way round.
    let f = cube_giving(|x, g| cube_gradient(x, g)? * if x.is_contiguous() { 2.0 } else { 1.0 });
    wrong(f, &[numbers(&[3, 2]).t().unwrap()], "if the inputs are contiguous");
}

/// A function may refuse a layout, by an error or a panic, and the report says so.
#[test]
fn what_a_function_refuses_is_noted() {
    let refuses = |x: &[Tensor]| -> Result<Tensor> {
        if !x[0].is_contiguous() {
            candle_core::bail!("contiguous inputs, please");
        }
        x[0].sqr()
    };
    let panics = |x: &[Tensor]| {
        assert!(x[0].is_contiguous(), "contiguous inputs, please");
        x[0].sqr()
    };
    for mode in [Mode::Slow, Mode::Fast] {
        let check = GradCheck::new().mode(mode);
        for notes in [check.check(refuses, &x()).unwrap().notes, check.check(panics, &x()).unwrap().notes] {
            let [note] = &notes[..] else { panic!("{notes:?}") };
            assert!(note.starts_with("not checked if the inputs are strided: ") && note.contains("please"));
        }
    }
}

/// Constants keep their layout, and a single tracked input beside them is alone already.
#[test]
fn constants_are_left_as_they_are() {
    let ids = Tensor::new(&[2u32, 0, 2], x()[0].device()).unwrap();
    let f = |x: &[Tensor]| {
        assert!(x[1].is_contiguous() && x[1].dtype() == DType::U32);
        x[0].contiguous()?.index_select(&x[1], 0)
    };
    let report = gradcheck(f, &[numbers(&[3, 2]), ids]).unwrap();
    assert!(report.notes.is_empty(), "{report}");
}
