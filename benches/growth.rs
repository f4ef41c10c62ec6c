//! How the time of a training step grows with rows, width, depth and features, and with each piece of a
//! network or its training, next to the products-only floor.
//!
//! `cargo bench --bench growth`; an axis of it with `cargo bench --bench growth -- hidden`. README.md says
//! what the figures mean. One thread, on the CPU. Step and floor are measured in turn, and the fastest of
//! each counts, so that their ratio stands on a busy machine too.

// A bench that cannot continue should stop.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

#[path = "common/floor.rs"]
mod floor;
#[path = "common/one_thread.rs"]
mod one_thread;

use std::env;
use std::time::{Duration, Instant};

use candle_core::{DType, Device, Tensor};
use candle_nn::VarMap;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use taper::config::{EngineName, LossName, ModelConfig, Recipe, TrainConfig};
use taper::data::Dataset;
use taper::nn::{Block, DynamicNet, Nonlinearity, Norm, seeded_builder};
use taper::optim::Schedule;
use taper::random::{Stream, generator};
use taper::train::Trainer;

use floor::{Floor, Shape};

/// A training: a network at one depth, and the rows of its epoch.
#[derive(Debug, Clone, Copy)]
struct Case {
    shape: Shape,
    depth: usize,
    rows: usize,
    piece: Piece,
}

/// What a network and its training have that those of the exercise lack.
type Piece = fn(&mut ModelConfig, &mut TrainConfig);

const DEFAULT: Case =
    Case { shape: Shape { batch: 64, features: 64, hidden: 32 }, depth: 2, rows: 1 << 12, piece: |_, _| {} };

/// Each piece alone, and the default recipe.
const PIECES: &[(&str, Piece)] = &[
    ("none", |_, _| {}),
    ("residual", |model, _| model.block = Block::Residual),
    ("injection", |model, _| model.block = Block::Injection),
    ("skip", |model, _| model.skip = true),
    ("silu", |model, _| model.activation = Nonlinearity::Silu),
    ("mish", |model, _| model.activation = Nonlinearity::Mish),
    ("gelu", |model, _| model.activation = Nonlinearity::Gelu),
    ("rms norm", |model, _| model.norm = Norm::Rms),
    ("layer norm", |model, _| model.norm = Norm::Layer),
    ("batch norm", |model, _| model.norm = Norm::Batch),
    ("dropout", |model, _| model.dropout = 0.1),
    ("one-cycle", |_, train| train.schedule = Schedule::OneCycle),
    ("clip norm", |_, train| train.clip_norm = 1.),
    ("clip value", |_, train| train.clip_value = 1.),
    ("decay", |_, train| train.weight_decay = 0.1),
    ("L2", |_, train| train.l2 = 0.1),
    ("L1", |_, train| train.l1 = 0.1),
    ("average", |_, train| train.averaging = 0.99),
    ("mae", |_, train| train.loss = LossName::Mae),
    ("huber", |_, train| train.loss = LossName::Huber),
    ("default", |model, train| {
        model.block = Recipe::default().model().block;
        *train =
            TrainConfig { batch_size: train.batch_size, engine: train.engine, ..Recipe::default().train() };
    }),
];

fn main() {
    one_thread::demand();
    let arguments: Vec<String> = env::args().skip(1).collect();
    let test = arguments.iter().any(|argument| argument == "--test");
    let filter = arguments.iter().find(|argument| !argument.starts_with('-'));
    println!(
        "{:>9} {:>10} {:>10} {:>10} {:>6} {:>8}",
        "axis", "value", "step us", "floor us", "ratio", "GFLOP/s"
    );
    for (axis, cases) in axes() {
        if filter.is_none_or(|filter| axis.contains(filter.as_str())) {
            for (value, case) in cases {
                // Once through everything is enough for a test, and its large cases are not.
                if !test || (case.rows <= 1 << 14 && case.shape.hidden <= 256) {
                    measure(axis, &value, case, test);
                }
            }
        }
    }
}

