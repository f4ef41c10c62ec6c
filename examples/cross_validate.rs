//! A cross-validation in a program: a table from a file, two networks, and their errors on the same folds.
//!
//! ```text
//! cargo run --release --example cross_validate
//! ```

use std::error::Error;

use candle_core::Device;
use taper::config::{FileConfig, FloatType, Learner, ModelConfig, Preparation};
use taper::run::RunOptions;
use taper::{Partition, cross_validate, data};

const FOLDS: usize = 4;

fn main() -> Result<(), Box<dyn Error>> {
    let file = FileConfig {
        file: "tests/data/diabetes.csv".into(),
        target: vec!["y".to_owned()],
        ..FileConfig::default()
    };
    let table = data::read(&file, FloatType::F32)?;
    println!("{} rows, {} features", table.data.rows(), table.data.features());

    // One fold at a time on each device of the list.
    let devices = [Device::Cpu, Device::Cpu];
    for (name, max_depth) in [("dynamic depth", 4), ("one depth", 1)] {
        let model = ModelConfig { max_depth, ..ModelConfig::default() };
        let learner = Learner { model, preparation: Preparation::Standardise, ..Learner::default() };
        let folds = Partition::new(&table.data, FOLDS, 1, learner.seed)?;
        let results = cross_validate(&table.data, &learner, &folds, &devices, &RunOptions::default())?;
        let errors: Vec<String> =
            results.folds.iter().map(|fold| format!("{:.1}", fold.metrics.rmse)).collect();
        println!("{name}: rmse {}", errors.join(", "));
    }
    Ok(())
}
