//! Fast mode: what it finds for every seed, and what it overlooks by design, as its documentation says.

use crate::checker::{
    Op1, cube_giving, cube_giving_boxed, cube_gradient, failed, numbers, torch_says, vector,
};
use candle_core::{Result, Tensor};
use taper::gradcheck::{Error, GradCheck, Mode, gradcheck};

fn fast(seed: u64) -> GradCheck {
    GradCheck::new().mode(Mode::Fast).seed(seed)
}

/// The verdicts of fast mode do not depend on luck: they are the same for a hundred seeds.
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

/// An elementwise function with derivatives of 1 and -1 in turn, and a backward that is off by a factor.
fn alternating(n: usize, factor: f64) -> impl Fn(&[Tensor]) -> Result<Tensor> {
    let signs: Vec<f64> = (0..n).map(|i| if i * i % 7 < 3 { 1.0 } else { -1.0 }).collect();
    let (signs, op) = (vector(&signs), Op1::new(|x| x, move |_, _, g| (g * factor).map(Some)));
    move |x| op.apply(&x[0].mul(&signs)?)
}

fn is_caught(check: &GradCheck, f: impl Fn(&[Tensor]) -> Result<Tensor>, inputs: &[Tensor]) -> bool {
    match check.check(f, inputs) {
        Ok(_) => false,
        Err(Error::Failed(_)) => true,
        Err(error) => panic!("{error}"),
    }
}

/// Derivatives of both signs cancel out in a projection, and still an error of a tenth is found for every
/// seed. n is too large for slow mode, so that fast mode alone decides.
#[test]
fn derivatives_of_both_signs_do_not_hide_an_error() {
    let n = 3200;
    let inputs = [numbers(&[n])];
    let (right, wrong) = (alternating(n, 1.0), alternating(n, 1.1));
    for seed in 0..12 {
        assert!(is_caught(&fast(seed), &wrong, &inputs), "seed {seed}");
        assert!(!is_caught(&fast(seed), &right, &inputs), "seed {seed}: false alarm");
    }
    // Where slow mode runs as well, it names the factor.
    let report = failed(&fast(0), alternating(1000, 1.1), &[numbers(&[1000])]);
    assert!(report.failures[0].to_string().contains("off by a factor of 1.1"), "{report}");
    // A larger one, with a smaller error.
    let n = 30_000;
    assert!(is_caught(&fast(0), alternating(n, 1.03), &[numbers(&[n])]));
}

/// The documented bounds: errors in all n entries of an elementwise function are found above about sqrt(n)
/// atol, and an error in a single entry above about n atol.
#[test]
fn what_is_overlooked_is_documented() {
    let caught = |n: usize, errors: &dyn Fn(usize) -> f64| {
        let errors = vector(&(0..n).map(errors).collect::<Vec<_>>());
        let op = Op1::new(|x| x, move |_, _, g| (g + (g * &errors)?).map(Some));
        let inputs = [numbers(&[n])];
        (0..3).filter(|&seed| is_caught(&fast(seed), |x| op.apply(&x[0]), &inputs)).count()
    };
    let (n, atol) = (3200, 1e-5);
    let size = f64::from(n as u32);
    let everywhere = |times: f64| {
        let error = times * size.sqrt() * atol;
        caught(n, &|i| if i * i % 7 < 3 { error } else { -error })
    };
    let single = |times: f64| caught(n, &|i| if i == 7 { times * size * atol } else { 0.0 });
    let (all, one) = ([0.1, 300.0].map(everywhere), [0.1, 300.0].map(single));
    println!("caught of 3: errors everywhere {all:?}, in one entry {one:?}");
    assert_eq!((all, one), ([0, 3], [0, 3]));
}

/// PyTorch's fast mode passes this, as its tolerance grows with the number of entries. Here only a smaller
/// error is overlooked.
#[test]
fn fast_mode_overlooks_one_small_error_among_many() {
    torch_says("one_small_error", ["fails", "passes"]);
    let n = 40;
    let with_error = |error: f64| {
        let mut extra = vec![0.0; n];
        extra[7] = error;
        let extra = vector(&extra);
        cube_giving(move |x, g| cube_gradient(x, g)? + (g * &extra)?)
    };
    let inputs = [numbers(&[n])];
    fast(0).check(with_error(2e-4), &inputs).unwrap();
    for f in [with_error(5e-3), with_error(2e-4)] {
        let report = failed(&GradCheck::new().rtol(1e-5), &f, &inputs);
        assert!(
            report.failures[0].to_string().contains("derivatives differ in 1 of 1600 entries"),
            "{report}"
        );
    }
    assert!(is_caught(&fast(0), with_error(5e-3), &inputs));
}

/// Near a pole, beside a large constant, over many orders of magnitude: too large for slow mode to decide.
#[test]
fn right_ones_pass_without_slow_mode() {
    let n = 3200;
    for seed in 0..5 {
        let check = fast(seed);
        check.check(|x| x[0].affine(1e8, 0.0), &[numbers(&[n])]).unwrap();
        check.check(|x| x[0].exp()?.affine(30.0, 1e4), &[numbers(&[n])]).unwrap();
        check.check(|x| x[0].sqr(), &[numbers(&[n]).affine(1e5, 0.0).unwrap()]).unwrap();
        check.check(|x| x[0].sin()?.sqr()?.sum_all()?.broadcast_mul(&x[0]), &[numbers(&[n])]).unwrap();
    }
    gradcheck(|x| x[0].affine(1e8, 0.0), &[numbers(&[4])]).unwrap();
}
