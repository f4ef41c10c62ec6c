//! Prediction of many rows at all depths, next to plain Candle and to the matrix products alone.
//!
//! `cargo bench --bench prediction`. README.md says what the figures mean.

// A bench that cannot continue should stop.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

#[path = "common/gemm.rs"]
mod by_gemm;
#[path = "common/one_thread.rs"]
mod one_thread;

use std::num::NonZeroUsize;

use candle_core::{DType, Device, Module, Result, Tensor};
use candle_nn::{Linear, VarMap};
use criterion::{BenchmarkId, Criterion, Throughput};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use taper::config::ModelConfig;
use taper::nn::{DynamicNet, Layer, seeded_builder};
use taper::plan::Predictor;
use taper::random::{Stream, generator};

const FEATURES: usize = 64;

/// The rows that plain Candle predicts at a time, and those of the products alone. Of 256 to 16384 rows the
/// most were the fastest for both, by 5 %, where the last cache has 32 MiB.
const BLOCK: usize = 16384;

fn main() {
    one_thread::demand();
    let mut criterion = Criterion::default().configure_from_args();
    benches(&mut criterion);
    criterion.final_summary();
}

fn benches(c: &mut Criterion) {
    let vb = seeded_builder(&VarMap::new(), generator(1, Stream::Init, 0), DType::F32, &Device::Cpu);
    let net = DynamicNet::new(&ModelConfig::default().network(FEATURES, 1), vb).unwrap();
    let predictor = Predictor::new(&net).unwrap();
    let plain = Plain::new(&net);
    for log_rows in [14, 18, 20] {
        let rows = 1usize << log_rows;
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let x: Vec<f32> = StandardNormal.sample_iter(&mut rng).take(rows * FEATURES).collect();
        let x = Tensor::from_vec(x, (rows, FEATURES), &Device::Cpu).unwrap();
        check(&predictor, &plain, &x);

        let mut group = c.benchmark_group("predict");
        let bytes = (rows * FEATURES * size_of::<f32>()) as u64;
        group.throughput(Throughput::ElementsAndBytes { elements: rows as u64, bytes }).sample_size(20);
        let size = format!("2^{log_rows}");
        for threads in [1, 2] {
            let predictor = predictor.clone().with_threads(NonZeroUsize::new(threads).unwrap());
            let id = BenchmarkId::new(format!("taper, threads: {threads}"), &size);
            group.bench_function(id, |b| b.iter(|| predictor.predict(&x).unwrap()));
        }
        group.bench_function(BenchmarkId::new("candle", &size), |b| {
            b.iter(|| plain.predict(&x).unwrap());
        });
        let mut products = Products::new();
        group.bench_function(BenchmarkId::new("products alone", &size), |b| b.iter(|| products.run(&x)));
    }
}

/// The network in Candle's own operations.
struct Plain(Vec<Linear>);

impl Plain {
    fn new(net: &DynamicNet) -> Self {
        // Constants: variables would keep a graph with every activation.
        let layer = |(_, layer): (_, &Layer)| {
            let parameters = layer.parameters();
            Linear::new(parameters.weight().detach(), parameters.bias().map(Tensor::detach))
        };
        Self(net.named_layers().map(layer).collect())
    }

    fn predict(&self, x: &Tensor) -> Result<Tensor> {
        let [input, hidden, output] = &self.0[..] else { panic!("a network of other layers") };
        let mut means = Vec::new();
        for start in (0..x.dims()[0]).step_by(BLOCK) {
            let x = x.narrow(0, start, BLOCK.min(x.dims()[0] - start))?;
            let mut h = input.forward(&x)?.relu()?;
            let mut outputs = Vec::new();
            for _ in ModelConfig::default().depths() {
                h = hidden.forward(&h)?.relu()?;
                outputs.push(output.forward(&h)?);
            }
            means.push(Tensor::stack(&outputs, 0)?.mean(0)?);
        }
        Tensor::cat(&means, 0)
    }
}

/// Panics unless both predict the same, up to rounding.
fn check(predictor: &Predictor, plain: &Plain, x: &Tensor) {
    let values = |y: Tensor| y.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let ours = values(predictor.predict(x).unwrap());
    let theirs = values(plain.predict(x).unwrap());
    assert_eq!(ours.len(), theirs.len());
    for (i, (a, b)) in ours.iter().zip(&theirs).enumerate() {
        // NaN is not within any bound.
        assert!((a - b).abs() <= 1e-5, "the predictions of row {i} differ: {a} and {b}");
    }
}

/// The matrix products of a prediction by the `gemm` crate, without biases, relus and means.
struct Products {
    weights: [Vec<f32>; 3],
    h: [Vec<f32>; 2],
    y: Vec<f32>,
}

impl Products {
    fn new() -> Self {
        let hidden = ModelConfig::default().hidden;
        // Small, so that nothing grows without relus.
        let filled = |len| vec![0.01; len];
        Self {
            weights: [FEATURES * hidden, hidden * hidden, hidden].map(filled),
            h: [BLOCK * hidden; 2].map(filled),
            y: filled(BLOCK),
        }
    }

    fn run(&mut self, x: &Tensor) {
        let hidden = ModelConfig::default().hidden;
        let (storage, _) = x.storage_and_layout();
        let candle_core::Storage::Cpu(storage) = &*storage else { panic!("not on the CPU") };
        let x = storage.as_slice::<f32>().unwrap();
        let [input, deeper, output] = &self.weights;
        let [h, next] = &mut self.h;
        for x in x.chunks(BLOCK * FEATURES) {
            let rows = x.len() / FEATURES;
            product([rows, hidden, FEATURES], x, input, h);
            for _ in ModelConfig::default().depths() {
                product([rows, hidden, hidden], h, deeper, next);
                product([rows, 1, hidden], next, output, &mut self.y);
                std::mem::swap(h, next);
            }
        }
    }
}

/// C <- A B for row-major matrices, A (m, k) and B (k, n).
fn product([m, n, k]: [usize; 3], a: &[f32], b: &[f32], c: &mut [f32]) {
    by_gemm::product([m, n, k], (a, [k, 1]), (b, [n, 1]), c);
}
