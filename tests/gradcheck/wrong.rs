//! Deliberately wrong derivatives: each must be caught and named, in both modes.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use crate::checker::{
    Op1, Op2, cube, cube_giving, cube_gradient, failed, numbers, torch_says, vector, wrong, x,
};
use candle_core::{CpuStorage, DType, Device, Layout, Storage, Tensor, bail};
use taper::gradcheck::{Failure, GradCheck, Mode, Report, gradcheck, strided};

#[test]
fn the_right_cube_passes() {
    torch_says("right_cube", ["passes", "passes"]);
    for mode in [Mode::Slow, Mode::Fast] {
        GradCheck::new().mode(mode).check(cube_giving(cube_gradient), &x()).unwrap();
    }
}

#[test]
fn wrong_sign() {
    torch_says("wrong_sign", ["fails", "fails"]);
    wrong(cube_giving(|x, g| cube_gradient(x, g)?.neg()), &x(), "the sign is wrong");
}

#[test]
fn factor_two() {
    torch_says("factor_two", ["fails", "fails"]);
    wrong(cube_giving(|x, g| cube_gradient(x, g)? * 2.0), &x(), "off by a factor of 2.000000");
}

#[test]
fn swapped_operands() {
    torch_says("right_product", ["passes", "passes"]);
    torch_says("swapped_operands", ["fails", "fails"]);
    // z = x y^2: dz/dx = y^2, dz/dy = 2 x y.
    let op = |swap: bool| {
        Op2::new(
            |x, y| x * y * y,
            move |x, y, g| {
                let (dx, dy) = (y.sqr()?.mul(g)?, ((x * y)? * 2.0)?.mul(g)?);
                Ok(if swap { (Some(dy), Some(dx)) } else { (Some(dx), Some(dy)) })
            },
        )
    };
    let inputs = [vector(&[0.5, 1.5, -2.0]), vector(&[0.7, -1.1, 0.4])];
    gradcheck(|x| op(false).apply(&x[0], &x[1]), &inputs).unwrap();
    let report = wrong(|x| op(true).apply(&x[0], &x[1]), &inputs, "this is the gradient of input 1");
    assert!(report.failures[1].to_string().contains("this is the gradient of input 0"));
}

#[test]
fn missing_term() {
    torch_says("missing_term", ["fails", "fails"]);
    // y = x sin x without the x cos x of its derivative.
    let op = Op1::new(|x| x * x.sin(), |x, _, g| x.sin()?.mul(g).map(Some));
    wrong(move |x| op.apply(&x[0]), &x(), "derivatives differ in 4 of 16 entries");
}

/// A bug of Candle 0.11.1: the backward of `upsample_nearest*` overwrites the gradient of the other use of x.
#[test]
fn overwritten_instead_of_accumulated() {
    torch_says("overwritten", ["fails", "fails"]);
    let inputs = [numbers(&[1, 2, 3])];
    let twice = |x: &[Tensor]| x[0].sqr()?.sum_all()? + x[0].upsample_nearest1d(6)?.sum_all()?;
    let other_order = |x: &[Tensor]| x[0].upsample_nearest1d(6)?.sum_all()? + x[0].sqr()?.sum_all()?;
    let differ = |report: Report| report.failures.iter().any(|f| matches!(f, Failure::Mismatch { .. }));
    assert!(!differ(failed(&GradCheck::new(), twice, &inputs)));
    assert!(differ(failed(&GradCheck::new(), other_order, &inputs)));
    // One use is enough for the checker, which adds a second itself.
    wrong(|x| x[0].upsample_nearest1d(6), &inputs, "backward overwrites instead of accumulating");
}

#[test]
fn wrong_shape() {
    torch_says("wrong_shape", ["error", "error"]);
    wrong(cube_giving(|x, g| cube_gradient(x, g)?.sum_all()), &x(), "gradient of the wrong shape");
    wrong(cube_giving(|x, g| cube_gradient(x, g)?.unsqueeze(0)), &x(), "gradient of the wrong shape");
}

/// The gradient of a broadcast operand without the sum over its broadcast axes.
#[test]
fn broadcast_without_its_sum() {
    let op = Op2::new(|x, y| x * y, |x, y, g| Ok((Some(y.mul(g)?), Some(x.mul(g)?))));
    let right = |x: &[Tensor]| op.apply(&x[0], &x[1].broadcast_as(x[0].shape())?);
    gradcheck(right, &[numbers(&[2, 3]), numbers(&[3])]).unwrap();
    let unsummed = Op1::new(|x| x, |_, _, g| Tensor::cat(&[g, g], 0).map(Some));
    wrong(|x| unsummed.apply(&x[0]), &[numbers(&[3])], "gradient of the wrong shape");
}

#[test]
fn wrong_dtype() {
    torch_says("wrong_dtype", ["passes", "passes"]); // It casts the gradient silently.
    let f = cube_giving(|x, g| cube_gradient(x, g)?.to_dtype(DType::F32));
    wrong(f, &x(), "gradient of the wrong dtype");
}

#[test]
fn upstream_ignored() {
    torch_says("upstream_ignored", ["fails", "fails"]);
    wrong(cube_giving(|x, _| x.sqr()? * 3.0), &x(), "backward ignores the upstream gradient");
}

#[test]
fn constant_added() {
    torch_says("constant_added", ["fails", "fails"]);
    wrong(
        cube_giving(|x, g| cube_gradient(x, g)? + 0.1),
        &x(),
        "backward adds something to the upstream gradient",
    );
    let report = failed(&GradCheck::new(), cube_giving(|x, g| cube_gradient(x, g)? + 0.1), &x());
    assert!(
        report.failures.iter().any(|f| f.to_string().contains("every entry is off by 0.100000")),
        "{report}"
    );
}

