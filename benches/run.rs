//! The default run as a whole process, next to the same cross-validation in plain Candle.
//!
//! `cargo bench --bench run`. README.md says what the figures mean. Both processes run in turn, and the
//! fastest of each counts.

// A bench that cannot continue should stop.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

#[path = "common/candle.rs"]
mod candle;

use std::env;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use candle_core::{DType, Device, Result, Tensor};
use taper::config::CvConfig;
use taper::data::{Dataset, Fold, KFold, synthetic};
use taper::random::{Stream, generator};

use candle::PlainTrainer;

/// The argument with which this program is the process of plain Candle.
const PLAIN: &str = "plain-candle";

/// As many folds side by side as the machine that the figures are taken on has cores.
const JOBS: usize = 2;

fn main() {
    if env::args().nth(1).as_deref() == Some(PLAIN) {
        return println!("{}", plain_cross_validation());
    }
    let rounds = if env::args().any(|argument| argument == "--test") { 1 } else { 10 };
    let taper = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_taper"));
        command.args(["--device", "cpu", "--quiet", "--json", "--jobs", &JOBS.to_string()]);
        command
    };
    let plain = || {
        let mut command = Command::new(env::current_exe().unwrap());
        // Or Candle 0.11 parses /proc/cpuinfo at every matrix product, and its products use threads of their
        // own.
        command.arg(PLAIN).env("RAYON_NUM_THREADS", "1");
        command
    };
    let (mut ours, mut theirs) = (Duration::MAX, Duration::MAX);
    for _ in 0..rounds {
        let (time, output) = run(taper());
        let report: serde_json::Value = serde_json::from_str(&output).unwrap();
        check("taper", report["mean"]["mse"].as_f64().unwrap());
        ours = ours.min(time);
        let (time, output) = run(plain());
        check(PLAIN, output.trim().parse().unwrap());
        theirs = theirs.min(time);
    }
    let (ours, theirs) = (ours.as_secs_f64(), theirs.as_secs_f64());
    println!(
        "default run: taper {ours:.3} s, plain Candle {theirs:.3} s, {:.1} times as fast",
        theirs / ours
    );
}

/// The time that a process takes, and what it prints.
fn run(mut command: Command) -> (Duration, String) {
    let start = Instant::now();
    let output = command.output().unwrap();
    let time = start.elapsed();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    (time, String::from_utf8(output.stdout).unwrap())
}

/// Panics unless the error is one of a trained network: the noise alone gives 0.01, an untrained one 20 and
/// more.
fn check(who: &str, mse: f64) {
    assert!((0.01..1.).contains(&mse), "{who}: the mean squared error is {mse}");
}

/// The mean squared error over all folds of the default cross-validation, by Candle's own operations.
fn plain_cross_validation() -> f64 {
    let config = CvConfig::default();
    let rng = generator(config.seed, Stream::Data, 0);
    let (rows, features) = (config.data.rows, config.data.features);
    let data = synthetic(rows, features, config.data.noise, rng, DType::F32, &Device::Cpu).unwrap();
    let folds = KFold::new(rows, config.folds, &mut generator(config.seed, Stream::Folds, 0)).unwrap();
    let folds: Vec<_> = (0..config.folds).map(|i| (i, folds.fold(i).unwrap())).collect();
    let errors = thread::scope(|scope| {
        let (config, data) = (&config, &data);
        let work =
            |job| folds.iter().skip(job).step_by(JOBS).map(|(i, fold)| run_fold(config, data, *i, fold));
        let jobs: Vec<_> =
            (0..JOBS).map(|job| scope.spawn(move || work(job).collect::<Result<Vec<_>>>())).collect();
        let errors = jobs.into_iter().map(|job| job.join().unwrap().unwrap());
        errors.flatten().collect::<Vec<_>>()
    });
    errors.iter().sum::<f64>() / errors.len() as f64
}

/// Trains on a fold and returns the mean squared error on the rest.
fn run_fold(config: &CvConfig, data: &Dataset, index: usize, fold: &Fold) -> Result<f64> {
    let mut trainer = PlainTrainer::new(data.features(), index, &Device::Cpu);
    let mut rows = fold.train.clone();
    for _ in 0..config.train.epochs {
        trainer.epoch(data, &mut rows)?;
    }
    let (x, y) = data.select(&fold.test)?;
    let outputs = config.model.depths().map(|depth| trainer.net.forward(&x, depth));
    let prediction = Tensor::stack(&outputs.collect::<Result<Vec<_>>>()?, 0)?.mean(0)?;
    let error = (prediction - y)?.sqr()?.mean_all()?;
    error.to_scalar::<f32>().map(f64::from)
}
