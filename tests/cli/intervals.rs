//! Intervals of predictions, from the errors on rows that a network has not seen to those of a file.

use std::fs;

use serde_json::Value;

use super::common::{called, json, taper};

const DATA: &str = "tests/data/diabetes.csv";

/// The columns of CSV text of these names.
fn columns<const N: usize>(text: &[u8], names: [&str; N]) -> [Vec<f64>; N] {
    let mut reader = csv::Reader::from_reader(text);
    let header = reader.headers().unwrap().clone();
    let places = names.map(|name| header.iter().position(|column| column == name).unwrap());
    let mut columns = [const { Vec::new() }; N];
    for record in reader.records() {
        let record = record.unwrap();
        for (column, place) in columns.iter_mut().zip(places) {
            column.push(record[place].parse().unwrap());
        }
    }
    columns
}

/// The share of the truths within the ends, and the mean width.
fn covered([truth, lower, upper]: [&[f64]; 3]) -> [f64; 2] {
    let n = truth.len() as f64;
    let within = (0..truth.len()).filter(|&i| lower[i] <= truth[i] && truth[i] <= upper[i]).count() as f64;
    [within / n, upper.iter().zip(lower).map(|(upper, lower)| upper - lower).sum::<f64>() / n]
}

/// Holds what is reported of a target against its columns.
fn check(what: &str, reported: &Value, expected: [f64; 2]) {
    for (key, expected) in ["coverage", "width"].into_iter().zip(expected) {
        let difference = (reported[key].as_f64().unwrap() / expected - 1.).abs();
        println!("{what} {key}: {expected}, difference {difference:e}");
        assert!(difference <= 1e-12, "{what} {key}: {reported}");
    }
}

#[test]
fn the_intervals_of_a_cross_validation_come_of_the_other_folds() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run").display().to_string();
    let settings = ["-q", "--data", DATA, "--recipe=injection", "--folds=4", "--epochs=20", "--repeats=2"];
    let settings =
        [&settings[..], &["--json", "--interval=0.9", "--target", "y,bmi", "--out", &out]].concat();
    let results = json(&taper(&[&["cv"], &settings[..]].concat()));
    let text = fs::read(format!("{out}/predictions.csv")).unwrap();
    let [folds] = columns(&text, ["fold"]);
    for (i, target) in ["y", "bmi"].into_iter().enumerate() {
        let names =
            [target, &format!("prediction:{target}"), &format!("{target}_lower"), &format!("{target}_upper")];
        let [truth, mean, lower, upper] = columns(&text, names);
        let found = &results["intervals"]["targets"][i];
        check(target, found, covered([&truth, &lower, &upper]));
        let coverage = found["coverage"].as_f64().unwrap();
        assert!((coverage - 0.9).abs() <= 0.03, "{coverage}");
        assert_eq!(found["calibration"].as_array().unwrap().len(), 19);
        // By the definition: of the n errors in the other folds of the repetition the one of rank 0.9 (n + 1).
        for fold in 0..8 {
            let is_other = |of: f64| of != f64::from(fold) && (of < 4.) == (fold < 4);
            let sizes = (0..truth.len()).filter(|&i| is_other(folds[i])).map(|i| (truth[i] - mean[i]).abs());
            let mut sizes: Vec<_> = sizes.collect();
            sizes.sort_by(f64::total_cmp);
            let rank =
                sizes.iter().zip(1..).find(|(_, rank)| f64::from(*rank) >= 0.9 * (sizes.len() as f64 + 1.));
            let half = rank.unwrap().0;
            let first = folds.iter().position(|of| *of == f64::from(fold)).unwrap();
            let difference = ((upper[first] - mean[first]) / half - 1.).abs();
            assert!(difference <= 1e-12, "{target} in fold {fold}: {difference:e}");
        }
    }
    // The largest errors are those of predictions.csv.
    let [row, truth, mean] = columns(&text, ["row", "y", "prediction:y"]);
    let sizes = truth.iter().zip(&mean).map(|(truth, mean)| (truth - mean).abs());
    let largest = sizes.zip(&row).max_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
    let worst = &results["worst"][0]["rows"];
    assert_eq!(worst.as_array().unwrap().len(), 10);
    let found = (worst[0]["error"].as_f64().unwrap().abs(), worst[0]["row"].as_f64().unwrap());
    assert_eq!(found, (largest.0, *largest.1));
    let page = fs::read_to_string(format!("{out}/report.html")).unwrap();
    assert!(page.contains("The largest errors of bmi"));
    assert!(page.contains("<h3>Coverage of the intervals</h3>"));
    assert_eq!(called(&["report", &out]).0, Some(0));
    assert_eq!(fs::read_to_string(format!("{out}/report.html")).unwrap(), page);
    let (code, text, _) = called(&["cv", "-q", "--data", DATA, "--target=y", "--epochs=2", "--interval=0.5"]);
    assert!(
        code == Some(0)
            && text.contains("intervals of level 0.5 cover")
            && text.contains("largest errors: row "),
        "{text}"
    );
}

