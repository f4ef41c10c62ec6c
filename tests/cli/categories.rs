//! Texts of many values as means of the target, from the file to the predictions.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use rand::Rng;
use serde_json::{Value, json};
use taper::random::{Stream, generator};

use crate::common::{assert_predicts_as_tested, called, json, stderr, stdout, taper};

/// Rows of which y depends on a number and, by `effect`, on which of 100 towns they are in; which of 100 colours
/// they have says nothing.
fn rows(file: &Path, effect: f64) {
    let mut rng = generator(11, Stream::Data, 0);
    let towns: Vec<f64> = (0..100).map(|_| rng.random_range(-1. ..1.)).collect();
    let mut text = "a,town,colour,y\n".to_owned();
    for i in 0..600 {
        let (a, town, colour) =
            (rng.random_range(-1. ..1.), rng.random_range(0..100usize), rng.random_range(0..100));
        let y = a + effect * towns[town] + rng.random_range(-0.5..0.5);
        let town = if i % 40 == 3 { "NA".to_owned() } else { format!("t{town}") };
        writeln!(text, "{a},{town},c{colour},{y}").unwrap();
    }
    fs::write(file, text).unwrap();
}

#[test]
fn means_are_learnt_kept_and_predicted() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (data, run, new) = (path("rows.csv"), path("run"), path("new.csv"));
    rows(Path::new(&data), 1.);
    let of_data = ["--data", &data, "--target", "y", "--missing", "mean", "--epochs", "30", "--members", "1"];
    let cv = |more: &[&str]| {
        let flags = ["cv", "--json", "--validation", "0", "--select", "last"];
        json(&taper(&[&flags, &of_data[..], more].concat()))
    };
    let rmse = |document: &Value| document["pooled"]["rmse"].as_f64().unwrap();
    let both = cv(&[]);
    let [with, without] =
        [&["--drop", "colour"], &["--drop", "town,colour"]].map(|drop| rmse(&cv(&drop[..])));
    println!("rmse {} with towns and colours, {with} with towns, {without} without", rmse(&both));
    // The noise has 0.289; a network that learnt the colours of its own rows by heart would have more.
    assert!(with < 0.9 * without && rmse(&both) < 1.03 * with);
    // Ridge regression on the same means knows no better.
    let ridge = both["baselines"][1]["pooled"]["rmse"].as_f64().unwrap();
    assert!(rmse(&both) < 1.1 * ridge, "{ridge}");

    let output = taper(&[&["train", "--json", "--holdout", "0.3", "--out", &run], &of_data[..]].concat());
    let document = json(&output);
    let town = &document["data"]["columns"][1];
    assert_eq!(
        (&town["categories"], &town["target_means"], &town["missing"]),
        (&json!(98), &json!(1), &json!(15))
    );
    let said = "column 'town' has 98 texts; its feature is the mean target of other rows of the same text";
    assert!(stderr(&output).contains(said), "{}", stderr(&output));
    let model = path("run/model.safetensors");
    assert_predicts_as_tested(&run, &data, 180);
    let evaluated = json(&taper(&["evaluate", "--json", "--model", &model, "--data", &data]));
    assert_eq!(evaluated["rows"], 600);

    // A new text is refused, or one of which nothing is known.
    fs::write(&new, "a,town,colour\n0.5,Ulm,c1\n").unwrap();
    let predict = ["predict", "-q", "--model", &model, "--data", &new];
    let (code, _, error) = called(&predict);
    assert!(code == Some(1) && error.contains("'Ulm' is a value that the model has not learnt"), "{error}");
    for unknown in ["zeros", "missing"] {
        let output = taper(&[&predict[..], &["--unknown", unknown]].concat());
        let prediction: f64 = stdout(&output).lines().nth(1).unwrap().parse().unwrap();
        assert!((prediction - 0.5).abs() < 0.5, "{unknown}: {prediction}");
    }

    let inspected = json(&taper(&["inspect", "--json", &model]));
    let schema = &inspected["schema"];
    assert_eq!((&inspected["format"], &schema["features"][1]["target_means"]), (&json!(5), &json!(1)));
    assert_eq!(schema["category_means"][0]["differences"].as_array().unwrap().len(), 99);
    let (_, table, _) = called(&["inspect", &model]);
    assert!(table.contains("text, as means of the target: t0, t1"), "{table}");
    let (code, _, error) = called(&["train", "-q", "--resume", &run]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
}

/// What is not in the data cannot raise the error by more than noise, as it would if rows were encoded by their
/// own targets: of six rows of a value each is a sixth of the mean.
#[test]
fn texts_that_say_nothing_do_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("rows.csv");
    rows(&data, 0.);
    let rmse = |more: &[&str]| {
        let flags = ["cv", "--json", "--target", "y", "--missing", "mean", "--members", "1", "--data"];
        let output = taper(&[&flags[..], &[data.to_str().unwrap()], more].concat());
        json(&output)["pooled"]["rmse"].as_f64().unwrap()
    };
    let [with, without] = [rmse(&[]), rmse(&["--drop", "town,colour"])];
    println!("rmse {with} with texts that say nothing, {without} without");
    assert!(with < 1.02 * without);
}
