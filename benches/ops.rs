//! The throughput of every operation next to Candle's native one and to a plain copy of as many bytes:
//! forward and forward + backward, in other layouts, and in other dtypes.
//!
//! `cargo bench --bench ops`; a part of it with `cargo bench --bench ops -- 'cos/forward'`; on a GPU with
//! `--features cuda`. README.md says what the figures mean.

// A bench that cannot continue should stop.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, missing_docs)]

mod common;
#[path = "common/versus.rs"]
mod versus;

use candle_core::{DType, Result, Tensor, Var};
use criterion::Criterion;
use mimalloc::MiMalloc;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use taper::ops;

use common::Place;
use versus::{Case, Runner};

/// The C library gives the memory of large tensors back to the system, and the bench would measure page
/// faults.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// An operation of two operands; the unary cosine ignores the second.
type Operation = fn(&Tensor, &Tensor) -> Result<Tensor>;

/// Each operation as it is here and in Candle, and how many tensors it reads and writes.
const OPERATIONS: [(&str, Operation, Operation, usize); 3] = [
    ("mul", ops::mul, Tensor::mul, 3),
    ("maximum", ops::maximum, |x, y| x.maximum(y), 3),
    ("cos", |x, _| ops::cos(x), |x, _| x.cos(), 2),
];

const SIZES: [u32; 4] = [12, 16, 20, 24];

/// The rows and columns of the matrices.
const SIDE: usize = 2048;

fn main() {
    let mut runner = Runner::new(Place::from_env(), Criterion::default().configure_from_args());
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    vectors(&mut runner, &mut rng);
    layouts(&mut runner, &mut rng);
    dtypes(&mut runner, &mut rng);
    softmaxes(&mut runner, &mut rng);
    runner.finish();
}

/// Contiguous vectors of f32, forward and forward + backward.
fn vectors(runner: &mut Runner, rng: &mut ChaCha8Rng) {
    for log_size in SIZES {
        let len = 1 << log_size;
        let mut operand = || Var::from_tensor(&operand(runner.place(), rng, &[len], DType::F32)).unwrap();
        let (x, y) = (operand(), operand());
        for (name, ours, theirs, tensors) in OPERATIONS {
            check(name, &x, &y, ours, theirs);
            let size = format!("2^{log_size}");
            // Without a graph, as in inference.
            let (a, b) = (x.as_detached_tensor(), y.as_detached_tensor());
            let case = Case { group: format!("{name}/forward"), size: size.clone(), len, bytes: 4 * tensors };
            runner.run(&case, || ours(&a, &b).unwrap(), || theirs(&a, &b).unwrap());
            let case = Case { group: format!("{name}/forward+backward"), size, len, bytes: 0 };
            runner.run(
                &case,
                || ours(&x, &y).unwrap().backward().unwrap(),
                || theirs(&x, &y).unwrap().backward().unwrap(),
            );
        }
    }
}

/// A matrix times one that lies otherwise.
fn layouts(runner: &mut Runner, rng: &mut ChaCha8Rng) {
    let mut operand = |dims: &[usize]| operand(runner.place(), rng, dims, DType::F32);
    let square = (SIDE, SIDE);
    let x = operand(&[SIDE, SIDE]);
    // What has to be read of a broadcast operand is next to nothing.
    let others = [
        ("transposed", operand(&[SIDE, SIDE]).t().unwrap(), 12),
        ("row", operand(&[1, SIDE]).broadcast_as(square).unwrap(), 8),
        ("column", operand(&[SIDE, 1]).broadcast_as(square).unwrap(), 8),
        ("scalar", operand(&[1, 1]).broadcast_as(square).unwrap(), 8),
    ];
    for (name, y, bytes) in others {
        assert_close(name, &ops::mul(&x, &y).unwrap(), &x.mul(&y).unwrap());
        let case = Case { group: format!("mul/{name}"), size: "2048x2048".into(), len: SIDE * SIDE, bytes };
        runner.run(&case, || ops::mul(&x, &y).unwrap(), || x.mul(&y).unwrap());
    }
}

