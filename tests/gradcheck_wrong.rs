//! Deliberately wrong derivatives: each must be caught, in both modes, and called by its name.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod checker;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use candle_core::{CpuStorage, DType, Device, Layout, Result, Storage, Tensor, bail};
use checker::{Op1, Op2, cube, cube_gradient, numbers, torch_says, vector};
use taper::gradcheck::{Error, Failure, GradCheck, Mode, Outputs, Report, gradcheck, strided};

/// The report of a check that must fail.
fn failed<O: Into<Outputs>>(
    check: &GradCheck,
    f: impl Fn(&[Tensor]) -> Result<O>,
    inputs: &[Tensor],
) -> Report {
    match check.check(f, inputs) {
        Err(Error::Failed(report)) => *report,
        other => panic!("not caught: {other:?}"),
    }
}

/// Both modes fail with this first message.
fn wrong<O: Into<Outputs>>(f: impl Fn(&[Tensor]) -> Result<O>, inputs: &[Tensor], message: &str) -> Report {
    let [fast, slow] = [Mode::Fast, Mode::Slow].map(|mode| failed(&GradCheck::new().mode(mode), &f, inputs));
    for report in [&fast, &slow] {
        let text = report.failures[0].to_string();
        assert!(text.contains(message), "wanted {message:?}, got {text:?}");
        assert!(report.to_string().starts_with("gradcheck failed"));
    }
    slow
}

/// A cube with another backward.
fn cube_with(
    backward: impl Fn(&Tensor, &Tensor) -> Result<Option<Tensor>> + Send + Sync + 'static,
) -> impl Fn(&[Tensor]) -> Result<Tensor> {
    let op = Op1::new(cube, move |x, _, upstream| backward(x, upstream));
    move |x| op.apply(&x[0])
}

/// The same, where the wrong backward is a tensor.
fn cube_giving(
    backward: impl Fn(&Tensor, &Tensor) -> Result<Tensor> + Send + Sync + 'static,
) -> impl Fn(&[Tensor]) -> Result<Tensor> {
    cube_with(move |x, upstream| backward(x, upstream).map(Some))
}

type Function = Box<dyn Fn(&[Tensor]) -> Result<Tensor>>;

/// The same, for lists of several.
fn cube_giving_boxed(
    backward: impl Fn(&Tensor, &Tensor) -> Result<Tensor> + Send + Sync + 'static,
) -> Function {
    Box::new(cube_giving(backward))
}

fn x() -> [Tensor; 1] {
    [vector(&[0.5, -1.5, 2.0, 0.8])]
}

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

/// Candle 0.11.1's own: the backward of `upsample_nearest*` overwrites what the other use of x has added.
#[test]
fn overwritten_instead_of_accumulated() {
    torch_says("overwritten", ["fails", "fails"]);
    let inputs = [numbers(&[1, 2, 3])];
    let twice = |x: &[Tensor]| x[0].sqr()?.sum_all()? + x[0].upsample_nearest1d(6)?.sum_all()?;
    let other_order = |x: &[Tensor]| x[0].upsample_nearest1d(6)?.sum_all()? + x[0].sqr()?.sum_all()?;
    let differ = |report: Report| report.failures.iter().any(|f| matches!(f, Failure::Mismatch { .. }));
    assert!(!differ(failed(&GradCheck::new(), twice, &inputs)));
    assert!(differ(failed(&GradCheck::new(), other_order, &inputs)));
    // One use is enough for the checker, which adds the other itself.
    wrong(|x| x[0].upsample_nearest1d(6), &inputs, "backward overwrites instead of accumulating");
}

#[test]
fn wrong_shape() {
    torch_says("wrong_shape", ["error", "error"]);
    wrong(cube_giving(|x, g| cube_gradient(x, g)?.sum_all()), &x(), "gradient of the wrong shape");
    wrong(cube_giving(|x, g| cube_gradient(x, g)?.unsqueeze(0)), &x(), "gradient of the wrong shape");
}

/// The gradient of a broadcast operand without the sum over what it was broadcast to.
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

/// The values of the first call ever, and those of the latest call, instead of its own.
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

/// Takes the storage of x for contiguous: right where it is.
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
    gradcheck(&f, std::slice::from_ref(&inputs)).unwrap();
    let transposed = numbers(&[3, 2]).t().unwrap();
    wrong(&f, &[transposed], "derivatives differ");
    // Behind gaps lies NaN, and whoever reads it shows it.
    wrong(&f, &[strided(&inputs).unwrap()], "backward gives NaN");
}

