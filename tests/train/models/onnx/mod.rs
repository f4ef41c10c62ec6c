//! Exported models, held against the models themselves by a runtime of our own. `tests/reference/exported.py`
//! does it with onnxruntime.

mod features;
mod file;
mod runtime;

use std::collections::HashMap;
use std::fs;

use candle_core::{DType, Device, Tensor, Var};
use candle_nn::VarMap;
use taper::config::ModelConfig;
use taper::data::{Scaling, Transform, Unknown};
use taper::model::{MissingRows, Model, PredictOptions, Schema};
use taper::nn::{Block, CosInit, DynamicNet, Halting, LayerKind, Nonlinearity, Norm, seeded_builder};
use taper::onnx::ExportOptions;
use taper::ops::{Prior, Quantiles};
use taper::random::{Stream, generator};

use super::bad_calls::taper;
use super::{folder, owned, towns};
use crate::compare::values;
use file::Message;
use runtime::{Value, constants, run};

/// Rows of age, town and size, some with what is missing.
const ROWS: [[&str; 3]; 6] = [
    ["31.5", "Köln", "70"],
    ["64", "Bonn", "110.25"],
    ["", "Ulm", "45.5"],
    ["22", "NA", "-300"],
    ["1e4", "Bonn", "nan"],
    ["-7.25", "nULL", "0.001"],
];

/// The rows as the inputs of a graph.
fn columns(rows: &[[&str; 3]]) -> HashMap<String, Value> {
    let numbers = |i: usize| {
        let numbers: Vec<f64> = rows.iter().map(|row| row[i].parse().unwrap_or(f64::NAN)).collect();
        Value::Numbers(Tensor::from_vec(numbers, (rows.len(), 1), &Device::Cpu).unwrap())
    };
    let town = Value::Texts(rows.iter().map(|row| row[1].to_owned()).collect());
    HashMap::from([
        ("age".to_owned(), numbers(0)),
        ("town".to_owned(), town),
        ("size".to_owned(), numbers(2)),
    ])
}

/// The rows as a file.
fn csv(rows: &[[&str; 3]]) -> String {
    let lines = rows.iter().map(|row| row.join(","));
    ["age,town,size".to_owned()].into_iter().chain(lines).collect::<Vec<_>>().join("\n")
}

/// A model of `config` none of whose parameters is 0 or 1, for what [`towns`] has.
fn model(config: &ModelConfig, dtype: DType, encoded: usize, quantiles: Option<Quantiles>) -> Model {
    let schema = Schema { fills_missing: true, quantiles, ..towns(dtype) };
    let vars = VarMap::new();
    let vb = seeded_builder(&vars, generator(1, Stream::Init, 0), dtype, &Device::Cpu);
    if encoded > 0 {
        let bend = Tensor::zeros(encoded, dtype, &Device::Cpu).unwrap();
        vars.data().lock().unwrap().insert("encoding.bend".to_owned(), Var::from_tensor(&bend).unwrap());
    }
    let spec = taper::nn::DynamicNetSpec { encoded, ..config.network(schema.width(), schema.outputs()) };
    let net = DynamicNet::new(&spec, vb).unwrap();
    for (name, var) in vars.data().lock().unwrap().iter() {
        let places = Tensor::arange(0f64, var.elem_count() as f64, &Device::Cpu).unwrap();
        let set = match name.as_str() {
            "encoding.feature" => (places / 2.).unwrap().floor().unwrap(),
            "encoding.low" => (places * 0.).unwrap().affine(1., -0.75).unwrap(),
            "encoding.high" => places.affine(0., 0.5).unwrap(),
            "encoding.bend" => (places * 0.25).unwrap(),
            _ => {
                let more = (places.sin().unwrap() * 0.3).unwrap();
                (more + var.flatten_all().unwrap().to_dtype(DType::F64).unwrap()).unwrap()
            }
        };
        var.set(&set.reshape(var.shape()).unwrap().to_dtype(dtype).unwrap()).unwrap();
    }
    let rows = Tensor::arange(0f64, 40., &Device::Cpu).unwrap().sin().unwrap();
    let rows = rows.reshape((8, schema.width())).unwrap().to_dtype(dtype).unwrap();
    let net = if config.norm == Norm::Batch { net.with_statistics(&rows).unwrap() } else { net };
    Model::new(&net, schema).unwrap()
}

/// The largest difference of outputs from the predictions of `model`, in parts of the largest prediction of
/// each.
fn difference(model: &Model) -> f64 {
    let file = super::file("rows.csv", csv(&ROWS));
    let x = model.read(&file).unwrap();
    let y = model.predict(&x).unwrap();
    let mut expected: Vec<_> = (0..2).map(|target| values(&y.narrow(1, target, 1).unwrap())).collect();
    if model.schema().quantiles.is_some() {
        let all = model.predict_quantiles(&x).unwrap().flatten_from(1).unwrap();
        expected.extend((0..all.dims()[1]).map(|i| values(&all.narrow(1, i, 1).unwrap())));
    }
    let exported = model.to_onnx(ExportOptions::default()).unwrap();
    let found = run(&exported.bytes, columns(&ROWS)).unwrap();
    assert_eq!(found.len(), expected.len());
    let mut largest = 0f64;
    for (name, expected) in exported.outputs.iter().zip(&expected) {
        let scale = expected.iter().fold(0f64, |largest, y| largest.max(y.abs()));
        for (found, expected) in values(&found[name]).iter().zip(expected) {
            let difference = (found - expected).abs() / scale;
            largest = if difference <= largest { largest } else { difference };
        }
    }
    largest
}