#[test]
fn not_linear() {
    torch_says("not_linear", ["passes", "fails"]); // Upstream gradients of 1 are their own squares.
    let f = cube_giving(|x, g| cube_gradient(x, &(g * g.abs()?)?));
    wrong(f, &x(), "backward is not linear in the upstream gradient");
}

/// A backward that uses the values of the first or of the latest call instead of its own.
#[test]
fn stale_value() {
    torch_says("stale_first", ["passes", "passes"]); // It calls the function nowhere else before.
    torch_says("stale_latest", ["passes", "passes"]);
    let keep = |latest: bool| {
        let kept = Arc::new(Mutex::new(None::<Tensor>));
        move |x: &[Tensor]| {
            let mut guard = kept.lock().unwrap();
            if latest || guard.is_none() {
                *guard = Some(x[0].detach());
            }
            drop(guard);
            let kept = Arc::clone(&kept);
            let stale = move |_: &Tensor, _: &Tensor, g: &Tensor| {
                let x = kept.lock().unwrap().clone().unwrap();
                cube_gradient(&x, g).map(Some)
            };
            Op1::new(cube, stale).apply(&x[0])
        }
    };
    for latest in [false, true] {
        for mode in [Mode::Slow, Mode::Fast] {
            // The decoy lies at 0.75 x, where the derivative is 0.75^2 of what it is here.
            let report = failed(&GradCheck::new().mode(mode), keep(latest), &x());
            let text = report.failures[0].to_string();
            assert!(text.contains("off by a factor of 0.562500"), "latest {latest}: {text}");
        }
    }
}

#[test]
fn random_backward() {
    torch_says("random_backward", ["fails", "fails"]);
    let calls = AtomicU32::new(0);
    let f = cube_giving(move |x, g| {
        let jitter = f64::from(calls.fetch_add(1, Ordering::Relaxed) % 7) * 1e-9;
        cube_gradient(x, g)? * (1.0 + jitter)
    });
    let report = wrong(&f, &x(), "backward is not deterministic");
    assert_eq!(report.failures.len(), 1, "{report}");
    GradCheck::new().nondeterminism(1e-6).check(&f, &x()).unwrap();
}

#[test]
fn random_forward() {
    torch_says("random_forward", ["fails", "fails"]);
    let calls = AtomicU32::new(0);
    let f = move |x: &[Tensor]| x[0].affine(1.0, f64::from(calls.fetch_add(1, Ordering::Relaxed) % 2) * 1e-3);
    wrong(f, &x(), "forward is not deterministic");
}

/// A backward that reads the storage of x as if it were contiguous: right only if it is.
#[test]
fn right_only_for_contiguous_inputs() {
    torch_says("careless_contiguous", ["passes", "passes"]);
    torch_says("careless_transposed", ["fails", "fails"]);
    let f = cube_giving(|x, g| {
        let (storage, layout): (_, &Layout) = x.storage_and_layout();
        let Storage::Cpu(CpuStorage::F64(all)) = &*storage else { bail!("f64 on the CPU") };
        let start = layout.start_offset();
        let careless: Vec<f64> = all[start..].iter().chain(all).take(x.elem_count()).copied().collect();
        drop(storage);
        cube_gradient(&Tensor::from_vec(careless, x.shape(), &Device::Cpu)?, g)
    });
    let inputs = numbers(&[2, 3]);
    GradCheck::new().contexts(&[]).check(&f, std::slice::from_ref(&inputs)).unwrap();
    wrong(&f, std::slice::from_ref(&inputs), "if the inputs are strided");
    let transposed = numbers(&[3, 2]).t().unwrap();
    wrong(&f, &[transposed], "derivatives differ");
    // The gaps hold NaN, which shows in whatever reads them.
    wrong(&f, &[strided(&inputs).unwrap()], "backward gives NaN");
}

/// If the forward depends on the layout, the derivative is that of another function.
#[test]
fn forward_that_depends_on_the_layout() {
    let f = |x: &[Tensor]| x[0].affine(if x[0].is_contiguous() { 1.0 } else { 2.0 }, 0.0);
    GradCheck::new().contexts(&[]).check(f, &[numbers(&[2, 3])]).unwrap();
    wrong(f, &[numbers(&[2, 3])], "forward depends on the memory layout");
    wrong(f, &[numbers(&[2, 3]).t().unwrap()], "forward depends on the memory layout");
    // A bug of Candle 0.11.1: conv1d copies a kernel that is not contiguous, but then uses the original.
    let conv = |x: &[Tensor]| x[0].conv1d(&x[1], 0, 1, 1, 1);
    wrong(
        conv,
        &[numbers(&[1, 2, 4]), strided(&numbers(&[1, 2, 3])).unwrap()],
        "forward depends on the memory layout",
    );
}

#[test]
fn function_that_is_not_defined_there() {
    wrong(|x| x[0].log(), &[vector(&[-1.0, 2.0])], "is the function defined there?");
}

#[test]
fn right_only_for_an_upstream_gradient_of_ones() {
    torch_says("ones_only", ["fails", "fails"]);
    let f = cube_giving(|x, g| (x.sqr()? * 3.0)?.broadcast_mul(&g.mean_all()?));
    wrong(f, &x(), "right for an upstream gradient of ones only");
}

#[test]
fn nan_in_one_entry() {
    torch_says("nan_entry", ["fails", "fails"]);
    let f = cube_giving(|x, g| cube_gradient(x, g)? + vector(&[0.0, f64::NAN, 0.0, 0.0]));
    wrong(f, &x(), "backward gives NaN where the derivative is finite");
    let f = cube_giving(|x, g| cube_gradient(x, g)? * vector(&[1.0, 1.0, f64::INFINITY, 1.0]));
    wrong(f, &x(), "where the derivative is finite");
}