/// What grows, and the cases along it.
fn axes() -> [(&'static str, Vec<(String, Case)>); 6] {
    let with = |change: fn(&mut Case, usize), values: &[usize]| {
        let case = |&value: &usize| {
            let mut case = DEFAULT;
            change(&mut case, value);
            (value.to_string(), case)
        };
        values.iter().map(case).collect()
    };
    [
        ("rows", with(|case, rows| case.rows = rows, &[14, 16, 18, 20, 22].map(|log| 1 << log))),
        ("hidden", with(|case, hidden| case.shape.hidden = hidden, &[32, 33, 64, 128, 256, 512, 1024])),
        ("depth", with(|case, depth| case.depth = depth, &[1, 2, 4, 8, 16])),
        ("features", with(|case, features| case.shape.features = features, &[1, 16, 64, 256, 1024])),
        (
            "large",
            with(
                |case, hidden| {
                    case.shape = Shape { batch: 1024, features: 64, hidden };
                    (case.depth, case.rows) = (4, 2048);
                },
                &[1024],
            ),
        ),
        (
            "pieces",
            PIECES.iter().map(|&(name, piece)| (name.to_owned(), Case { piece, ..DEFAULT })).collect(),
        ),
    ]
}

fn measure(axis: &str, value: &str, case: Case, test: bool) {
    check(case);
    let data = data(case.shape, case.rows);
    let mut rows: Vec<u32> = (0..case.rows as u32).collect();
    let mut trainer = trainer(case, EngineName::Fused);
    let mut floor = Floor::new(case.shape);
    let steps = case.rows.div_ceil(case.shape.batch) as u32;
    let (mut step, mut product) = (Duration::MAX, Duration::MAX);
    let start = Instant::now();
    let mut round = 0;
    while round < if test { 1 } else { 5 } || (start.elapsed().as_secs_f64() < 2. && !test) {
        step = step.min(time(|| {
            trainer.epoch(&data, &mut rows).unwrap();
        }));
        product = product.min(time(|| (0..steps).for_each(|_| floor.step(case.depth))));
        round += 1;
    }
    let micros = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(steps);
    println!(
        "{axis:>9} {value:>10} {:>10.1} {:>10.1} {:>6.2} {:>8.1}",
        micros(step),
        micros(product),
        micros(step) / micros(product),
        floor.flop(case.depth) / micros(step) / 1e3,
    );
}

fn time(mut work: impl FnMut()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// Panics unless a few steps of the fused engine have the losses of Candle's autograd, up to rounding.
fn check(case: Case) {
    let data = data(case.shape, case.shape.batch);
    let mut engines = [EngineName::Fused, EngineName::Autograd].map(|engine| trainer(case, engine));
    for step in 0..3 {
        let [a, b] = engines.each_mut().map(|e| e.step(data.x(), data.y(), case.depth).unwrap());
        let Case { shape, depth, .. } = case;
        assert!((a - b).abs() <= 1e-3 * b.abs(), "{shape:?}, depth {depth}, step {step}: losses {a} and {b}");
    }
}

/// Rows whose target is their first feature.
fn data(shape: Shape, rows: usize) -> Dataset {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let values: Vec<f32> = (0..rows * shape.features).map(|_| rng.random_range(-1. ..1.)).collect();
    let x = Tensor::from_vec(values, (rows, shape.features), &Device::Cpu).unwrap();
    let y = x.narrow(1, 0, 1).unwrap();
    Dataset::new(x, y).unwrap()
}

/// The trainer of a network that has only the depth of the case.
fn trainer(case: Case, engine: EngineName) -> Trainer {
    let mut model = ModelConfig {
        hidden: case.shape.hidden,
        min_depth: case.depth,
        max_depth: case.depth,
        ..ModelConfig::default()
    };
    let mut train = TrainConfig { batch_size: case.shape.batch, engine, ..TrainConfig::default() };
    (case.piece)(&mut model, &mut train);
    let vars = VarMap::new();
    let vb = seeded_builder(&vars, generator(1, Stream::Init, 0), DType::F32, &Device::Cpu);
    let net = DynamicNet::new(&model.network(case.shape.features, 1), vb).unwrap();
    Trainer::new(net, &vars, &train, 1, 0).unwrap()
}
