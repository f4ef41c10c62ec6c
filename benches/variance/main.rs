//! What the drawing of the depth does to the gradients of the default task, and the mean over the depths to
//! its errors.
//!
//! `cargo bench --bench variance`. README.md and the guide's chapter `theory` say what the figures mean. On the
//! CPU, on one thread. Networks are trained as `taper --recipe NAME` trains them, and measured in f64.

// A bench that cannot continue should stop.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod errors;
mod gradients;
mod network;
#[path = "../common/one_thread.rs"]
mod one_thread;
mod vectors;

use std::env;

use candle_core::Device;
use taper::config::{CvConfig, Recipe};
use taper::ops::mse;
use taper::run::RunOptions;
use taper::{Partition, cross_validate};

use errors::errors;
use gradients::{closed_batch_part, gradients, parts};
use network::{Measured, config, data, trained};

const RECIPES: [(&str, Recipe); 2] = [("seed", Recipe::Seed), ("injection", Recipe::Injection)];

fn main() {
    one_thread::demand();
    let test = env::args().any(|argument| argument == "--test");
    let (seeds, epochs) = if test { (1, 1) } else { (3, 2) };
    for (name, recipe) in RECIPES {
        check(name, &config(recipe, 1), epochs);
    }
    println!(
        "\nMedian (least to largest) of the folds of {seeds} seeds; variances in squared norms of the full"
    );
    println!("gradient; the standard error is that of the batch part, in its own size, and the largest.\n");
    println!(
        "| recipe | epoch | loss | of the mean | cosine | batch | depth | share | drawn / all | error |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for (name, recipe) in RECIPES {
        gradients(name, recipe, seeds, epochs);
    }
    for (name, recipe) in RECIPES {
        errors(name, recipe, if test { 1 } else { 10 });
    }
}

/// Panics unless a run has the errors of the networks that are measured here, and the batch part that is
/// estimated from batches is the one in closed form.
fn check(name: &str, config: &CvConfig, epochs: usize) {
    let data = data(config, config.data.noise);
    let folds = Partition::new(&data, config.folds, 1, config.seed).unwrap();
    let options = RunOptions::default();
    let run = cross_validate(&data, &config.learner(), &folds, &[Device::Cpu], &options).unwrap();
    let fold = folds.fold(0).unwrap();
    let net = trained(config, &data, &fold.train, 0);
    let tested = Measured::new(&net, &data, &fold.test).unwrap();
    let error = mse(&tested.net.predict(&tested.x).unwrap(), &tested.y).unwrap().to_scalar::<f64>().unwrap();
    let expected = run.folds[0].metrics.mse;
    assert!((error / expected - 1.).abs() <= 1e-5, "{name}: a run's error is {expected}, and not {error}");

    let (measured, size) = (Measured::new(&net, &data, &fold.train).unwrap(), config.train.batch_size);
    let parts = parts(&measured, size, epochs).unwrap();
    let closed = closed_batch_part(&measured, size).unwrap();
    let apart = (parts.batch / closed - 1.) / parts.error;
    println!(
        "{name}: fold 0 has an error of {error:.6}, as in a run; its batch part {:.4} is in closed form \
         {closed:.4}, {apart:.1} standard errors apart",
        parts.batch
    );
    assert!(apart.abs() <= 5., "{name}: the batch part is {apart} standard errors from its closed form");
}
