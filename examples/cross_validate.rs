//! A cross-validation in a program: a table from a file, two networks, and their errors on the same folds.
//!
//! ```text
//! cargo run --release --example cross_validate
//! ```

use std::error::Error;

use candle_core::Device;
use taper::config::{CvConfig, FileConfig};
use taper::{cross_validate, data};

fn main() -> Result<(), Box<dyn Error>> {
    let mut config = CvConfig::default();
    let file = FileConfig {
        file: "tests/data/diabetes.csv".into(),
        target: vec!["y".to_owned()],
        ..FileConfig::default()
    };
    let table = data::read(&file, config.dtype)?;
    config.data.file = Some(file);
    println!("{} rows, {} features", table.data.rows(), table.data.features());

    // One fold at a time on each device of the list.
    let devices = [Device::Cpu, Device::Cpu];
    for (name, depths) in [("dynamic depth", 1..=4), ("one depth", 1..=1)] {
        let mut config = config.clone();
        (config.model.min_depth, config.model.max_depth) = (*depths.start(), *depths.end());
        let report = cross_validate(&config.validate()?, &table.data, &devices)?;
        let errors: Vec<String> =
            report.folds.iter().map(|fold| format!("{:.1}", fold.metrics.rmse)).collect();
        println!("{name}: rmse {}", errors.join(", "));
    }
    Ok(())
}
