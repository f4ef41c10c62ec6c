//! Where a checker goes wrong itself: empty views, huge and tiny values, rounding noise, poles, sizes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod checker;

use candle_core::{Device, Result, Tensor};
use checker::{Op1, cube, cube_gradient, numbers};
use taper::gradcheck::{Error, GradCheck, Mode, Outputs, Report, gradcheck, parity};

/// Both modes pass with these settings; the report of slow mode.
fn right_with<O: Into<Outputs>>(
    check: &GradCheck,
    f: impl Fn(&[Tensor]) -> Result<O>,
    inputs: &[Tensor],
) -> Report {
    let [_, slow] = [Mode::Fast, Mode::Slow].map(|mode| {
        check.clone().mode(mode).check(&f, inputs).unwrap_or_else(|error| panic!("{mode}: {error}"))
    });
    slow
}

fn right<O: Into<Outputs>>(f: impl Fn(&[Tensor]) -> Result<O>, inputs: &[Tensor]) -> Report {
    right_with(&GradCheck::new(), f, inputs)
}

/// A cube with another backward of x and the upstream gradient.
fn cube_giving(
    backward: impl Fn(&Tensor, &Tensor) -> Result<Tensor> + Send + Sync + 'static,
) -> impl Fn(&[Tensor]) -> Result<Tensor> {
    let op = Op1::new(cube, move |x, _, upstream| backward(x, upstream).map(Some));
    move |x| op.apply(&x[0])
}

/// Candle panics on the elements of a view without any whose offset lies behind its storage.
#[test]
fn empty_views_past_their_storage() {
    let past = |x: &Tensor| x.narrow(0, 2, 0)?.narrow(1, 3, 0);
    let x = numbers(&[2, 3]);
    right(|x| x[0].sqr(), &[past(&x).unwrap()]);
    right(|x| past(&x[0]), std::slice::from_ref(&x));
    parity(|x| past(&x[0]), &[x], &Device::Cpu).unwrap();
}

/// What slow mode would need is told before it is tried, and fast mode then says what it has.
#[test]
fn what_is_too_large_for_slow_mode_is_not_tried() {
    let x = [numbers(&[200_000])];
    let error = gradcheck(|x| x[0].sqr(), &x).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("40000000000 entries") && text.contains("Mode::Fast"), "{text}");
    let wrong = cube_giving(|x, g| cube_gradient(x, g)? * 1e4);
    match GradCheck::new().mode(Mode::Fast).check(wrong, &x) {
        Err(Error::Failed(report)) => {
            assert_eq!(report.mode, Mode::Fast);
            assert!(report.notes.iter().any(|note| note.contains("slow mode")), "{:?}", report.notes);
        }
        other => panic!("not caught: {other:?}"),
    }
}
