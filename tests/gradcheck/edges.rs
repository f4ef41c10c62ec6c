//! Where a checker may itself go wrong: empty views, huge and tiny values, rounding noise, poles, sizes.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use crate::checker::{Op1, cube, cube_gradient, numbers, vector};
use candle_core::{DType, Device, Result, Tensor};
use taper::gradcheck::{
    DTypePolicy, Error, Failure, GradCheck, Gradient, Mode, Outputs, Report, gradcheck, parity,
};

/// Asserts that both modes pass with these settings, and returns the report of slow mode.
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

/// Asserts that both modes fail, with this in the first failure of slow mode, and returns its report.
fn wrong<O: Into<Outputs>>(f: impl Fn(&[Tensor]) -> Result<O>, inputs: &[Tensor], message: &str) -> Report {
    let [_, slow] =
        [Mode::Fast, Mode::Slow].map(|mode| match GradCheck::new().mode(mode).check(&f, inputs) {
            Err(Error::Failed(report)) => *report,
            other => panic!("{mode}: not caught: {other:?}"),
        });
    let text = slow.failures[0].to_string();
    assert!(text.contains(message), "wanted {message:?}, got {text:?}");
    slow
}

/// A cube with this backward, a function of x and the upstream gradient.
fn cube_giving(
    backward: impl Fn(&Tensor, &Tensor) -> Result<Tensor> + Send + Sync + 'static,
) -> impl Fn(&[Tensor]) -> Result<Tensor> {
    let op = Op1::new(cube, move |x, _, upstream| backward(x, upstream).map(Some));
    move |x| op.apply(&x[0])
}

/// Candle panics when it reads an empty view whose offset is past the end of its storage.
#[test]
fn empty_views_past_their_storage() {
    let past = |x: &Tensor| x.narrow(0, 2, 0)?.narrow(1, 3, 0);
    let x = numbers(&[2, 3]);
    right(|x| x[0].sqr(), &[past(&x).unwrap()]);
    right(|x| past(&x[0]), std::slice::from_ref(&x));
    parity(|x| past(&x[0]), &[x], &Device::Cpu).unwrap();
}

/// Slow mode refuses what is too large for it beforehand, and fast mode then reports what it has.
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

/// The backward of Candle 0.11.1's `upsample_nearest1d` overwrites, however large the gradient is.
#[test]
fn overwriting_is_seen_beside_large_gradients() {
    for scale in [1.0, 1e3, 1e4, 1e6, 1e12] {
        let f = |x: &[Tensor]| x[0].upsample_nearest1d(6)? * scale;
        wrong(f, &[numbers(&[1, 2, 3])], "backward overwrites instead of accumulating");
        right(|x| x[0].affine(scale, 0.0), &[numbers(&[1, 2, 3])]);
    }
}

/// An output that does not change is independent, be it constant minus infinity or the input so large that a
/// step is lost.
#[test]
fn independence_of_large_and_infinite_values() {
    let report = right(|x| x[0].affine(2.0, 0.0), &[vector(&[1.0]), vector(&[1e13])]);
    assert_eq!(report.pairs[1].gradient, Gradient::Independent);
    let masked = |x: &[Tensor]| {
        let masked = Tensor::cat(&[&x[0], &vector(&[f64::NEG_INFINITY])], 0)?;
        Ok([masked, x[1].sqr()?])
    };
    right(masked, &[vector(&[1.0]), vector(&[2.0])]);
    // And a large input that matters is severed, not independent.
    wrong(|x| x[0].add(&x[1].detach()), &[vector(&[1.0]), vector(&[1e13])], "severed graph");
}

