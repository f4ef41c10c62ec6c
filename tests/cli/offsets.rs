//! Columns whose numbers have most of their digits in common, such as dates.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use rand::Rng;
use serde_json::Value;
use taper::random::{Stream, generator};

use crate::common::{json, stdout, taper};

/// 200 rows of a day in steps of a minute, a number and two targets that depend on both, each with an offset.
/// The numbers are multiples of 2^-10, so that a double has room for all digits with an offset and without.
fn with_offsets(file: &Path, offsets: [f64; 4]) -> Vec<[f64; 4]> {
    let mut rng = generator(5, Stream::Data, 0);
    let mut text = "day,a,y,z\n".to_owned();
    let mut rows = Vec::new();
    for i in 0..200 {
        let (day, a) = (f64::from(i) / 1024., rng.random_range(-512..512));
        let a = f64::from(a) / 1024.;
        let y = (f64::from(rng.random_range(-64..64)) + 8192. * day) / 1024. + a;
        let row = [day, a, y, 1000. * a].map(|number| (number * 1024.).round() / 1024.);
        let row: Vec<f64> = row.iter().zip(offsets).map(|(number, offset)| number + offset).collect();
        writeln!(text, "{}", row.iter().map(f64::to_string).collect::<Vec<_>>().join(",")).unwrap();
        rows.push(row.try_into().unwrap());
    }
    fs::write(file, text).unwrap();
    rows
}

fn errors(results: &Value) -> Vec<f64> {
    let of = |errors: &Value| ["mse", "mae", "r2"].map(|key| errors[key].as_f64().unwrap());
    let targets = results["pooled"]["targets"].as_array().unwrap();
    targets.iter().flat_map(of).collect()
}

/// Of single-precision numbers an offset of a million leaves nothing of such a column, if they are rounded
/// before they are scaled.
#[test]
fn an_offset_changes_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data.csv");
    let call = ["--data", data.to_str().unwrap(), "--target", "y,z", "--epochs", "60", "-q"];
    let call = [&call[..], &["--lr", "0.01"]].concat();
    let cv = [&["cv", "--json"][..], &call].concat();
    with_offsets(&data, [0.; 4]);
    let expected = errors(&json(&taper(&cv)));
    let offsets = [2_460_000., -1_700_000_000., 100_000_000., 4_294_967_296.];
    let rows = with_offsets(&data, offsets);
    let found = errors(&json(&taper(&cv)));
    for (found, expected) in found.iter().zip(&expected) {
        let difference = (found - expected).abs() / expected.abs();
        println!("{expected} with an offset {found}: relative difference {difference:e}");
        // Steps of training enlarge what the last digit differs by.
        assert!(difference <= 1e-2, "{found}, {expected}");
    }
    assert!(expected[2] > 0.9, "{expected:?}");

    // The predictions have the file's own targets, and the model makes the same ones of the file.
    let run = folder.path().join("run");
    let train = [&["train", "--holdout", "0.5", "--out", run.to_str().unwrap()][..], &call].concat();
    json(&taper(&[&train[..], &["--json"]].concat()));
    let model = run.join("model.safetensors");
    let predict = ["predict", "-q", "--model", model.to_str().unwrap(), "--data", data.to_str().unwrap()];
    let output = taper(&predict);
    let mut predicted = csv::Reader::from_reader(stdout(&output).as_bytes());
    let predicted: Vec<_> = predicted.records().map(Result::unwrap).collect();
    let mut found = csv::Reader::from_path(run.join("predictions.csv")).unwrap();
    let header = found.headers().unwrap().clone();
    let column = |name: &str| header.iter().position(|column| column == name).unwrap();
    let [row, y, z] = ["row", "y", "z"].map(column);
    let predictions = ["prediction:y", "prediction:z"].map(column);
    let mut count = 0;
    for record in found.records() {
        let record = record.unwrap();
        let number = |column: usize| record[column].parse::<f64>().unwrap();
        let row: usize = record[row].parse().unwrap();
        assert_eq!([number(y), number(z)], [rows[row][2], rows[row][3]], "row {row}");
        assert_eq!(
            predictions.map(|column| &record[column]),
            [0, 1].map(|i| &predicted[row][i]),
            "row {row}"
        );
        count += 1;
    }
    assert_eq!(count, 100);
}

/// Such targets were refused as constant.
#[test]
fn a_target_of_milliseconds_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data.csv");
    let mut text = "a,y\n".to_owned();
    for i in 0..60 {
        writeln!(text, "{},{}", i % 7, 1_700_000_000_000_u64 + i % 7).unwrap();
    }
    fs::write(&data, text).unwrap();
    let call = [
        "cv",
        "--json",
        "-q",
        "--target",
        "y",
        "--lr",
        "0.01",
        "--epochs",
        "80",
        "--data",
        data.to_str().unwrap(),
    ];
    let r2 = json(&taper(&call))["pooled"]["r2"].as_f64().unwrap();
    assert!(r2 > 0.95, "{r2}");
    fs::write(&data, "a,y\n1,1700000000001\n2,1700000000001\n").unwrap();
    let output = taper(&call);
    let message = crate::common::stderr(&output);
    assert!(message.contains(":y: is 1700000000001 in every row"), "{message}");
}
