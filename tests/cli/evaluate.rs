//! `taper evaluate`: the errors of a model on rows whose targets are known.

use std::fs;

use serde_json::Value;

use super::common::called;

/// On the rows that training held out, the errors are those that training found there.
#[test]
fn the_errors_of_held_out_rows_are_those_of_the_training() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let data = "tests/data/diabetes.csv";
    let run = path("run");
    let train = ["train", "-q", "--data", data, "--target", "y,s1", "--epochs", "3", "--holdout", "0.3"];
    let (code, _, message) = called(&[&train[..], &["--out", &run]].concat());
    assert_eq!(code, Some(0), "{message}");
    let results: Value = serde_json::from_slice(&fs::read(format!("{run}/results.json")).unwrap()).unwrap();

    // The rows that were held out, in another order of columns.
    let mut held_out = csv::Reader::from_path(format!("{run}/predictions.csv")).unwrap();
    let held_out: Vec<usize> = held_out.records().map(|row| row.unwrap()[0].parse().unwrap()).collect();
    let mut all = csv::Reader::from_path(data).unwrap();
    let header: Vec<String> = all.headers().unwrap().iter().rev().map(str::to_owned).collect();
    let rows: Vec<csv::StringRecord> = all.records().map(Result::unwrap).collect();
    let mut text = header.join(";") + "\n";
    for row in held_out {
        text += &rows[row].iter().rev().collect::<Vec<_>>().join(";");
        text.push('\n');
    }
    fs::write(path("new.csv"), &text).unwrap();
    let model = format!("{run}/model.safetensors");
    let call = ["evaluate", "--model", &model, "--data", &path("new.csv")];
    let (code, json, message) = called(&[&call[..], &["--json", "--report", &path("page.html")]].concat());
    assert_eq!(code, Some(0), "{message}");
    let found: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&found["rows"], &found["left_out"]), (&results["holdout"]["rows"], &0.into()));
    for key in ["mse", "rmse", "mae", "r2", "mse_by_depth", "targets"] {
        assert_eq!(found[key], results["holdout"][key], "{key}");
    }
    let page = fs::read_to_string(path("page.html")).unwrap();
    assert!(page.contains("taper evaluate") && page.contains("<svg") && !page.contains("<dt>train.lr</dt>"));
    let (_, table, _) = called(&call);
    assert!(table.lines().next().unwrap().trim_start().starts_with("rows"), "{table}");
    assert!(table.lines().any(|line| line.trim_start().starts_with("s1 ")), "{table}");

    // Rows without a target, and with one that is no number.
    let first = text.lines().nth(1).unwrap();
    let (_, rest) = first.split_once(';').unwrap();
    fs::write(path("gaps.csv"), format!("{text};{rest}\n")).unwrap();
    let gaps = ["evaluate", "--model", &model, "--data", &path("gaps.csv")];
    let (code, _, message) = called(&gaps);
    let expected =
        ":y: '' is a missing value, and a target is needed; `--missing-target drop` leaves out such rows";
    assert!(code == Some(1) && message.contains(expected), "{message}");
    let (code, json, message) = called(&[&gaps[..], &["--missing-target", "drop", "--json"]].concat());
    assert!(
        code == Some(0) && message.contains("rows that were left out, since a value is missing: 1"),
        "{message}"
    );
    let dropped: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&dropped["mse"], &dropped["left_out"]), (&found["mse"], &1.into()));
    fs::write(path("word.csv"), format!("{text}much;{rest}\n")).unwrap();
    let (code, _, message) = called(&["evaluate", "--model", &model, "--data", &path("word.csv")]);
    assert!(
        code == Some(1) && message.contains("'much' is not a number, expected one in a target"),
        "{message}"
    );
    let (_, features) = text.split_once('\n').unwrap();
    fs::write(path("bare.csv"), format!("{}\n{features}", header.join(";").replace('y', "z"))).unwrap();
    let (code, _, message) = called(&["evaluate", "--model", &model, "--data", &path("bare.csv")]);
    assert!(code == Some(2) && message.contains("--target is 'y', which"), "{message}");
}
