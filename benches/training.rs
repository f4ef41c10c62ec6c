//! Training of the default network by each engine, next to the same training in plain Candle and, on the CPU,
//! to its matrix products alone: one step at each depth, and an epoch.
//!
//! `cargo bench --bench training`; on a GPU with `--features cuda`. README.md says what the figures mean.

// A bench that cannot continue should stop.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

#[path = "common/candle.rs"]
mod candle;
mod common;
#[path = "common/floor.rs"]
mod floor;
#[path = "common/one_thread.rs"]
mod one_thread;

use candle_core::{DType, Tensor};
use candle_nn::VarMap;
use criterion::{BenchmarkId, Criterion, Throughput};
use taper::config::{EngineName, ModelConfig, TrainConfig};
use taper::data::{Dataset, synthetic};
use taper::random::{Stream, generator};
use taper::train::Trainer;

use candle::PlainTrainer;
use candle::plain::{self, Plain};
use common::Place;
use floor::{Floor, Shape};

const FEATURES: usize = 64;

/// Each engine with its name in the figures.
const ENGINES: [(&str, EngineName); 2] = [("fused", EngineName::Fused), ("autograd", EngineName::Autograd)];

/// The rows of an epoch: 64 steps of the default batch.
const ROWS: usize = 4096;

fn main() {
    one_thread::demand();
    let mut criterion = Criterion::default().configure_from_args();
    benches(&mut criterion);
    criterion.final_summary();
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
        for (name, engine) in ENGINES {
            let mut trainer = trainer(place, engine);
            group.bench_function(BenchmarkId::new(name, format!("depth {depth}")), |b| {
                b.iter_custom(|n| place.time(n, || trainer.step(x, y, depth).unwrap()));
            });
        }
        let mut plain = Plain::new(FEATURES, &place.device);
        group.bench_function(BenchmarkId::new("candle", format!("depth {depth}")), |b| {
            b.iter_custom(|n| place.time(n, || plain.step(x, y, depth).unwrap().to_scalar::<f32>().unwrap()));
        });
        if place.device.is_cpu() {
            let mut floor = floor(batch_size);
            group.bench_function(BenchmarkId::new("floor", format!("depth {depth}")), |b| {
                b.iter_custom(|n| place.time(n, || floor.step(depth)));
            });
        }
    }
}

/// Whole epochs, with the choice of the rows and the depths. Only their mean loss is read.
fn epochs(c: &mut Criterion, place: &Place) {
    let data = data(place, ROWS);
    check_epochs(place, &data);
    let mut group = c.benchmark_group(place.group("epoch"));
    group.throughput(Throughput::Elements(ROWS as u64)).sample_size(20);
    for (name, engine) in ENGINES {
        let (mut trainer, mut rows) = (trainer(place, engine), all_rows());
        group.bench_function(name, |b| {
            b.iter_custom(|n| place.time(n, || trainer.epoch(&data, &mut rows).unwrap()));
        });
    }
    let (mut plain, mut rows) = (PlainTrainer::new(FEATURES, 0, &place.device), all_rows());
    group.bench_function("candle", |b| {
        b.iter_custom(|n| place.time(n, || plain.epoch(&data, &mut rows).unwrap()));
    });
    if place.device.is_cpu() {
        let TrainConfig { batch_size, .. } = TrainConfig::default();
        let mut floor = floor(batch_size);
        let depths: Vec<_> = ModelConfig::default().depths().cycle().take(ROWS / batch_size).collect();
        group.bench_function("floor", |b| {
            b.iter_custom(|n| place.time(n, || depths.iter().for_each(|&depth| floor.step(depth))));
        });
    }
}

fn data(place: &Place, rows: usize) -> Dataset {
    synthetic(rows, FEATURES, 0.1, generator(1, Stream::Data, 0), DType::F32, &place.device).unwrap()
}

fn all_rows() -> Vec<u32> {
    (0..ROWS as u32).collect()
}

/// The trainer of the default network.
fn trainer(place: &Place, engine: EngineName) -> Trainer {
    let config = TrainConfig { engine, ..TrainConfig::default() };
    plain::trainer_with(config, &VarMap::new(), FEATURES, &place.device)
}

/// The products of the default network's steps.
fn floor(batch: usize) -> Floor {
    Floor::new(Shape { batch, features: FEATURES, hidden: ModelConfig::default().hidden })
}

/// Panics unless twenty steps of all give the same losses, up to rounding.
fn check_steps(place: &Place, x: &Tensor, y: &Tensor, depth: usize) {
    let mut engines = ENGINES.map(|(_, engine)| trainer(place, engine));
    let mut plain = Plain::new(FEATURES, &place.device);
    for step in 0..20 {
        let theirs = f64::from(plain.step(x, y, depth).unwrap().to_scalar::<f32>().unwrap());
        for (trainer, (name, _)) in engines.iter_mut().zip(ENGINES) {
            let ours = trainer.step(x, y, depth).unwrap();
            let tolerance = 1e-4 * theirs;
            assert!(
                (ours - theirs).abs() <= tolerance,
                "{name}, depth {depth}, step {step}: losses {ours} and {theirs}"
            );
        }
    }
}

/// Panics unless the first two epochs of all give the same losses, up to rounding.
fn check_epochs(place: &Place, data: &Dataset) {
    for (name, engine) in ENGINES {
        let (mut ours, mut theirs) = (trainer(place, engine), PlainTrainer::new(FEATURES, 0, &place.device));
        let (mut our_rows, mut their_rows) = (all_rows(), all_rows());
        for epoch in 0..2 {
            let a = ours.epoch(data, &mut our_rows).unwrap();
            let b = theirs.epoch(data, &mut their_rows).unwrap();
            assert!((a - b).abs() <= 1e-3 * b, "{name}, epoch {epoch}: mean losses {a} and {b}");
        }
    }
}
