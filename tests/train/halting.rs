//! Networks that learn how deep to go.

use candle_core::{DType, Device, Tensor};
use candle_nn::VarMap;
use rand::Rng;
use taper::config::TrainConfig;
use taper::data::Dataset;
use taper::nn::{Block, DynamicNet, Halting, ModelConfig, seeded_builder};
use taper::ops::{Prior, mse};
use taper::optim::Schedule;
use taper::plan::Predictor;
use taper::random::{Stream, generator};
use taper::train::Trainer;

/// The numbers of a row of [`turns`].
const WIDTH: usize = 16;

/// Rows of 16 numbers and of how often, from 1 to 4 times, a map is applied to them, which gives the 16 targets; and
/// how often. The map turns each number with its neighbour and takes magnitudes, so that a layer of 32 has room
/// for one application and no more. (The made task of `benches/controls`.)
fn turns(rows: usize, seed: u64, index: usize) -> (Dataset, Vec<f64>) {
    let mut rng = generator(seed, Stream::Data, index);
    let (mut x, mut y, mut needs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rows {
        let need = rng.random_range(1u8..=4);
        let mut state: Vec<f32> = (0..WIDTH).map(|_| rng.random_range(-1f32..1.)).collect();
        x.extend(&state);
        x.push(2. * f32::from(need - 1) / 3. - 1.);
        for _ in 0..need {
            for i in 0..WIDTH {
                let j = (i + 1) % WIDTH;
                (state[i], state[j]) =
                    (0.62 * state[i] + 0.7846 * state[j], 0.62 * state[j] - 0.7846 * state[i]);
            }
            for number in &mut state {
                *number = number.abs();
            }
        }
        y.extend(state);
        needs.push(f64::from(need));
    }
    let x = Tensor::from_vec(x, (rows, WIDTH + 1), &Device::Cpu).unwrap();
    let y = Tensor::from_vec(y, (rows, WIDTH), &Device::Cpu).unwrap();
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

/// Rows that need more applications of a map exit deeper, though nothing tells the network so but its error, and
/// no depth that is the same for all rows would do.
#[test]
fn rows_that_need_more_depth_exit_deeper() {
    let correlations = [1, 2, 3].map(correlation_of_exit_and_need);
    assert!(correlations.iter().all(|correlation| *correlation > 0.7), "{correlations:?}");
    assert!(correlations.iter().sum::<f64>() / 3. > 0.8, "{correlations:?}");
}

fn correlation_of_exit_and_need(seed: u64) -> f64 {
    const EPOCHS: usize = 100;
    let ((train, _), (test, needs)) = (turns(8000, seed, 0), turns(500, seed, 1));
    let model = ModelConfig {
        max_depth: 5,
        block: Block::Plain,
        halting: Halting::Adaptive,
        prior: Prior::Geometric,
        ..ModelConfig::default()
    };
    let vars = VarMap::new();
    let vb = seeded_builder(&vars, generator(seed, Stream::Init, 0), DType::F32, &Device::Cpu);
    let net = DynamicNet::new(&model.network(WIDTH + 1, WIDTH), vb).unwrap();
    let (schedule, clip_norm) = (Schedule::OneCycle, 1.);
    let config = TrainConfig { lr: 5e-3, epochs: EPOCHS, schedule, clip_norm, ..TrainConfig::default() };
    let mut trainer = Trainer::new(net, &vars, &config, seed, 0).unwrap();
    let mut rows: Vec<u32> = (0..8000).collect();
    let predict =
        |trainer: &Trainer| Predictor::new(trainer.net()).unwrap().predict_all_depths(test.x()).unwrap();
    for epoch in 0..EPOCHS {
        trainer.epoch(&train, &mut rows).unwrap();
        if epoch < EPOCHS / 10 {
            let exits = predict(&trainer).exits.unwrap().depths;
            // The median of the prior.
            assert!(exits.iter().all(|depth| *depth == 2), "epoch {epoch}: {exits:?}");
        }
    }
    let prediction = predict(&trainer);
    let exits: Vec<f64> = prediction.exits.unwrap().depths.iter().map(|depth| *depth as f64).collect();
    let (correlation, mean) = (spearman(&exits, &needs), exits.iter().sum::<f64>() / 500.);
    let error = |y: &Tensor| mse(y, test.y()).unwrap().to_scalar::<f32>().unwrap();
    let by_depth = (0..5).map(|depth| error(&prediction.by_depth.get_on_dim(1, depth).unwrap()));
    let (error, best) = (error(&prediction.mean), by_depth.fold(f32::MAX, f32::min));
    println!(
        "seed {seed}: rank correlation of exit and need {correlation:.3}, mean exit {mean:.2}, error {error:.4}, of the \
         best depth {best:.4}"
    );
    assert!(2. * error < best, "{error} and {best}");
    correlation
}