#[test]
fn graphs_of_every_network_predict_as_the_model_does() {
    let plain = ModelConfig { hidden: 6, max_depth: 3, ..ModelConfig::default() };
    let adaptive = ModelConfig { halting: Halting::Adaptive, max_depth: 5, ..plain.clone() };
    let cases = [
        plain.clone(),
        ModelConfig { min_depth: 0, layer: LayerKind::Cos(CosInit::Centred), ..plain.clone() },
        ModelConfig { block: Block::Residual, norm: Norm::Rms, skip: true, ..plain.clone() },
        ModelConfig {
            block: Block::Injection,
            norm: Norm::Layer,
            activation: Nonlinearity::Silu,
            ..plain.clone()
        },
        ModelConfig { norm: Norm::Batch, activation: Nonlinearity::Mish, dropout: 0.2, ..plain.clone() },
        ModelConfig { activation: Nonlinearity::Gelu, members: 3, skip: true, ..plain.clone() },
        ModelConfig { halting: Halting::Shared, ..plain.clone() },
        adaptive.clone(),
        ModelConfig { exit: 1., prior: Prior::Geometric, skip: true, ..adaptive },
    ];
    // In f32, in f64, and in f64 with gelu, whose erf is in f32 there.
    let mut largest = [0f64; 3];
    for config in &cases {
        for dtype in [DType::F32, DType::F64] {
            let has_erf = config.activation == Nonlinearity::Gelu;
            let largest = &mut largest[usize::from(dtype == DType::F64) * (1 + usize::from(has_erf))];
            for (encoded, quantiles) in [(0, None), (10, None), (0, Some(Quantiles::DECILES))] {
                if quantiles.is_some() && config.halting != Halting::None {
                    continue;
                }
                let found = difference(&model(config, dtype, encoded, quantiles));
                *largest = if found <= *largest { *largest } else { found };
            }
        }
    }
    println!("largest differences {largest:?}");
    assert!(largest[0] <= 2e-6 && largest[1] <= 1e-13 && largest[2] <= 1e-7, "{largest:?}");
}

/// Targets of which one is transformed and the other may have limits, with and without quantiles, also beyond
/// these.
#[test]
fn transforms_are_inverted() {
    let config = ModelConfig { hidden: 6, ..ModelConfig::default() };
    let mut largest = 0f64;
    for lambda in [None, Some(0.), Some(2.), Some(-0.7), Some(1.), Some(3.)] {
        for quantiles in [None, Some(Quantiles::DECILES)] {
            let plain = model(&config, DType::F64, 0, quantiles);
            let transform = match lambda {
                None => Transform::Log,
                Some(lambda) => Transform::YeoJohnson { lambda },
            };
            let y = [[1f64, -0.5], [2., 0.3], [0.7, 1.1]];
            let y = Tensor::new(&y, &Device::Cpu).unwrap();
            let of_first =
                |i, _: &[f64]| if i == usize::from(lambda.is_some()) { Some(transform) } else { None };
            let transformed = Scaling::transformed(&y, &[0, 1, 2], of_first).unwrap();
            let limited = transformed.clone().limited(&y, &[0, 1, 2]).unwrap();
            assert_ne!(limited, transformed);
            for target_scaling in [transformed, limited].map(Some) {
                let schema = Schema { target_scaling, ..plain.schema().clone() };
                let found = difference(&Model::new(plain.network(), schema).unwrap());
                largest = if found <= largest { largest } else { found };
            }
        }
    }
    println!("largest difference {largest:e}");
    assert!(largest <= 1e-13, "{largest:e}");
}

