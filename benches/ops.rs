//! The throughput of every operation next to Candle's native one, forward and forward + backward, in elements/s.
//!
//! `cargo bench --bench ops`; a part of it with `cargo bench --bench ops -- 'cos/forward'`; on a GPU with
//! `--features cuda`. README.md says what the figures mean.

// A bench that cannot go on should stop.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use candle_core::{Result, Tensor, Var};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use taper::ops;

use common::Place;

/// An operation of two operands; the unary cosine ignores the second.
type Operation = fn(&Tensor, &Tensor) -> Result<Tensor>;

/// Each operation as it is here and in Candle.
const OPERATIONS: [(&str, Operation, Operation); 3] = [
    ("mul", ops::mul, Tensor::mul),
    ("maximum", ops::maximum, |x, y| x.maximum(y)),
    ("cos", |x, _| ops::cos(x), |x, _| x.cos()),
];

const SIZES: [u32; 4] = [12, 16, 20, 24];

fn benches(c: &mut Criterion) {
    let place = Place::from_env();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for log_size in SIZES {
        let len = 1usize << log_size;
        let mut operand = || {
            let values: Vec<f32> = StandardNormal.sample_iter(&mut rng).take(len).collect();
            Var::from_vec(values, len, &place.device).unwrap()
        };
        let (x, y) = (operand(), operand());
        for (name, ours, theirs) in OPERATIONS {
            check(name, &x, &y, ours, theirs);
            for (who, operation) in [("taper", ours), ("candle", theirs)] {
                let mut forward = c.benchmark_group(place.group(&format!("{name}/forward")));
                forward.throughput(Throughput::Elements(len as u64)).sample_size(20);
                // Without a graph, as in inference.
                let (x, y) = (x.as_detached_tensor(), y.as_detached_tensor());
                forward.bench_function(BenchmarkId::new(who, format!("2^{log_size}")), |b| {
                    b.iter_custom(|n| place.time(n, || operation(&x, &y).unwrap()));
                });
            }
            for (who, operation) in [("taper", ours), ("candle", theirs)] {
                let mut both = c.benchmark_group(place.group(&format!("{name}/forward+backward")));
                both.throughput(Throughput::Elements(len as u64)).sample_size(20);
                both.bench_function(BenchmarkId::new(who, format!("2^{log_size}")), |b| {
                    b.iter_custom(|n| place.time(n, || operation(&x, &y).unwrap().backward().unwrap()));
                });
            }
        }
    }
}

/// Panics unless both operations have the same values and gradients, up to rounding.
fn check(name: &str, x: &Var, y: &Var, ours: Operation, theirs: Operation) {
    let (a, b) = (ours(x, y).unwrap(), theirs(x, y).unwrap());
    assert_close(name, &a, &b);
    let (ours, theirs) = (a.backward().unwrap(), b.backward().unwrap());
    for var in [x, y] {
        match (ours.get(var), theirs.get(var)) {
            (Some(ours), Some(theirs)) => assert_close(name, ours, theirs),
            (ours, theirs) => assert!(ours.is_none() && theirs.is_none(), "{name}: only one has a gradient"),
        }
    }
}

/// Compares on the CPU, so that no kernel of a device vouches for another.
fn assert_close(name: &str, a: &Tensor, b: &Tensor) {
    assert_eq!(a.shape(), b.shape(), "{name}");
    let (a, b) = (a.to_vec1::<f32>().unwrap(), b.to_vec1::<f32>().unwrap());
    for (i, (a, b)) in a.iter().zip(&b).enumerate() {
        // NaN is not within any bound.
        assert!((a - b).abs() <= 1e-6, "{name}: the results differ at {i}: {a} and {b}");
    }
}

criterion_group!(all, benches);
criterion_main!(all);