/// What cancels out in exact arithmetic leaves rounding noise behind, which is not dependence.
#[test]
fn rounding_noise_is_not_dependence() {
    let inputs = [numbers(&[4]), numbers(&[1])];
    let scaled = |x: &[Tensor]| {
        let s = x[1].detach();
        x[0].broadcast_mul(&s)?.broadcast_div(&s)
    };
    let shifted = |x: &[Tensor]| {
        let s = x[1].detach();
        x[0].broadcast_sub(&s)?.exp()?.sum_all()?.log()?.add(&s.reshape(())?)
    };
    for report in [right(scaled, &inputs), right(shifted, &inputs)] {
        assert_eq!(report.pairs[1].gradient, Gradient::Independent);
        assert!(report.notes.iter().any(|note| note.contains("rounding noise")), "{:?}", report.notes);
    }
    // A small slope beside a large constant shows at larger steps.
    let small = |x: &[Tensor]| x[0].broadcast_add(&x[1].detach().affine(1e-4, 1e6)?);
    wrong(small, &inputs, "severed graph");
}

/// The step is never smaller than what the input's dtype resolves.
#[test]
fn steps_are_not_lost_to_rounding() {
    right(|x| x[0].affine(2.0, 0.0), &[vector(&[1e13])]);
    right(|x| x[0].affine(2.0, 0.0), &[vector(&[1e11, 1.0])]);
    right(|x| x[0].sqr(), &[vector(&[-3e9, 1e-3])]);
    let loose = GradCheck::new().dtypes(DTypePolicy::Loosen);
    for (dtype, scales) in
        [(DType::F32, &[1.0, 1e4, 1e6][..]), (DType::F16, &[1.0, 1e2]), (DType::BF16, &[1.0, 1e2, 1e4, 1e6])]
    {
        for scale in scales {
            let x = vector(&[0.3 * scale, -0.7 * scale, 1.2 * scale]).to_dtype(dtype).unwrap();
            right_with(&loose, |x| x[0].affine(2.0, 0.5), std::slice::from_ref(&x));
            right_with(&loose, |x| x[0].relu(), &[x]);
        }
    }
}

/// Reported once, and for the right element.
#[test]
fn outputs_that_are_not_numbers_are_named() {
    let report = wrong(|x| x[0].log(), &[vector(&[-1.0, 2.0])], "output 0[0] is NaN at the inputs");
    let text = report.failures[0].to_string();
    assert!(text.contains("input 0[0]") && report.failures.len() == 1, "{report}");
    let report = wrong(|x| x[0].detach().recip(), &[vector(&[2.0, 0.0])], "output 0[1] is inf at the inputs");
    assert!(report.failures[0].to_string().contains("input 0[1]"), "{report}");
    let beyond = wrong(|x| &x[0] * 2.0, &[vector(&[1.0, 1.7e308])], "output 0[1] is inf at the inputs");
    assert!(beyond.failures.len() == 1, "{beyond}");
    wrong(
        |x| x[0].sqr(),
        &[vector(&[0.3, f64::INFINITY])],
        "output 0[1] is inf at the inputs, due to input 0[1]",
    );
    right(|x| x[0].narrow(0, 0, 1), &[vector(&[0.3, f64::INFINITY])]);
    // Defined at the point, but not next to it.
    wrong(
        |x| x[0].detach().sqrt(),
        &[vector(&[1.0, 1e-9])],
        "is not finite one step from the inputs, due to input 0[1]",
    );
}

/// A pole is not a kink.
#[test]
fn distances_are_claimed_only_for_kinks() {
    // Small steps confirm what is right a little further away.
    for near in [2e-7, 1e-8] {
        gradcheck(|x| x[0].recip(), &[vector(&[near])]).unwrap();
    }
    for near in [1e-12, 1e-13] {
        let report = wrong(|x| x[0].recip(), &[vector(&[near])], "curves strongly within");
        assert!(!report.to_string().contains("not differentiable"), "{report}");
    }
    let beside = |x: &[Tensor]| (x[0].sin()? + 1e10)? - 1e10;
    wrong(beside, &[vector(&[0.3])], "mostly rounding noise: use a larger eps");
    wrong(|x| x[0].relu(), &[vector(&[-7e-7])], "not differentiable within 1.0e-6 of this point");
}