/// What a graph makes of rows that training did not have is what `taper predict` makes of them.
#[test]
fn missing_values_and_unknown_texts_are_handled_as_by_predict() {
    let trained = model(&ModelConfig { hidden: 6, ..ModelConfig::default() }, DType::F32, 0, None);
    let mut schema = trained.schema().clone();
    schema.fills_missing = false;
    let strict = Model::new(trained.network(), schema).unwrap();
    let mut rows = ROWS.to_vec();
    rows.push(["40", "Rom", "80"]);
    let file = super::file("strange.csv", csv(&rows));
    let predicted = |missing, unknown| {
        let options = PredictOptions { missing, unknown, ..PredictOptions::default() };
        let mut predictions = strict.predict_file(&file, &options).unwrap();
        let text = String::from_utf8(predictions.next_block().unwrap().unwrap()).unwrap();
        let prices =
            text.lines().skip(1).map(|line| line.split(',').next().unwrap().parse().unwrap_or(f64::NAN));
        prices.collect::<Vec<f64>>()
    };
    let exported = |missing, unknown| {
        let bytes = strict.to_onnx(ExportOptions { missing, unknown }).unwrap().bytes;
        run(&bytes, columns(&rows)).map(|outputs| values(&outputs["price"]))
    };
    for unknown in [Unknown::Zeros, Unknown::Missing] {
        for missing in [MissingRows::Mean, MissingRows::Empty] {
            let (expected, found) = (predicted(missing, unknown), exported(missing, unknown).unwrap());
            let is_close =
                |(e, f): (&f64, &f64)| (e.is_nan() && f.is_nan()) || (e - f).abs() <= 1e-5 * e.abs();
            assert!(expected.iter().zip(&found).all(is_close), "{expected:?} {found:?}");
            let without =
                if missing == MissingRows::Mean { 0 } else { 4 + usize::from(unknown == Unknown::Missing) };
            assert_eq!(found.iter().filter(|y| y.is_nan()).count(), without);
        }
    }
    // As trained, missing values have no prediction, and an unknown town is refused.
    assert!(
        exported(MissingRows::Trained, Unknown::Error).unwrap_err().to_string().contains("unknown category")
    );
    assert!(exported(MissingRows::Trained, Unknown::Zeros).unwrap()[2].is_nan());
    let error = strict.to_onnx(ExportOptions { missing: MissingRows::Error, ..Default::default() });
    assert!(error.unwrap_err().to_string().contains("a graph cannot refuse a number"));
}

/// The parameters lie in the file as they are, under their names.
#[test]
fn constants_are_the_parameters() {
    let model = model(&ModelConfig { hidden: 6, ..ModelConfig::default() }, DType::F32, 0, None);
    let bytes = model.to_onnx(ExportOptions::default()).unwrap().bytes;
    let constants = constants(&bytes);
    for (name, parameter) in model.parameters() {
        assert_eq!(values(parameter), values(&constants[name]), "{name}");
    }
    // Names that would be taken twice get numbers.
    let schema = Schema {
        features: ["hidden.weight", "gemm", "where"].map(|name| super::column(name, &[])).to_vec(),
        targets: owned(&["concat"]),
        ..Schema::unnamed(3, 1)
    };
    let scaling = Scaling::standard(&Tensor::new(&[[1f64, 2., 3.]], &Device::Cpu).unwrap(), &[0]).unwrap();
    let model = super::model(Schema { feature_scaling: Some(scaling), ..schema });
    let bytes = model.to_onnx(ExportOptions::default()).unwrap().bytes;
    let graph = &Message::new(&bytes).messages(7)[0];
    let mut names: Vec<_> = graph.messages(1).iter().map(|node| node.text(2)).collect();
    names.extend(graph.messages(5).iter().map(|constant| constant.text(8)));
    names.extend(graph.messages(11).iter().map(|input| input.text(1)));
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn the_command_says_inputs_and_outputs_and_replaces_nothing() {
    let model = model(&ModelConfig::default(), DType::F32, 0, Some(Quantiles::DECILES));
    model.save(folder().join("m.safetensors")).unwrap();
    let output = taper("export m.safetensors --onnx m.onnx --force");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        text,
        "m.onnx: an ONNX graph\ninput   double (N, 1)  age\ninput   string (N, 1)  town\ninput   double (N, 1)  size\n\
         output  double (N, 1)  price\noutput  double (N, 1)  rent\noutput  double (N, 1)  price_q0.1\n\
         output  double (N, 1)  price_q0.5\noutput  double (N, 1)  price_q0.9\noutput  double (N, 1)  rent_q0.1\n\
         output  double (N, 1)  rent_q0.5\noutput  double (N, 1)  rent_q0.9\n"
    );
    let bytes = fs::read(folder().join("m.onnx")).unwrap();
    assert_eq!(bytes, model.to_onnx(ExportOptions::default()).unwrap().bytes);
    let file = Message::new(&bytes);
    assert_eq!(
        (file.int(1), file.text(2), file.text(3)),
        (8, "taper".into(), model.taper_version().to_owned())
    );
    let facts: HashMap<_, _> = file.messages(14).iter().map(|fact| (fact.text(1), fact.text(2))).collect();
    assert_eq!((facts["targets"].as_str(), facts["missing"].as_str()), (r#"["price","rent"]"#, "mean"));
    assert_eq!(facts["sha256"].len(), 64);
    let refused = taper("export m.safetensors --onnx m.onnx");
    let message = String::from_utf8(refused.stderr).unwrap();
    assert!(
        refused.status.code() == Some(2) && message.contains("already exists; `--force` replaces it"),
        "{message}"
    );
    let refused = taper("export m.safetensors --onnx e.onnx --missing error");
    let message = String::from_utf8(refused.stderr).unwrap();
    assert!(refused.status.code() == Some(2) && message.contains("expected `--missing empty`"), "{message}");
    let refused = taper("export none.safetensors --onnx e.onnx");
    assert_eq!(refused.status.code(), Some(2));
    let document =
        String::from_utf8(taper("export m.safetensors --onnx j.onnx --force --json").stdout).unwrap();
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert_eq!((&document["file"], &document["inputs"][1]["type"]), (&"j.onnx".into(), &"string".into()));
}
