//! Trained models: their file, their predictions, and the message of everything that is none.

mod bad_calls;
mod bad_files;
mod command;
mod fixture;
mod numbers;
mod onnx;
mod predict;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarMap;
use taper::Model;
use taper::config::{Fill, ModelConfig};
use taper::data::{Column, Scaling};
use taper::model::Schema;
use taper::nn::{DynamicNet, seeded_builder};
use taper::random::{Stream, generator};

/// The folder of the files of the test that runs, whose thread has its name.
fn folder() -> PathBuf {
    let test = thread::current().name().unwrap_or_default().replace("::", "_");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("models").join(test);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Writes `bytes` to the file `name` of the test that runs.
fn file(name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// A column of texts, or of numbers if there are no categories.
fn column(name: &str, categories: &[&str]) -> Column {
    Column { name: name.to_owned(), categories: owned(categories), ..Column::default() }
}

/// The columns age, town (Bonn, Köln or Ulm) and size, and the targets price and rent, both of them scaled.
fn towns(dtype: DType) -> Schema {
    let x = [[31.5, 0., 1., 0., 70.], [64., 1., 0., 0., 110.25], [22., 0., 0., 1., 45.5]];
    let y = [[210., 900.5], [350., 1250.], [180., 700.]];
    let fit = |rows: &[f64], columns| {
        let rows = Tensor::from_slice(rows, (3, columns), &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
        Some(Scaling::standard(&rows, &[0, 1, 2]).unwrap())
    };
    Schema {
        features: vec![column("age", &[]), column("town", &["Bonn", "Köln", "Ulm"]), column("size", &[])],
        targets: owned(&["price", "rent"]),
        na: Vec::new(),
        fills_missing: false,
        fill: Fill::Mean,
        category_means: None,
        feature_scaling: fit(x.as_flattened(), 5),
        target_scaling: fit(y.as_flattened(), 2),
        quantiles: None,
        residuals: None,
    }
}

/// A network for `schema` as it is before training.
fn net(config: &ModelConfig, schema: &Schema, dtype: DType) -> DynamicNet {
    let vb = seeded_builder(&VarMap::new(), generator(1, Stream::Init, 0), dtype, &Device::Cpu);
    DynamicNet::new(&config.network(schema.width(), schema.targets.len()), vb).unwrap()
}

/// A small model for `schema` in `f32`.
fn model(schema: Schema) -> Model {
    let config = ModelConfig { hidden: 6, max_depth: 3, ..ModelConfig::default() };
    Model::new(&net(&config, &schema, DType::F32), schema).unwrap()
}

/// The bits of numbers in row-major order.
fn bits(x: &Tensor) -> Vec<u64> {
    crate::compare::values(x).into_iter().map(f64::to_bits).collect()
}
