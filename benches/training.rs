//! Training of the default network next to the same training in plain Candle: one step at each depth, and an epoch.
//!
//! `cargo bench --bench training`; on a GPU with `--features cuda`. README.md says what the figures mean.

// A bench that cannot go on should stop.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;
#[path = "common/one_thread.rs"]
mod one_thread;
#[path = "../tests/common/plain.rs"]
mod plain;

use candle_core::{DType, Result, Tensor};
use candle_nn::VarMap;
use criterion::{BenchmarkId, Criterion, Throughput};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use taper::config::{ModelConfig, TrainConfig};
use taper::data::{Dataset, shuffled_batches, synthetic};
use taper::random::{Stream, generator};
use taper::train::Trainer;

use common::Place;
use plain::Plain;

const FEATURES: usize = 64;

/// The rows of an epoch: 64 steps of the default batch.
const ROWS: usize = 4096;

fn main() {
    one_thread::run(benches);
}

fn benches(c: &mut Criterion) {
    let place = Place::from_env();
    steps(c, &place);
    epochs(c, &place);
}

/// Single steps. Each returns its loss, so each waits for the device, in taper and in Candle.
fn steps(c: &mut Criterion, place: &Place) {
    let TrainConfig { batch_size, .. } = TrainConfig::default();
    let data = data(place, batch_size);
    let (x, y) = (data.x(), data.y());
    for depth in ModelConfig::default().depths() {
        check_steps(place, x, y, depth);
        let mut group = c.benchmark_group(place.group("step"));
        group.throughput(Throughput::Elements(batch_size as u64));
        let mut trainer = trainer(place);
        group.bench_function(BenchmarkId::new("taper", format!("depth {depth}")), |b| {
            b.iter_custom(|n| place.time(n, || trainer.step(x, y, depth).unwrap()));
        });
        let mut plain = Plain::new(FEATURES, &place.device);
        group.bench_function(BenchmarkId::new("candle", format!("depth {depth}")), |b| {
            b.iter_custom(|n| place.time(n, || plain.step(x, y, depth).unwrap().to_scalar::<f32>().unwrap()));
        });
    }
}

/// Whole epochs, with the choice of the rows and the depths. Only their mean loss is read.
fn epochs(c: &mut Criterion, place: &Place) {
    let data = data(place, ROWS);
    check_epochs(place, &data);
    let mut group = c.benchmark_group(place.group("epoch"));
    group.throughput(Throughput::Elements(ROWS as u64)).sample_size(20);
    let (mut trainer, mut rows) = (trainer(place), all_rows());
    group.bench_function("taper", |b| {
        b.iter_custom(|n| place.time(n, || trainer.epoch(&data, &mut rows).unwrap()));
    });
    let (mut plain, mut rows) = (PlainTrainer::new(place), all_rows());
    group.bench_function("candle", |b| {
        b.iter_custom(|n| place.time(n, || plain.epoch(&data, &mut rows).unwrap()));
    });
}

fn data(place: &Place, rows: usize) -> Dataset {
    synthetic(rows, FEATURES, 0.1, generator(1, Stream::Data, 0), DType::F32, &place.device).unwrap()
}

fn all_rows() -> Vec<u32> {
    (0..ROWS as u32).collect()
}

/// The trainer of the default network.
fn trainer(place: &Place) -> Trainer {
    plain::trainer(&VarMap::new(), FEATURES, &place.device)
}

/// The training of the default network made of nothing but Candle.
struct PlainTrainer {
    net: Plain,
    shuffle: ChaCha8Rng,
    depth: ChaCha8Rng,
}

impl PlainTrainer {
    fn new(place: &Place) -> Self {
        Self {
            net: Plain::new(FEATURES, &place.device),
            shuffle: generator(1, Stream::Shuffle, 0),
            depth: generator(1, Stream::Depth, 0),
        }
    }

    /// Makes an epoch's steps with the batches and depths that [`Trainer::epoch`] draws, and returns the mean loss.
    fn epoch(&mut self, data: &Dataset, rows: &mut [u32]) -> Result<f64> {
        let TrainConfig { batch_size, .. } = TrainConfig::default();
        let mut sum = Tensor::zeros((), DType::F32, data.x().device())?;
        for batch in shuffled_batches(rows, batch_size, &mut self.shuffle) {
            let batch = Tensor::new(batch, data.x().device())?;
            let (x, y) = (data.x().index_select(&batch, 0)?, data.y().index_select(&batch, 0)?);
            let depth = self.depth.random_range(ModelConfig::default().depths());
            sum = (sum + self.net.step(&x, &y, depth)?)?;
        }
        Ok(f64::from(sum.to_scalar::<f32>()?) / (ROWS / batch_size) as f64)
    }
}

/// Panics unless twenty steps of both give the same losses, up to rounding.
fn check_steps(place: &Place, x: &Tensor, y: &Tensor, depth: usize) {
    let (mut ours, mut theirs) = (trainer(place), Plain::new(FEATURES, &place.device));
    for step in 0..20 {
        let a = ours.step(x, y, depth).unwrap();
        let b = f64::from(theirs.step(x, y, depth).unwrap().to_scalar::<f32>().unwrap());
        assert!((a - b).abs() <= 1e-4 * b, "depth {depth}, step {step}: losses {a} and {b}");
    }
}

/// Panics unless the first two epochs of both give the same losses, up to rounding.
fn check_epochs(place: &Place, data: &Dataset) {
    let (mut ours, mut theirs) = (trainer(place), PlainTrainer::new(place));
    let (mut our_rows, mut their_rows) = (all_rows(), all_rows());
    for epoch in 0..2 {
        let a = ours.epoch(data, &mut our_rows).unwrap();
        let b = theirs.epoch(data, &mut their_rows).unwrap();
        assert!((a - b).abs() <= 1e-3 * b, "epoch {epoch}: mean losses {a} and {b}");
    }
}
