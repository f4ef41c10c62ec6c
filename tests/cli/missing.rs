//! Missing values that are filled in and marked, from the file to the predictions.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use rand::Rng;
use serde_json::json;
use taper::random::{Stream, generator};

use crate::common::{assert_predicts_as_tested, called, json, stderr, stdout, taper};

/// Rows of which y is 3 higher where a is missing, and 2 lower where t is.
fn rows(file: &Path, rows: usize) {
    let mut rng = generator(3, Stream::Data, 0);
    let mut text = "a,t,b,y\n".to_owned();
    for i in 0..rows {
        let (a, b) = (rng.random::<f64>(), rng.random::<f64>());
        let (no_a, no_t) = (rng.random_bool(0.3), rng.random_bool(0.3));
        let y = b + 3. * f64::from(u8::from(no_a)) - 2. * f64::from(u8::from(no_t));
        let a = if no_a { String::new() } else { a.to_string() };
        let t = if no_t { "NA" } else { ["red", "blue"][i % 2] };
        writeln!(text, "{a},{t},{b},{y}").unwrap();
    }
    fs::write(file, text).unwrap();
}

#[test]
fn marks_are_learnt_kept_and_predicted() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (data, run) = (path("rows.csv"), path("run"));
    rows(Path::new(&data), 300);
    let of_data = ["--data", &data, "--target", "y", "--epochs", "30", "--members", "1"];
    let r2 = |more: &[&str]| {
        let flags = ["cv", "--json", "--validation", "0", "--select", "last"];
        json(&taper(&[&flags, &of_data[..], more].concat()))["pooled"]["r2"].as_f64().unwrap()
    };
    let marks = ["--missing", "median", "--missing-indicator"];
    let [marked, median, mean] = [r2(&marks), r2(&marks[..2]), r2(&["--missing", "mean"])];
    println!("r2 {marked} with marks, {median} with medians alone, {mean} with means");
    assert!(marked > 0.95 && median < marked && mean < marked);

    let train = [&["train", "--json", "--holdout", "0.3", "--out", &run], &of_data[..], &marks].concat();
    let output = taper(&train);
    let document = json(&output);
    let columns = document["data"]["columns"].as_array().unwrap();
    let is_marked: Vec<_> = columns.iter().map(|column| column["marks_missing"] == true).collect();
    assert_eq!(is_marked, [true, true, false, false]);
    let said = "features beside them say where these columns are missing: a, t";
    assert!(stderr(&output).contains(said), "{}", stderr(&output));
    let model = path("run/model.safetensors");
    assert_predicts_as_tested(&run, &data, 90);
    // Rows with a missing value can still be left without a prediction, or be refused.
    let output = taper(&["predict", "-q", "--model", &model, "--data", &data, "--missing", "empty"]);
    let text = fs::read_to_string(&data).unwrap();
    for (line, prediction) in text.lines().zip(stdout(&output).lines()).skip(1) {
        assert_eq!(
            line.starts_with(',') || line.contains("NA"),
            prediction == "\"\"",
            "{line}: {prediction}"
        );
    }
    let (code, _, error) =
        called(&["predict", "-q", "--model", &model, "--data", &data, "--missing", "error"]);
    assert!(code == Some(1) && error.contains("is a missing value"), "{error}");
    let evaluated = json(&taper(&["evaluate", "--json", "--model", &model, "--data", &data]));
    assert_eq!(evaluated["rows"], 300);

    let inspected = json(&taper(&["inspect", "--json", &model]));
    let schema = &inspected["schema"];
    assert_eq!((&inspected["format"], &schema["fill"]), (&json!(5), &json!("median")));
    assert_eq!(schema["features"][0], json!({"name": "a", "marks_missing": true}));
    let (_, table, _) = called(&["inspect", &model]);
    assert!(
        table.contains("become the medians below") && table.contains("number; and whether it is missing"),
        "{table}"
    );
    let (code, _, error) = called(&["train", "-q", "--resume", &run]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
}

#[test]
fn marks_are_for_what_is_filled_in() {
    for way in ["error", "drop"] {
        let call = [
            "cv",
            "--data",
            "tests/data/diabetes.csv",
            "--target",
            "y",
            "--missing-indicator",
            "--missing",
            way,
        ];
        let expected = "error: --missing-indicator is true, which has a meaning only beside `--missing mean` or `--missing median`";
        let (code, _, error) = called(&call);
        assert_eq!((code, error.lines().next()), (Some(2), Some(expected)));
    }
}