/// A model has the errors on its rows for validation, and so intervals of any level.
#[test]
fn a_model_has_intervals_of_any_level() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    for select in ["best", "refit", "last", "bag"] {
        let out = path(select);
        let settings =
            ["train", "--json", "-q", "--data", DATA, "--target=y", "--recipe=injection", "--epochs=20"];
        let more =
            ["--holdout=0.25", "--validation=0.3", "--interval=0.8", "--select", select, "--out", &out];
        let more =
            [&settings[..], &more, &[if select == "bag" { "--members=3" } else { "--members=1" }]].concat();
        let report = json(&taper(&more));
        let tested = fs::read(format!("{out}/predictions.csv")).unwrap();
        let [truth, lower, upper] = columns(&tested, ["y", "y_lower", "y_upper"]);
        check(select, &report["intervals"]["targets"][0], covered([&truth, &lower, &upper]));
        let model = format!("{out}/model.safetensors");
        for level in ["0.8", "0.95"] {
            let of = ["-q", "--model", &model, "--data", DATA, "--interval", level];
            let output = taper(&[&["predict"], &of[..]].concat());
            let [mean, lower, upper] = columns(&output.stdout, ["prediction", "y_lower", "y_upper"]);
            let [truth] = columns(&fs::read(DATA).unwrap(), ["y"]);
            let evaluated = json(&taper(&[&["evaluate", "--json"], &of[..]].concat()));
            let expected = covered([&truth, &lower, &upper]);
            println!("{select}, {level}: {expected:?}");
            check(level, &evaluated["intervals"]["targets"][0], expected);
            let level: f64 = level.parse().unwrap();
            assert!((expected[0] - level).abs() <= 0.1, "{expected:?}");
            let is_same =
                |i: usize| (upper[i] - mean[i] - (upper[0] - mean[0])).abs() <= 1e-9 && lower[i] < mean[i];
            assert!((0..mean.len()).all(is_same));
        }
        let of = ["predict", "--model", &model, "--data", DATA];
        // 331 rows are trained on, of which 100 are set aside, by each member of a bag others.
        if select == "bag" {
            continue;
        }
        let (code, _, message) = called(&[&of[..], &["--interval=0.995"]].concat());
        let expected = "--interval is 0.995, which needs the errors on more rows than the 100 for validation; expected at \
                        most 0.99";
        assert!(code == Some(2) && message.contains(expected), "{message}");
        let (_, _, message) = called(&[&of[..], &["--interval=0.5", "--depth=2"]].concat());
        assert!(message.contains("not of the output at one depth"), "{message}");
    }
}

#[test]
fn what_cannot_have_intervals_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model.safetensors").display().to_string();
    let train =
        ["train", "-q", "--data", DATA, "--target=y", "--recipe=seed", "--epochs=1", "--model", &model];
    let (code, _, message) = called(&[&train[..], &["--interval=0.9"]].concat());
    let expected = "--interval is 0.9, which needs rows for validation whose errors say how wide intervals are; \
                    `--validation 0.2` sets a fifth aside";
    assert!(code == Some(2) && message.contains(expected), "{message}");
    assert_eq!(called(&train).0, Some(0));
    let (code, _, message) = called(&["predict", "--model", &model, "--data", DATA, "--interval=0.9"]);
    assert!(code == Some(2) && message.contains("it was trained without `--interval`"), "{message}");
    let (code, _, message) = called(&["cv", "-q", "--rows=30", "--epochs=1", "--interval=0.96"]);
    let expected = "--interval is 0.96, which needs the errors on more rows than the 22 outside one of the folds; expected \
                    at most 0.9565";
    assert!(code == Some(2) && message.contains(expected), "{message}");
}
