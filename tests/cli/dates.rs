//! Dates as features, from the file to the predictions.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde_json::json;

use crate::common::{called, json, stderr, stdout, taper};

/// Four years of days, of which y is a trend, a season and more on weekends; every 50th date is missing.
fn sales(file: &Path, first: u32, rows: u32) {
    let mut text = "sold,a,y\n".to_owned();
    for i in first..first + rows {
        let (year, of_year) = (2020 + i / 360, i % 360);
        let date = format!("{year}-{:02}-{:02}", of_year / 30 + 1, of_year % 30 % 28 + 1);
        let date = if i % 50 == 7 { String::new() } else { date };
        let season = (f64::from(of_year) / 360. * std::f64::consts::TAU).sin();
        writeln!(text, "{date},{},{}", i % 13, f64::from(i) / 100. + 5. * season).unwrap();
    }
    fs::write(file, text).unwrap();
}

#[test]
fn dates_are_learnt_kept_and_predicted() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (data, run, later) = (path("sales.csv"), path("run"), path("later.csv"));
    sales(Path::new(&data), 0, 400);
    let of_data = ["--data", &data, "--target", "y", "--missing", "mean", "--epochs", "30", "--members", "1"];
    let r2 = |more: &[&str]| {
        let output =
            taper(&[&["cv", "--json", "--validation", "0", "--select", "last"], &of_data[..], more].concat());
        json(&output)["pooled"]["r2"].as_f64().unwrap()
    };
    let [expanded, dropped] = [r2(&[]), r2(&["--dates", "drop"])];
    println!("r2 {expanded} with dates, {dropped} without");
    assert!(expanded > 0.9 && dropped < 0.1);

    let output = taper(&[&["train", "--json", "--holdout", "0.3", "--out", &run], &of_data[..]].concat());
    let document = json(&output);
    let column = &document["data"]["columns"][0];
    let parts = json!([
        "days",
        "year",
        "season-sine",
        "season-cosine",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday"
    ]);
    let expected = json!({"name": "sold", "role": "feature", "kind": "dates", "missing": 8, "first": "2020-01-01",
        "last": "2021-02-10", "dates": parts});
    assert_eq!(column, &expected);
    let said = "column 'sold' has dates; its features are days, year, season sine, season cosine, Monday";
    assert!(
        stderr(&output).contains(said) && stderr(&output).contains("(1 of dates)"),
        "{}",
        stderr(&output)
    );

    // The model predicts what the training predicted, and dates beyond it.
    let model = path("run/model.safetensors");
    let predict = |data: &str| {
        let output = taper(&["predict", "-q", "--model", &model, "--data", data]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        stdout(&output).lines().skip(1).map(|line| line.parse().unwrap()).collect::<Vec<f64>>()
    };
    let predicted = predict(&data);
    let mut file = csv::Reader::from_path(path("run/predictions.csv")).unwrap();
    let header = file.headers().unwrap().clone();
    let [row, prediction] =
        ["row", "prediction"].map(|name| header.iter().position(|column| column == name).unwrap());
    let mut count = 0;
    for record in file.records() {
        let record = record.unwrap();
        let row: usize = record[row].parse().unwrap();
        assert_eq!(record[prediction].parse::<f64>().unwrap().to_bits(), predicted[row].to_bits());
        count += 1;
    }
    assert_eq!(count, 120);
    sales(Path::new(&later), 1400, 20);
    assert!(predict(&later).iter().all(|y| y.is_finite()));
    let evaluated = json(&taper(&["evaluate", "--json", "--model", &model, "--data", &later]));
    assert_eq!(evaluated["rows"], 20);
    fs::write(&later, "sold,a\nyesterday,1\n").unwrap();
    let (code, _, error) = called(&["predict", "-q", "--model", &model, "--data", &later]);
    assert!(code == Some(1) && error.contains(":2:sold: 'yesterday' is not a date such as"), "{error}");

    let inspected = json(&taper(&["inspect", "--json", &model]));
    assert_eq!((&inspected["format"], &inspected["schema"]["features"][0]["dates"]), (&json!(5), &parts));
    let (_, table, _) = called(&["inspect", &model]);
    assert!(table.contains("dates: days, year, season sine"), "{table}");

    // What began is resumed, and an older run had texts.
    let (code, _, error) = called(&["train", "-q", "--resume", &run]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    let (_, printed, _) =
        called(&["config", "--data", &data, "--target", "y", "--recipe", "seed", "--format", "json"]);
    let printed: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(printed["data"]["dates"], "text");
}

/// Days before months are found in the file, kept in the model, and found again where it predicts.
#[test]
fn days_before_months_are_the_same_dates() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    sales(Path::new(&path("year.csv")), 0, 200);
    let text = fs::read_to_string(path("year.csv")).unwrap();
    let turned = |line: &str| match line.split_once(',') {
        Some((date, rest)) if date.contains('-') => {
            let parts: Vec<_> = date.split('-').collect();
            format!("{}.{}.{},{rest}\n", parts[2], parts[1], parts[0])
        }
        _ => format!("{line}\n"),
    };
    fs::write(path("day.csv"), text.lines().map(turned).collect::<String>()).unwrap();
    let predicted = |name: &str| {
        let (data, model) = (path(&format!("{name}.csv")), path(&format!("{name}.safetensors")));
        let (code, _, log) = called(&[
            "train",
            "--data",
            &data,
            "--target",
            "y",
            "--missing",
            "mean",
            "--epochs",
            "2",
            "--model",
            &model,
        ]);
        assert_eq!(code, Some(0), "{log}");
        let (code, predictions, error) = called(&["predict", "-q", "--model", &model, "--data", &data]);
        assert_eq!(code, Some(0), "{error}");
        let inspected = json(&taper(&["inspect", "--json", &model]));
        (predictions, log, inspected["format"].clone(), called(&["inspect", &model]).1)
    };
    let [year, day] = ["year", "day"].map(predicted);
    assert_eq!(year.0, day.0);
    assert!(day.1.contains("column 'sold' has dates, the day first; its features are days,"), "{}", day.1);
    assert_eq!((&year.2, &day.2), (&json!(5), &json!(6)));
    assert!(day.3.contains("dates, the day first: days, season sine"), "{}", day.3);
}