/// In coarse dtypes a sum of cancelling gradients is off by the rounding errors of its terms.
#[test]
fn linear_is_linear_in_coarse_dtypes() {
    let loose = GradCheck::new().dtypes(DTypePolicy::Loosen);
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        let x = numbers(&[6]).to_dtype(dtype).unwrap();
        for seed in 0..20 {
            let f = |x: &[Tensor]| candle_nn::ops::softmax(&(&x[0] * 3.0)?, 0)? * 100.0;
            match loose.clone().seed(seed).check(f, std::slice::from_ref(&x)) {
                Ok(_) => {}
                Err(Error::Failed(report)) => assert!(
                    !report.failures.iter().any(|failure| matches!(failure, Failure::NotLinear { .. })),
                    "{dtype:?}, seed {seed}: {report}"
                ),
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// Clipping shows only for upstream gradients that are larger than random ones.
#[test]
fn clipped_upstream_gradients() {
    for limit in [0.9, 5.0, 1e4] {
        let f = cube_giving(move |x, g| cube_gradient(x, &g.clamp(-limit, limit)?));
        wrong(f, &[vector(&[0.5, -1.5, 2.0, 0.8])], "not linear in the upstream gradient");
    }
}

/// A decoy that only scales the inputs would leave zeros unchanged.
#[test]
fn stale_values_where_the_input_is_zero() {
    let kept = Arc::new(Mutex::new(None::<Tensor>));
    let f = move |x: &[Tensor]| {
        *kept.lock().unwrap() = Some(x[0].detach());
        let kept = Arc::clone(&kept);
        let stale = move |_: &Tensor, _: &Tensor, g: &Tensor| {
            kept.lock().unwrap().clone().unwrap().exp()?.mul(g).map(Some)
        };
        Op1::new(f64::exp, stale).apply(&x[0])
    };
    wrong(f, &[vector(&[0.0, 0.0])], "derivatives differ");
}

/// What fails in an addition need not be the gradient itself.
#[test]
fn additions_inside_a_backward() {
    let f = cube_giving(|_, g| g.add(&vector(&[1.0, 2.0])));
    wrong(f, &[numbers(&[4])], "or an addition inside the backward does not fit");
}

/// A panic is reported with its location.
#[test]
fn panics_keep_their_location() {
    let panics = |_: &[Tensor]| -> Result<Tensor> { panic!("out of luck") };
    let text = gradcheck(panics, &[numbers(&[2])]).unwrap_err().to_string();
    assert!(text.contains("out of luck (tests/gradcheck/edges.rs:"), "{text}");
}

/// The counts in the documentation of `Mode`, for ten input and ten output elements.
#[test]
fn forwards_and_backwards_are_counted() {
    for (mode, counts) in [(Mode::Slow, (2 * 10 + 7, 2 * 10 + 19)), (Mode::Fast, (8 + 7, 8 + 19))] {
        let (forwards, backwards) = (Cell::new(0), Arc::new(AtomicU32::new(0)));
        let counted = Arc::clone(&backwards);
        let op = cube_giving(move |x, g| {
            counted.fetch_add(1, Ordering::Relaxed);
            cube_gradient(x, g)
        });
        let f = |x: &[Tensor]| {
            forwards.set(forwards.get() + 1);
            op(x)
        };
        GradCheck::new().mode(mode).check(f, &[numbers(&[10])]).unwrap();
        assert_eq!((forwards.get(), backwards.load(Ordering::Relaxed)), counts, "{mode}");
    }
}

/// Fast mode's note on small derivatives speaks of its projections.
#[test]
fn notes_say_it_once() {
    let f = |x: &[Tensor]| x[0].affine(1e-7, 0.0)? + x[1].affine(1e-8, 0.0)?;
    let inputs = [numbers(&[2]), numbers(&[2])];
    for (mode, what) in
        [(Mode::Slow, "no derivative exceeds"), (Mode::Fast, "no projection of the derivatives")]
    {
        let notes = GradCheck::new().mode(mode).check(f, &inputs).unwrap().notes;
        assert!(notes.len() == 1 && notes[0].starts_with(what), "{notes:?}");
        assert!(
            notes[0].contains("output 0 with respect to input 1: at most 1.0") || mode == Mode::Fast,
            "{notes:?}"
        );
    }
}
