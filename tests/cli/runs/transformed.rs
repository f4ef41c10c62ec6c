//! Networks that learn a transform of their targets.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{assert_same, documents, stderr, taper};

/// Rows of a target whose logarithm is linear in the features: the errors of a network of the target itself
/// are mostly those of its largest values.
fn write(path: &Path, shift: f64) {
    let mut state = 7u64;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    };
    let mut text = "a,b,y\n".to_owned();
    for _ in 0..400 {
        let [a, b, e] = [uniform(), uniform(), uniform()];
        writeln!(text, "{a},{b},{}", (1. + 5. * a + 3. * b + 0.3 * e).exp() - shift).unwrap();
    }
    fs::write(path, text).unwrap();
}

/// The columns of CSV text.
fn columns(text: &[u8]) -> Vec<Vec<f64>> {
    let rows = csv::Reader::from_reader(text).into_records();
    let mut columns: Vec<Vec<f64>> = Vec::new();
    for record in rows {
        let record = record.unwrap();
        columns.resize(record.len(), Vec::new());
        columns.iter_mut().zip(&record).for_each(|(column, cell)| column.push(cell.parse().unwrap()));
    }
    columns
}

const SETTINGS: [&str; 12] = [
    "--target=y",
    "--recipe=injection",
    "--epochs=12",
    "--hidden=16",
    "--folds=3",
    "--validation=0.25",
    "--select=refit",
    "--lr=5e-3",
    "--batch-size=32",
    "--members=2",
    "-q",
    "--json",
];

