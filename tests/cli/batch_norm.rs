//! Networks with a batch norm, from the command line.

use std::fs;

use serde_json::Value;

use crate::common::{called, json, taper};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/diabetes.csv");

/// The lines of a prediction but the header.
fn predicted(model: &str, data: &str, more: &[&str]) -> Vec<String> {
    let args = ["predict", "-q", "--model", model, "--data", data];
    let (_, text, _) = called(&[&args[..], more].concat());
    text.lines().skip(1).map(str::to_owned).collect()
}

/// A model has the statistics of its training: it predicts a row alone as among others, and what was held out
/// of its training as training tested it.
#[test]
fn a_model_predicts_by_the_statistics_of_its_training() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (model, rows) = (path("model.safetensors"), fs::read_to_string(DATA).unwrap());
    let (header, rows) = rows.split_once('\n').unwrap();
    let rows: Vec<&str> = rows.lines().collect();
    // In the order of a time the last are held out.
    let ordered: Vec<_> = rows.iter().enumerate().map(|(i, row)| format!("{row},{i}")).collect();
    let file = |name: &str, header: &str, rows: &[String]| {
        let path = path(name);
        fs::write(&path, format!("{header}\n{}\n", rows.join("\n"))).unwrap();
        path
    };
    let train = file("train.csv", &format!("{header},t"), &ordered);
    let args = ["train", "-q", "--data", &train, "--target", "y", "--order", "t", "--epochs", "8", "--json"];
    let more = ["--holdout", "0.25", "--validation", "0.2", "--select", "best", "--averaging", "0.9"];
    let norm = ["--norm", "batch", "--block", "residual", "--hidden", "32", "--model", &model];
    let norm = [&norm[..], &["--halting", "adaptive"]].concat();
    let trained = json(&taper(&[&args[..], &more, &norm].concat()));
    let held_out = trained["holdout"]["rows"].as_u64().unwrap() as usize;
    let test = file("test.csv", &format!("{header},t"), &ordered[ordered.len() - held_out..]);
    let evaluated = json(&taper(&["evaluate", "-q", "--json", "--model", &model, "--data", &test]));
    assert_eq!(evaluated["rmse"], trained["holdout"]["rmse"], "{trained} {evaluated}");

    let all = predicted(&model, &test, &["--depth", "all"]);
    assert_eq!(all.len(), held_out);
    for (i, row) in ordered[ordered.len() - held_out..].iter().enumerate().step_by(20) {
        let alone = file("alone.csv", &format!("{header},t"), std::slice::from_ref(row));
        assert_eq!(predicted(&model, &alone, &["--depth", "all"]), all[i..=i]);
    }

    let inspected = json(&taper(&["inspect", "--json", &model]));
    assert_eq!(inspected["network"]["norm"], "batch");
    let tensors = inspected["tensors"].as_array().unwrap();
    let shape = |name: &str| &tensors.iter().find(|tensor| tensor["name"] == name).unwrap()["shape"];
    assert_eq!((shape("norm.mean"), shape("norm.weight")), (&[4, 32].into(), &[32].into()));
    let is_learned = |tensor: &&Value| {
        let name = tensor["name"].as_str().unwrap();
        !["norm.mean", "norm.variance"].contains(&name) && !name.starts_with("encoding.")
    };
    let elements = |tensor: &Value| -> u64 {
        tensor["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).product()
    };
    let learned: u64 = tensors.iter().filter(is_learned).map(elements).sum();
    assert_eq!(inspected["parameters"], learned);
    let (_, plans, _) = called(&["inspect", "--plan", &model]);
    assert!(plans.contains("batch_norm(v") && plans.contains("hidden_4.weight"), "{plans}");
}

/// However many networks are trained at a time.
#[test]
fn jobs_do_not_matter() {
    let args = ["cv", "-q", "--json", "--data", DATA, "--target", "y", "--epochs", "3", "--norm", "batch"];
    let more = ["--validation", "0.2", "--select", "refit", "--batch-size", "50"];
    let [one, all] = ["1", "4"].map(|jobs| json(&taper(&[&args[..], &more, &["--jobs", jobs]].concat())));
    assert!(one["mean"]["rmse"].as_f64().unwrap() < 77.);
    for (one, all) in one["folds"].as_array().unwrap().iter().zip(all["folds"].as_array().unwrap()) {
        assert_eq!((&one["rmse"], &one["validation"]["loss"]), (&all["rmse"], &all["validation"]["loss"]));
    }
}