/// The derivative is that of another function where the forward goes by the layout.
#[test]
fn forward_that_depends_on_the_layout() {
    let f = |x: &[Tensor]| x[0].affine(if x[0].is_contiguous() { 1.0 } else { 2.0 }, 0.0);
    gradcheck(f, &[numbers(&[2, 3])]).unwrap();
    wrong(f, &[numbers(&[2, 3]).t().unwrap()], "forward depends on the memory layout");
    // Candle 0.11.1's own: conv1d copies a kernel that is not contiguous, and then uses the original.
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
    // However small the derivative: it is the exact zero of independence that it is told from.
    wrong(|x| x[0].detach().affine(1e-9, 0.0), &x(), "severed graph");
    // One path of two: the rest of the gradient arrives, so it is a wrong one.
    wrong(|x| x[0].sqr()? + x[0].detach(), &x(), "derivatives differ in 4 of 16 entries");
}

/// None for an operand that is an input, and for one that is not, on which Candle panics.
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

/// At a tie the report says that there is one, and how near it thinks it is.
#[test]
fn ties_are_pointed_out() {
    torch_says("tie", ["fails", "fails"]);
    torch_says("near_tie", ["fails", "fails"]);
    let tie = wrong(|x| x[0].relu(), &[vector(&[1.0, 0.0])], "at (nearer than 2.4e-10 to)");
    assert!(tie.failures[0].to_string().contains("0.000000e0 to the left and 1.000000e0 to the right"));
    let near = [vector(&[1.0, -4e-7])];
    wrong(|x| x[0].relu(), &near, "within 5.0e-7 of one where the function is not differentiable");
    // Curvature alone is none: here the differences to the left and to the right are a tenth apart.
    let half = Op1::new(|x| 1e3 * x * x, |x, _, g| x.affine(1e3, 0.0)?.mul(g).map(Some));
    let bowl = wrong(move |x| half.apply(&x[0]), &[vector(&[1e-5])], "off by a factor of 0.500000");
    assert!(!bowl.failures[0].to_string().contains("not differentiable"), "{bowl}");
    let ties = [vector(&[1.0, 2.0]), vector(&[1.0, 2.0 + 1e-7])];
    wrong(|x| x[0].sub(&x[1])?.abs(), &ties, "not differentiable");
}

/// What fast mode cannot see by design: one entry of 1,600 that is off by less than its share of what all
/// may be off by together.
#[test]
fn fast_mode_overlooks_one_small_error_among_many() {
    torch_says("one_small_error", ["fails", "passes"]);
    let n = 40;
    let mut extra = vec![0.0; n];
    extra[7] = 5e-3;
    let extra = vector(&extra);
    let f = cube_giving(move |x, g| cube_gradient(x, g)? + (g * &extra)?);
    let inputs = [numbers(&[n])];
    GradCheck::new().mode(Mode::Fast).check(&f, &inputs).unwrap();
    let report = failed(&GradCheck::new(), &f, &inputs);
    assert!(report.failures[0].to_string().contains("derivatives differ in 1 of 1600 entries"), "{report}");
}

/// The verdicts of fast mode are no matter of luck: they are the same for a hundred seeds.
#[test]
fn fast_mode_is_right_for_every_seed() {
    let inputs = [numbers(&[3, 4])];
    let right = cube_giving(cube_gradient);
    let wrong = [
        cube_giving_boxed(|x, g| cube_gradient(x, g)?.neg()),
        cube_giving_boxed(|x, g| cube_gradient(x, g)? * 1.01),
        cube_giving_boxed(|x, g| cube_gradient(x, g)? * numbers(&[3, 4]).abs()?.affine(0.5, 1.0)?),
        cube_giving_boxed(|x, g| (x.sqr()? * 3.0)?.broadcast_mul(&g.mean_all()?)),
        cube_giving_boxed(|x, g| cube_gradient(x, g)?.flip(&[0])),
    ];
    for seed in 0..100 {
        let fast = GradCheck::new().mode(Mode::Fast).seed(seed);
        fast.check(&right, &inputs).unwrap();
        for f in &wrong {
            failed(&fast, f, &inputs);
        }
    }
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
