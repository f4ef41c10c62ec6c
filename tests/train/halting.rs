//! Networks that learn how deep to go.

use candle_core::{DType, Device, Tensor};
use candle_nn::VarMap;
use rand::Rng;
use taper::config::TrainConfig;
use taper::data::Dataset;
use taper::nn::{Block, DynamicNet, Halting, ModelConfig, seeded_builder};
use taper::ops::Prior;
use taper::optim::Schedule;
use taper::plan::Predictor;
use taper::random::{Stream, generator};
use taper::train::Trainer;

/// Rows of a number in (-1, 1) and how often, from 1 to 4 times, the tent map is applied to it: the target. And how
/// often.
fn tents(rows: usize, index: usize) -> (Dataset, Vec<f64>) {
    let mut rng = generator(1, Stream::Data, index);
    let (mut x, mut y, mut needs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rows {
        let (start, need) = (rng.random_range(-1f32..1.), rng.random_range(1u8..=4));
        y.push((0..need).fold(start, |y, _| 1. - 2. * y.abs()));
        x.extend([start, f32::from(need) / 2. - 1.]);
        needs.push(f64::from(need));
    }
    let x = Tensor::from_vec(x, (rows, 2), &Device::Cpu).unwrap();
    let y = Tensor::from_vec(y, (rows, 1), &Device::Cpu).unwrap();
    (Dataset::new(x, y).unwrap(), needs)
}

/// The correlation of the ranks of `x` and `y`; equal numbers have the mean of theirs.
fn spearman(x: &[f64], y: &[f64]) -> f64 {
    let ranks = |x: &[f64]| -> Vec<f64> {
        let rank = |a: &f64| {
            let below = x.iter().filter(|b| *b < a).count() as f64;
            let equal = x.iter().filter(|b| *b == a).count() as f64;
            below + (equal - x.len() as f64) / 2.
        };
        x.iter().map(rank).collect()
    };
    let (x, y) = (ranks(x), ranks(y));
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    dot(&x, &y) / (dot(&x, &x) * dot(&y, &y)).sqrt()
}

/// Rows that need more applications of a map exit deeper, though nothing tells the network so but its error.
#[test]
fn rows_that_need_more_depth_exit_deeper() {
    let ((train, _), (test, needs)) = (tents(8000, 0), tents(500, 1));
    let model = ModelConfig {
        hidden: 64,
        max_depth: 6,
        block: Block::Injection,
        halting: Halting::Adaptive,
        prior: Prior::Geometric,
        ..ModelConfig::default()
    };
    let vars = VarMap::new();
    let vb = seeded_builder(&vars, generator(1, Stream::Init, 0), DType::F32, &Device::Cpu);
    let net = DynamicNet::new(&model.network(2, 1), vb).unwrap();
    let (schedule, clip_norm) = (Schedule::OneCycle, 1.);
    let config = TrainConfig { lr: 5e-3, epochs: 60, schedule, clip_norm, ..TrainConfig::default() };
    let mut trainer = Trainer::new(net, &vars, &config, 1, 0).unwrap();
    let mut rows: Vec<u32> = (0..8000).collect();
    let mut exits = Vec::new();
    for epoch in 0..60 {
        trainer.epoch(&train, &mut rows).unwrap();
        let prediction = Predictor::new(trainer.net()).unwrap().predict_all_depths(test.x()).unwrap();
        exits = prediction.exits.unwrap().depths.iter().map(|depth| *depth as f64).collect();
        if epoch < 15 {
            // The median of the prior.
            assert!(exits.iter().all(|depth| *depth == 3.), "epoch {epoch}: {exits:?}");
        }
    }
    let correlation = spearman(&exits, &needs);
    let mean = exits.iter().sum::<f64>() / 500.;
    println!("rank correlation of exit and need {correlation:.3}, mean exit {mean:.2}");
    assert!(correlation > 0.5, "{correlation}");
}
