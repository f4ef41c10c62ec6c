//! One training step of the default network at each depth, next to the same step in plain Candle.
//!
//! `cargo bench --bench training`

// A bench that cannot go on should stop.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::env;

use candle_core::{DType, Device, Module, Result, Tensor, Var};
use candle_nn::{Optimizer, VarMap};
use criterion::{BenchmarkId, Criterion, Throughput};
use taper::config::{ModelConfig, TrainConfig};
use taper::data::synthetic;
use taper::nn::{DynamicNet, named_vars, seeded_builder};
use taper::random::{Stream, generator};
use taper::train::Trainer;

const FEATURES: usize = 64;

fn main() {
    // Without this Candle 0.11 parses /proc/cpuinfo at every matrix product, and that would be most of the time.
    // SAFETY: no other thread has been started.
    #[allow(unsafe_code)]
    unsafe {
        env::set_var("RAYON_NUM_THREADS", "1");
    }
    let mut criterion = Criterion::default().configure_from_args();
    benches(&mut criterion);
    criterion.final_summary();
}

fn benches(c: &mut Criterion) {
    let TrainConfig { batch_size, .. } = TrainConfig::default();
    let rng = generator(1, Stream::Data, 0);
    let data = synthetic(batch_size, FEATURES, 0.1, rng, DType::F32, &Device::Cpu).unwrap();
    let (x, y) = (data.x(), data.y());
    for depth in ModelConfig::default().depths() {
        check(x, y, depth);
        let mut group = c.benchmark_group("step");
        group.throughput(Throughput::Elements(batch_size as u64));
        let mut trainer = trainer(&VarMap::new());
        group.bench_function(BenchmarkId::new("taper", format!("depth {depth}")), |b| {
            b.iter(|| trainer.step(x, y, depth).unwrap());
        });
        let mut plain = Plain::new();
        group.bench_function(BenchmarkId::new("candle", format!("depth {depth}")), |b| {
            b.iter(|| plain.step(x, y, depth).unwrap());
        });
    }
}

/// The trainer of the default network, with parameters in `vars`.
fn trainer(vars: &VarMap) -> Trainer {
    let vb = seeded_builder(vars, generator(1, Stream::Init, 0), DType::F32, &Device::Cpu);
    let net = DynamicNet::new(&ModelConfig::default().network(FEATURES, 1), vb).unwrap();
    Trainer::new(net, vars, &TrainConfig::default(), 1, 0).unwrap()
}

/// The same network and step made of nothing but Candle.
struct Plain {
    input: candle_nn::Linear,
    hidden: candle_nn::Linear,
    output: candle_nn::Linear,
    optimizer: candle_nn::AdamW,
}

impl Plain {
    fn new() -> Self {
        let vars = VarMap::new();
        trainer(&vars);
        let named = named_vars(&vars);
        let get = |name: &str| -> Tensor {
            let (_, var): &(String, Var) = named.iter().find(|(n, _)| n == name).unwrap();
            var.as_tensor().clone()
        };
        let layer = |name: &str| {
            candle_nn::Linear::new(get(&format!("{name}.weight")), Some(get(&format!("{name}.bias"))))
        };
        let params = candle_nn::ParamsAdamW {
            lr: TrainConfig::default().lr,
            weight_decay: 0.,
            ..candle_nn::ParamsAdamW::default()
        };
        let optimizer = candle_nn::AdamW::new(vars.all_vars(), params).unwrap();
        Self { input: layer("input"), hidden: layer("hidden"), output: layer("output"), optimizer }
    }

    fn step(&mut self, x: &Tensor, y: &Tensor, depth: usize) -> Result<f64> {
        let mut h = self.input.forward(x)?.relu()?;
        for _ in 0..depth {
            h = self.hidden.forward(&h)?.relu()?;
        }
        let loss = candle_nn::loss::mse(&self.output.forward(&h)?, y)?;
        let value = f64::from(loss.to_scalar::<f32>()?);
        self.optimizer.backward_step(&loss)?;
        Ok(value)
    }
}

/// Panics unless twenty steps of both give the same losses, up to rounding.
fn check(x: &Tensor, y: &Tensor, depth: usize) {
    let (mut ours, mut theirs) = (trainer(&VarMap::new()), Plain::new());
    for step in 0..20 {
        let (a, b) = (ours.step(x, y, depth).unwrap(), theirs.step(x, y, depth).unwrap());
        assert!((a - b).abs() <= 1e-4 * b, "depth {depth}, step {step}: losses {a} and {b}");
    }
}
