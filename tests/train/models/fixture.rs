//! Models that were written once: a format that was read is read for ever.
//!
//! `tests/data/models/` has a model of each format. `cargo test --test train models -- --ignored` writes
//! those of the present format anew, and then `python tests/reference/models.py` what numpy predicts with
//! them.

use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use candle_nn::VarMap;
use taper::Model;
use taper::config::{ModelConfig, TrainConfig};
use taper::data::Dataset;
use taper::metrics::Details;
use taper::model::{Holdout, Schema, Training};
use taper::nn::{CosInit, DynamicNet, LayerKind, seeded_builder};
use taper::random::{Stream, generator};
use taper::train::Trainer;

use super::towns;
use crate::compare::{Tolerance, assert_close, values};
use crate::reference::{array, numbers, reference};

const FIXTURES: [(&str, DType, LayerKind); 2] = [
    ("linear-f32-1", DType::F32, LayerKind::Linear),
    ("cos-f64-1", DType::F64, LayerKind::Cos(CosInit::Centred)),
];

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models").join(format!("{name}.safetensors"))
}

#[test]
fn models_of_every_format_predict_as_numpy_does() {
    let reference = reference("models.json");
    for (name, dtype, layer) in FIXTURES {
        let model = Model::load(path(name)).unwrap();
        assert_eq!(model.schema(), &Schema { fills_missing: true, ..towns(dtype) });
        assert_eq!((DType::from(model.dtype()), model.network().depths()), (dtype, 0..=2));
        assert_eq!(model.training(), Some(&training()));
        let case = &reference[name];
        assert_eq!(case["layer"], layer.name());

        let x: Vec<_> = array(&case["x"]).iter().map(numbers).collect();
        let x = Tensor::new(x, &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
        let y = model.predict_all_depths(&x).unwrap();
        // numpy computes in f64 with the parameters as they are in the file.
        let tolerance = match dtype {
            DType::F32 => Tolerance { rtol: 2e-6, atol: 1e-4 },
            _ => Tolerance { rtol: 1e-13, atol: 1e-11 },
        };
        assert_close(&format!("{name}: mean"), &values(&y.mean), &numbers(&case["mean"]), tolerance);
        assert_close(
            &format!("{name}: depths"),
            &values(&y.by_depth),
            &numbers(&case["by_depth"]),
            tolerance,
        );
    }
}

/// What is written today is what was written when version 2 of the format began, so that the version must
/// change with it; version 1 is read.
#[test]
fn the_format_is_what_it_was() {
    for (name, ..) in FIXTURES {
        let bytes = fs::read(path(&second(name))).unwrap();
        for name in [name, &second(name)] {
            let model = Model::load(path(name)).unwrap();
            assert!(model.to_bytes().unwrap() == bytes, "{name} is written otherwise");
        }
    }
}

/// The name of the file in version 2 of the format.
fn second(name: &str) -> String {
    name.replace("-1", "-2")
}

fn training() -> Training {
    let metrics =
        serde_json::from_str(r#"{"mse": 12.5, "rmse": 3.5355339059327378, "mae": 3.25, "r2": 0.875}"#);
    Training {
        data: Some("towns.csv".to_owned()),
        rows: 3,
        epochs: 40,
        seed: 1,
        train_loss: None,
        objective: None,
        holdout: Some(Holdout {
            rows: 2,
            metrics: metrics.unwrap(),
            details: Details::default(),
            targets: Vec::new(),
        }),
    }
}

#[test]
#[ignore = "writes the fixtures"]
fn write_fixtures() {
    for (name, dtype, layer) in FIXTURES {
        let schema = Schema { fills_missing: true, ..towns(dtype) };
        let config = ModelConfig { hidden: 4, min_depth: 0, max_depth: 2, layer, ..ModelConfig::default() };
        let vars = VarMap::new();
        let vb = seeded_builder(&vars, generator(1, Stream::Init, 0), dtype, &Device::Cpu);
        let net = DynamicNet::new(&config.network(5, 2), vb).unwrap();
        let mut trainer = Trainer::new(net, &vars, &TrainConfig::default(), 1, 0).unwrap();
        let x = Tensor::new(
            &[[-0.5f64, 0., 1., 0., 0.], [1., 1., 0., 0., 1.], [0., 0., 0., 1., -1.]],
            &Device::Cpu,
        );
        let y = Tensor::new(&[[0f64, -0.5], [1., 1.], [-1., 0.25]], &Device::Cpu);
        let [x, y] = [x, y].map(|tensor| tensor.unwrap().to_dtype(dtype).unwrap());
        let data = Dataset::new(x, y).unwrap();
        for _ in 0..40 {
            trainer.epoch(&data, &mut [0, 1, 2]).unwrap();
        }
        let model = Model::new(trainer.net(), schema).unwrap().with_training(training());
        model.save(path(&second(name))).unwrap();
    }
}
