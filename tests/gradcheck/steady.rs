//! What must be the same between two calls: the form of the outputs, and values up to a permitted jitter.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::checker::{Op1, cube, cube_giving, cube_gradient, vector, wrong};
use candle_core::{DType, Result, Tensor};
use taper::gradcheck::{Error, Failure, GradCheck, Gradient, Mode};

/// Whatever changes one step from the inputs, be it the dtype, the shape, the rank or the number of outputs,
/// is an error as it is in PyTorch, and in no mode a panic.
#[test]
fn outputs_that_change_their_form_are_refused() {
    type Change = (&'static str, fn(&Tensor) -> Result<Vec<Tensor>>);
    let here = |x: &Tensor| Ok::<_, candle_core::Error>(x.get(0)?.to_scalar::<f64>()? == 0.5);
    let always = |x: &Tensor| x.sqr();
    let changes: [Change; 6] = [
        ("integer dtype", |y| Ok(vec![y.to_dtype(DType::U32)?])),
        ("coarser dtype", |y| Ok(vec![y.to_dtype(DType::F32)?])),
        ("shape of equal count", |y| Ok(vec![y.reshape((2, 2))?])),
        ("rank", |y| Ok(vec![y.unsqueeze(0)?])),
        ("shape", |y| Ok(vec![y.narrow(0, 0, 2)?])),
        ("number", |y| Ok(vec![y.clone(), y.clone()])),
    ];
    let x = [vector(&[0.5, -1.5, 2.0, 0.8])];
    for (what, change) in changes {
        for mode in [Mode::Slow, Mode::Fast] {
            let beside = |x: &[Tensor]| {
                let y = always(&x[0])?;
                if here(&x[0])? { Ok(vec![y]) } else { change(&y) }
            };
            let at = |x: &[Tensor]| {
                let y = always(&x[0])?;
                if here(&x[0])? { change(&y) } else { Ok(vec![y]) }
            };
            let refused = |f: &dyn Fn(&[Tensor]) -> Result<Vec<Tensor>>| {
                GradCheck::new().mode(mode).check(f, &x).unwrap_err()
            };
            assert!(matches!(refused(&beside), Error::Unstable), "{mode}: {what} beside the point");
            // An integer output alone leaves nothing to check, and f32 is refused for its own sake.
            let error = refused(&at);
            assert!(
                matches!(error, Error::Unstable | Error::Nothing("output") | Error::DType { .. }),
                "{mode}: {what} at the point: {error}"
            );
        }
    }
}

/// A number that changes with every call, up to `size`.
fn jitter(size: f64) -> impl Fn() -> f64 {
    let calls = AtomicU32::new(0);
    move || size * f64::from(calls.fetch_add(1, Ordering::Relaxed) * 7 % 11) / 11.0
}

/// Jitter that the settings permit is neither dependence nor a gradient. PyTorch passes such a function.
#[test]
fn permitted_jitter_is_not_dependence() {
    for (size, permitted) in [(1e-12, 1e-11), (1e-9, 1e-8), (1e-6, 1e-5)] {
        for mode in [Mode::Slow, Mode::Fast] {
            let noise = jitter(size);
            let independent = |x: &[Tensor]| Ok([x[0].sqr()?, vector(&[1.0, 2.0]).affine(1.0, noise())?]);
            let check = GradCheck::new().mode(mode).nondeterminism(permitted).eps(1e-2).rtol(1e-2);
            let report = check.check(independent, &[vector(&[0.5, -1.5, 2.0])]).unwrap();
            assert_eq!(report.pairs[1].gradient, Gradient::Independent);
            assert!(report.notes.iter().any(|note| note.contains("permitted nondeterminism")), "{report}");
        }
        let noise = jitter(size);
        let independent = |x: &[Tensor]| Ok([x[0].sqr()?, x[0].detach().affine(0.0, noise())?]);
        let unpermitted = wrong(independent, &[vector(&[0.5])], "forward is not deterministic");
        assert!(!unpermitted.failures.is_empty());
    }
    // Real dependence beside it is still severed.
    let noise = jitter(1e-12);
    let severed = |x: &[Tensor]| x[0].detach().affine(1e-3, noise());
    match GradCheck::new().nondeterminism(1e-11).check(severed, &[vector(&[0.5])]) {
        Err(Error::Failed(report)) => assert!(matches!(report.failures[..], [Failure::Severed { .. }])),
        other => panic!("not caught: {other:?}"),
    }
}

/// A backward pass that jitters as permitted is neither affine nor ignorant of the upstream gradient.
#[test]
fn permitted_jitter_in_the_backward() {
    for size in [1e-12, 1e-9, 1e-6, 1e-3] {
        let noise = jitter(size);
        let f = cube_giving(move |x, g| cube_gradient(x, g)? + noise());
        for mode in [Mode::Slow, Mode::Fast] {
            let check = GradCheck::new().mode(mode).atol(1e-2).nondeterminism(size);
            check.check(&f, &[vector(&[0.5, -1.5, 2.0, 0.8])]).unwrap();
        }
    }
    let noise = jitter(1e-9);
    let op = Op1::new(cube, move |x, _, g| (cube_gradient(x, g)? + noise()).map(Some));
    wrong(move |x| op.apply(&x[0]), &[vector(&[0.5])], "backward is not deterministic");
}
