//! The commands `taper predict` and `taper inspect`.

use std::fs;

use candle_core::DType;
use serde_json::Value;
use taper::config::TrainConfig;
use taper::metrics::Details;
use taper::model::{Holdout, Objective, Schema, Training};
use taper::nn::Halting;

use super::bad_calls::taper;
use super::{file, folder, model, towns};
use crate::compare::values;

const TEXT: &str = "id,age,town,size\na,31.5,Köln,70\nb,64,Bonn,110.25\n";

#[test]
fn predictions_go_to_standard_output_or_to_a_file() {
    let model = model(towns(DType::F32));
    let path = folder().join("command.safetensors");
    model.save(&path).unwrap();
    let data = file("command.csv", TEXT);
    let y = values(&model.predict(&model.read(&data).unwrap()).unwrap());
    let expected =
        format!("id,prediction:price,prediction:rent\na,{:?},{:?}\nb,{:?},{:?}\n", y[0], y[1], y[2], y[3]);

    let call = "predict --model command.safetensors --data command.csv --keep id";
    let output = taper(call);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.contains("rows predicted: 2") && !log.contains("not used"), "{log}");

    let output = taper(&format!("{call} --out command_out.csv --quiet --force"));
    assert_eq!((output.status.code(), output.stdout, output.stderr), (Some(0), vec![], vec![]));
    assert_eq!(fs::read_to_string(folder().join("command_out.csv")).unwrap(), expected);
    // It is replaced only on demand.
    assert_eq!(taper(&format!("{call} --out command_out.csv")).status.code(), Some(2));
    let output = taper(&format!("{call} --out command_out.csv --force --depth 2"));
    assert_eq!(output.status.code(), Some(0));
    let text = fs::read_to_string(folder().join("command_out.csv")).unwrap();
    assert!(text.starts_with("id,depth_2:price,depth_2:rent\n"), "{text}");

    // Columns that are not used are named, but for the targets.
    file("more.csv", "rent,age,town,size,garden\n1,31.5,Köln,70,2\n");
    let log = taper("predict --model command.safetensors --data more.csv").stderr;
    let log = String::from_utf8(log).unwrap();
    assert!(log.contains("not used, since the model was trained without: garden"), "{log}");

    file("rome.csv", "age,town,size\n31.5,Rom,70\n,Ulm,70\n");
    let ways = "--unknown zeros --missing empty";
    let output = taper(&format!("predict --model command.safetensors --data rome.csv {ways}"));
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.contains("texts that were not in the training: 1"), "{log}");
    assert!(log.contains("rows with a missing value, and so without a prediction: 1"), "{log}");
}

#[test]
fn what_is_in_a_model_is_printed() {
    let metrics = serde_json::from_str(r#"{"mse": 4, "rmse": 2, "mae": 1.5, "r2": 0.75}"#).unwrap();
    let training = Training {
        data: Some("towns.csv".to_owned()),
        rows: 3,
        epochs: 25,
        seed: 7,
        train_loss: Some(0.5),
        objective: Some(Objective::new(&TrainConfig::default(), Halting::None)),
        holdout: Some(Holdout { rows: 2, metrics, details: Details::default(), targets: Vec::new() }),
    };
    let schema = Schema { fills_missing: true, ..towns(DType::F32) };
    let model = model(schema).with_training(training);
    model.save(folder().join("inspect.safetensors")).unwrap();

    let output = taper("inspect inspect.safetensors");
    assert_eq!((output.status.code(), output.stderr), (Some(0), vec![]));
    let text = String::from_utf8(output.stdout).unwrap();
    println!("{text}");
    for part in [
        "inspect.safetensors: a model of taper, whole by its checksum",
        "network: 5 -> 6 -> 2, linear layers, F32, depths 1 to 3, 92 parameters",
        "training: 3 rows of towns.csv, 25 epochs, seed 7, mse at depths drawn uniformly, loss 0.5000 in the last epoch",
        "2 rows held out: mse 4.000, rmse 2.000, mae 1.500, r2 0.75000",
        "missing values: become the means below",
        "| town    | text: Bonn, Köln, Ulm |",
        "| price  |",
        "| hidden.weight | [6, 6] |",
    ] {
        assert!(text.contains(part), "{part} is missing");
    }

    let output = taper("inspect inspect.safetensors --json");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&json["format"], &json["checksum"]), (&2.into(), &"matches".into()));
    assert_eq!((&json["parameters"], &json["network"]["hidden"]), (&92.into(), &6.into()));
    assert_eq!(json["schema"]["features"][1]["categories"][1], "Köln");
    assert_eq!((&json["training"]["holdout"]["rmse"], &json["training"]["seed"]), (&2.0.into(), &7.into()));
    let objective = serde_json::json!({"loss": "mse", "depths": "uniform"});
    assert_eq!(json["training"]["objective"], objective);
    assert_eq!(json["tensors"][0]["name"], "hidden.bias");
    let schema: Schema = serde_json::from_value(json["schema"].clone()).unwrap();
    assert_eq!(&schema, model.schema());
}
