//! Backward passes that are wrong for upstream gradients of some magnitude or sign, which one-hot ones do not
//! show.

use crate::checker::{Function, cube_giving_boxed, cube_gradient, vector, wrong, x};
use candle_core::{DType, Result, Tensor};
use taper::gradcheck::{DTypePolicy, Error, Failure, GradCheck, Mode};

/// A cube whose backward does this to the upstream gradient.
fn upstream_through(f: impl Fn(&Tensor) -> Result<Tensor> + Send + Sync + 'static) -> Function {
    cube_giving_boxed(move |x, g| cube_gradient(x, &f(g)?))
}

/// g where |g| satisfies `keep`, and 0 elsewhere.
fn kept(g: &Tensor, keep: impl Fn(f64) -> bool) -> Result<Tensor> {
    let values = g.flatten_all()?.to_vec1::<f64>()?;
    let mask: Vec<f64> = values.iter().map(|g| f64::from(u8::from(keep(g.abs())))).collect();
    g * Tensor::from_vec(mask, g.shape(), g.device())?
}

#[test]
fn small_upstream_gradients_must_not_be_flushed() {
    for limit in [0.3, 1e-1, 1e-2, 1e-4, 1e-6] {
        let f = upstream_through(move |g| kept(g, |g| g >= limit));
        let report = wrong(f, &x(), "not linear in the upstream gradient");
        let Failure::NotLinear { scale, .. } = report.failures[0] else { panic!("{report}") };
        assert!(scale.abs() < 1.0, "{limit}: {report}");
    }
}

#[test]
fn large_upstream_gradients_must_not_be_clipped() {
    for limit in [1.0, 10.0, 1e3, 1e6, 2e6, 1e9, 1e11] {
        let clipped = upstream_through(move |g| g.clamp(-limit, limit));
        wrong(clipped, &x(), "not linear in the upstream gradient");
        let dropped = upstream_through(move |g| kept(g, |g| g <= limit));
        wrong(dropped, &x(), "not linear in the upstream gradient");
    }
}

/// In f64 nothing overflows at these magnitudes, so what is not finite is wrong.
#[test]
fn large_upstream_gradients_must_not_become_infinite() {
    for bad in [f64::INFINITY, f64::NAN] {
        let f = upstream_through(move |g| {
            let is_large = g.abs()?.max_all()?.to_scalar::<f64>()? > 1e9;
            if is_large { g * bad } else { Ok(g.clone()) }
        });
        let report = wrong(f, &x(), "not linear in the upstream gradient");
        assert!(
            matches!(report.failures[0], Failure::NotLinear { scale, .. } if scale.abs() > 1e9),
            "{report}"
        );
    }
}

/// Of either sign, for an output of one element as for many.
#[test]
fn either_sign_counts() {
    let (positive, negative) = (|g: &Tensor| g.relu(), |g: &Tensor| g.neg()?.relu()?.neg());
    let above = |g: &Tensor| g.clamp(-5.0, f64::INFINITY);
    let below = |g: &Tensor| g.clamp(f64::NEG_INFINITY, 5.0);
    let functions = || {
        [
            upstream_through(positive),
            upstream_through(negative),
            upstream_through(above),
            upstream_through(below),
        ]
    };
    for inputs in [x(), [vector(&[-1.5])]] {
        for mode in [Mode::Slow, Mode::Fast] {
            for (index, f) in functions().iter().enumerate() {
                let result = GradCheck::new().mode(mode).check(f, &inputs);
                assert!(matches!(result, Err(Error::Failed(_))), "{mode}: function {index}: {result:?}");
            }
        }
    }
}

/// Right for every one-hot upstream gradient, of any magnitude, and for no other.
#[test]
fn right_for_one_hot_upstream_gradients_only() {
    let f = upstream_through(|g| {
        let values = g.to_vec1::<f64>()?;
        let count = values.iter().filter(|&&g| g != 0.0).count().max(1);
        g / count as f64
    });
    // All random upstream gradients have the same count, so that they agree with each other.
    wrong(f, &x(), "not linear in the upstream gradient");
}

/// No magnitude raises a false alarm, in any dtype.
#[test]
fn linear_ones_pass() {
    let loose = GradCheck::new().dtypes(DTypePolicy::Loosen);
    for dtype in [DType::F64, DType::F32, DType::BF16, DType::F16] {
        let x = x()[0].to_dtype(dtype).unwrap();
        for mode in [Mode::Slow, Mode::Fast] {
            for seed in 0..10 {
                let check = loose.clone().mode(mode).seed(seed);
                check.check(|x| x[0].tanh()?.affine(3.0, 0.0), std::slice::from_ref(&x)).unwrap();
                check.check(|x| x[0].sum_all(), std::slice::from_ref(&x)).unwrap();
            }
        }
    }
}