fn run(args: &[&str]) -> Value {
    let output = taper(args, &SETTINGS);
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What is chosen is what does better on the test rows by far, and all errors are in the target's own units.
#[test]
fn the_transform_that_suits_the_target_is_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let data = path("skewed.csv");
    write(data.as_ref(), 0.);
    let rmse = |results: &Value| results["pooled"]["rmse"].as_f64().unwrap();
    let of = |set: &str| run(&["cv", "--data", &data, "--target-transform", set]);
    let (none, log) = (of("none"), of("log"));
    let auto = run(&["cv", "--data", &data, "--target-transform=auto", "--out", &path("auto")]);
    println!("rmse {} without, {} of logarithms, {} as chosen", rmse(&none), rmse(&log), rmse(&auto));
    assert!(rmse(&log) < 0.6 * rmse(&none) && rmse(&auto) < 0.6 * rmse(&none));
    assert!(none["folds"][0].get("target_transforms").is_none());
    assert_eq!(log["folds"][0]["target_transforms"][0]["kind"], "log");

    let metrics = documents(folder.path().join("auto/metrics.jsonl").as_ref());
    for (i, fold) in auto["folds"].as_array().unwrap().iter().enumerate() {
        let trials = fold["validation"]["trials"].as_array().unwrap();
        let loss = |i: usize| trials[i]["loss"].as_f64().unwrap();
        let names: Vec<_> = trials.iter().map(|trial| trial["transform"].as_str().unwrap()).collect();
        assert_eq!(names, ["none", "log", "yeo-johnson"]);
        let chosen = names[if loss(1) <= loss(2) { 1 } else { 2 }];
        assert_eq!(fold["target_transforms"][0]["kind"], chosen);
        // One training with each, and a second one with the one that was chosen.
        let count = |refit: bool, name: &str| {
            let of_it = |line: &&Value| line["fold"] == i && line["target_transform"] == name;
            metrics.iter().filter(of_it).filter(|line| (line["refit"] == true) == refit).count() as u64
        };
        assert_eq!(names.iter().map(|name| count(false, name)).collect::<Vec<_>>(), [12; 3]);
        assert_eq!(count(true, chosen), fold["validation"]["selected"].as_u64().unwrap());
        assert_eq!(fold["train_loss"].as_array().unwrap().len() as u64, count(true, chosen));
    }
    let predictions = columns(&fs::read(path("auto/predictions.csv")).unwrap());
    let squares = predictions[2].iter().zip(&predictions[3]).map(|(t, p)| (t - p).powi(2)).sum::<f64>();
    let difference = ((squares / 400.).sqrt() / rmse(&auto) - 1.).abs();
    println!("rmse of predictions.csv: largest difference {difference:e}");
    assert!(difference <= 1e-12);
    // A tenth of the range is all that predictions go beyond the targets.
    let ends = |x: &[f64]| [x.iter().copied().fold(f64::MAX, f64::min), x.iter().copied().fold(0., f64::max)];
    let ([low, high], [_, top]) = (ends(&predictions[2]), ends(&predictions[3]));
    assert!(top <= high + 0.1 * (high - low), "{top} of {high}");
    let report = fs::read_to_string(path("auto/report.html")).unwrap();
    assert!(report.contains("Transforms of the targets chosen for 3 networks: "));

    // Stopped again and again, it comes to the same end.
    let stopped = path("stopped");
    let args = ["cv", "--data", &data, "--target-transform=auto", "--max-time=1ms", "--out", &stopped];
    let mut output = taper(&args, &SETTINGS);
    let mut time = 60_000.;
    while output.status.code() == Some(124) {
        time *= 1.2;
        output = taper(&["cv", "-q", "--resume", &stopped, "--max-time", &format!("{time:.0}us")], &[]);
    }
    // In case that the time of the last was over before there were baselines.
    output = taper(&["cv", "-q", "--resume", &stopped], &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_same(stopped.as_ref(), path("auto").as_ref());
}

/// A model has its transform: it predicts and is evaluated as its training was tested.
#[test]
fn a_model_keeps_its_transform() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (data, of_both_signs) = (path("skewed.csv"), path("signs.csv"));
    write(data.as_ref(), 0.);
    write(of_both_signs.as_ref(), 2.);
    for (file, set) in [(&data, "log"), (&of_both_signs, "yeo-johnson"), (&data, "auto"), (&data, "none")] {
        let out = path(&format!("{set}-run"));
        let args = ["train", "--holdout=0.25", "--data", file, "--target-transform", set, "--out", &out];
        let report = run(&args);
        let model = format!("{out}/model.safetensors");
        let predicted = taper(&["predict", "-q", "--model", &model, "--data", file], &[]);
        let all = columns(&predicted.stdout);
        let tested = columns(&fs::read(format!("{out}/predictions.csv")).unwrap());
        let is_tested = |row: &usize| tested[0].contains(&(*row as f64));
        let rows = (0..all[0].len()).filter(is_tested).map(|row| all[0][row]);
        assert!(rows.eq(tested[3].iter().copied()), "{set}");
        let inspected = taper(&["inspect", &model], &[]);
        let text = String::from_utf8(inspected.stdout).unwrap();
        assert_eq!(text.contains("transform"), set != "none", "{text}");
        let json = taper(&["inspect", "--json", &model], &[]);
        let json: Value = serde_json::from_slice(&json.stdout).unwrap();
        let curve = &json["schema"]["target_scaling"][0]["curve"];
        assert_eq!(json["format"], if set == "none" { 2 } else { 4 });
        if set != "none" {
            let kind = curve["transform"]["kind"].as_str().unwrap();
            assert!(set == "auto" || kind == set, "{kind}");
            assert_eq!(report["target_transforms"][0], curve["transform"]);
        }
        let evaluated = taper(&["evaluate", "-q", "--json", "--model", &model, "--data", file], &[]);
        let evaluated: Value = serde_json::from_slice(&evaluated.stdout).unwrap();
        let truths: Vec<f64> = columns(&fs::read(file).unwrap()).pop().unwrap();
        let mae = truths.iter().zip(&all[0]).map(|(t, p)| (t - p).abs()).sum::<f64>() / 400.;
        let difference = (evaluated["mae"].as_f64().unwrap() / mae - 1.).abs();
        println!("{set}: mae {mae}, largest difference {difference:e}");
        assert!(difference <= 1e-12);
    }
    let refused = taper(&["cv", "--data", &of_both_signs, "--target-transform=log"], &SETTINGS);
    let message = stderr(&refused);
    println!("{message}");
    let first = columns(&fs::read(&of_both_signs).unwrap()).pop().unwrap();
    let (row, value) = first.iter().enumerate().find(|(_, y)| **y <= 0.).unwrap();
    assert!(
        message.contains(&format!(
            "--target-transform is log, but row {} of the data, counted from 1, has {value} as its 'y'; expected numbers \
             above 0, or yeo-johnson",
            row + 1
        )),
        "{message}"
    );
    assert_eq!(refused.status.code(), Some(2));
    let refused =
        taper(&["cv", "--data", &data, "--target-transform=auto", "--recipe=seed"], &["--target=y", "-q"]);
    let message = stderr(&refused);
    let expected =
        "--target-transform is auto, which needs rows for validation; `--validation 0.2` sets a fifth aside";
    assert!(message.contains(expected), "{message}");
}