/// Softmax of rows and of columns beside Candle's, which is one operation only where it has no backward.
fn softmaxes(runner: &mut Runner, rng: &mut ChaCha8Rng) {
    const COLUMNS: usize = 256;
    let theirs = candle_nn::ops::softmax::<usize>;
    for log_size in [12, 16, 20, 22] {
        let (len, size) = (1 << log_size, format!("2^{log_size}"));
        let dims = [len / COLUMNS, COLUMNS];
        let x = Var::from_tensor(&operand(runner.place(), rng, &dims, DType::F32)).unwrap();
        let weight = operand(runner.place(), rng, &dims, DType::F32);
        let case = |group: &str, bytes| Case { group: group.into(), size: size.clone(), len, bytes };
        let a = x.as_detached_tensor();
        let fused = candle_nn::ops::softmax_last_dim;
        assert_close("softmax_last_dim", &ops::softmax_last_dim(&a).unwrap(), &fused(&a).unwrap());
        let last = case("softmax_last_dim/forward", 8);
        runner.run(&last, || ops::softmax_last_dim(&a).unwrap(), || fused(&a).unwrap());
        for (name, dim) in [("softmax(0)", 0), ("softmax(1)", 1)] {
            assert_close(name, &ops::softmax(&a, dim).unwrap(), &theirs(&a, dim).unwrap());
            let forward = case(&format!("{name}/forward"), 8);
            runner.run(&forward, || ops::softmax(&a, dim).unwrap(), || theirs(&a, dim).unwrap());
            // Of a weighted sum, since that of all is constant.
            let backward = |z: Tensor| (z * &weight).unwrap().backward().unwrap();
            let both = case(&format!("{name}/forward+backward"), 0);
            let (ours, candles) = (|| ops::softmax(&x, dim).unwrap(), || theirs(&x, dim).unwrap());
            let grads = [backward(ours()), backward(candles())];
            assert_close(name, grads[0].get(&x).unwrap(), grads[1].get(&x).unwrap());
            runner.run(&both, || backward(ours()), || backward(candles()));
        }
        let theirs = candle_nn::ops::log_softmax::<usize>;
        assert_close("log_softmax", &ops::log_softmax(&a, 1).unwrap(), &theirs(&a, 1).unwrap());
        let forward = case("log_softmax(1)/forward", 8);
        runner.run(&forward, || ops::log_softmax(&a, 1).unwrap(), || theirs(&a, 1).unwrap());
    }
}

/// The dtypes other than f32, forward.
fn dtypes(runner: &mut Runner, rng: &mut ChaCha8Rng) {
    let len = 1 << 20;
    for (dtype, name) in [(DType::F64, "f64"), (DType::F16, "f16"), (DType::BF16, "bf16")] {
        let mut operand = || operand(runner.place(), rng, &[len], dtype);
        let (x, y) = (operand(), operand());
        for (op, ours, theirs, tensors) in OPERATIONS {
            assert_close(op, &ours(&x, &y).unwrap(), &theirs(&x, &y).unwrap());
            let bytes = dtype.size_in_bytes() * tensors;
            let case = Case { group: format!("{op}/{name}"), size: "2^20".into(), len, bytes };
            runner.run(&case, || ours(&x, &y).unwrap(), || theirs(&x, &y).unwrap());
        }
    }
}

/// Normally distributed numbers.
fn operand(place: &Place, rng: &mut ChaCha8Rng, dims: &[usize], dtype: DType) -> Tensor {
    let values: Vec<f32> = StandardNormal.sample_iter(rng).take(dims.iter().product()).collect();
    Tensor::from_vec(values, dims, &place.device).unwrap().to_dtype(dtype).unwrap()
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
    assert_eq!((a.shape(), a.dtype()), (b.shape(), b.dtype()), "{name}");
    // A few units in the last place of 1.
    let tolerance = match a.dtype() {
        DType::F16 => 1e-3,
        DType::BF16 => 8e-3,
        DType::F32 => 1e-6,
        _ => 1e-15,
    };
    let values =
        |x: &Tensor| x.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1::<f64>().unwrap();
    for (i, (a, b)) in values(a).iter().zip(&values(b)).enumerate() {
        // NaN is not within any bound.
        assert!(
            (a - b).abs() <= tolerance * (1. + a.abs()),
            "{name}: the results differ at {i}: {a} and {b}"
        );
    }
}
