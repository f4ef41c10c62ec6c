//! Folds in time, and repeated ones.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::common::called;

/// A table of 22 days out of order: row i is of day 7 i mod 22.
fn write_days(path: &Path) {
    let day = |row: usize| 7 * row % 22;
    let row = |i: usize| format!("2024-02-{:02},{},{}\n", day(i) + 1, i * i % 13, day(i) * 2);
    fs::write(path, "day,a,y\n".to_owned() + &(0..22).map(row).collect::<String>()).unwrap();
}

/// The folds and their rows as scikit-learn's `TimeSeriesSplit(4)` divides 22 rows, which tests 4 at a time.
#[test]
fn rows_in_time_are_tested_after_those_they_are_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    write_days(&folder.path().join("days.csv"));
    let data = ["--data", &path("days.csv"), "--target", "y", "--order", "day", "--epochs", "2", "-q"];
    let run = path("run");
    let (code, _, message) = called(&[&["cv", "--out", &run][..], &data].concat());
    assert_eq!(code, Some(0), "{message}");
    let folds: Value = serde_json::from_slice(&fs::read(format!("{run}/folds.json")).unwrap()).unwrap();
    for (fold, days) in [6..10, 10..14, 14..18, 18..22].into_iter().enumerate() {
        let rows = folds["folds"][fold].as_array().unwrap().iter().map(|row| row.as_u64().unwrap());
        let mut found: Vec<_> = rows.map(|row| 7 * row % 22).collect();
        found.sort_unstable();
        assert_eq!(found, days.collect::<Vec<_>>());
    }
    let results: Value = serde_json::from_slice(&fs::read(format!("{run}/results.json")).unwrap()).unwrap();
    let day = &results["data"]["columns"][2];
    assert_eq!((&day["name"], &day["role"]), (&"day".into(), &"order".into()));
    // Of a model the last rows are held out.
    let model = path("model");
    let train = ["train", "--holdout", "0.1", "--out", &model];
    assert_eq!(called(&[&train[..], &data].concat()).0, Some(0));
    let held_out = fs::read_to_string(format!("{model}/predictions.csv")).unwrap();
    let targets: Vec<_> = held_out.lines().skip(1).map(|line| line.split(',').nth(2).unwrap()).collect();
    let mut targets: Vec<f64> = targets.iter().map(|target| target.parse().unwrap()).collect();
    targets.sort_by(f64::total_cmp);
    assert_eq!(targets, [38., 40., 42.]);
}

#[test]
fn what_cannot_be_ordered_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(folder.path().join("t.csv"), "when,a,b,y\n1.2.2024,1,,1\n2.2.2024,2,5,2\n3.2.2024,3,6,3\n")
        .unwrap();
    let file = path("t.csv");
    for (args, expected) in [
        (
            &["--order", "when"][..],
            "t.csv:2:when: '1.2.2024' is neither a number nor a date such as 2024-01-31 or 2024-01-31 17:30:00, which rows can be ordered by",
        ),
        (
            &["--order", "b"],
            "t.csv:2:b: '' is a missing value, expected a number or a date; `--missing drop` leaves out such rows",
        ),
        (&["--order", "wen"], "--order is 'wen', which"),
        (
            &["--order", "a", "--group", "b"],
            "--order is 'a', but rows are also grouped; expected one or the other",
        ),
        (&["--order", "a", "--drop", "a"], "--drop is 'a', which orders the rows"),
        (&["--order", "y"], "--order is 'y', which is a target"),
        (
            &["--order", "a", "--repeats", "2"],
            "--repeats is 2, but rows ordered by 'a' have only one division, expected 1",
        ),
        (&["--repeats", "0"], "--repeats is 0, expected at least 1"),
    ] {
        let (code, _, message) =
            called(&[&["cv", "-q", "--data", &file, "--target", "y"][..], args].concat());
        assert!(code == Some(2) || code == Some(1), "{message}");
        assert!(message.contains(expected), "{message}\nexpected {expected}");
    }
}

/// The first of the repetitions is what there is without them, and a run of several goes on where it stopped.
#[test]
fn repeated_folds_begin_with_those_of_one_cross_validation() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run").to_str().unwrap().to_owned();
    let call = ["cv", "-q", "--rows", "60", "--features", "3", "--epochs", "2", "--folds", "3", "--json"];
    let json = |args: &[&str]| -> Value {
        let (code, json, message) = called(&[&call[..], args].concat());
        assert_eq!(code, Some(0), "{message}");
        serde_json::from_str(&json).unwrap()
    };
    let without_seconds = |folds: &Value| {
        let mut folds = folds.as_array().unwrap().clone();
        for fold in &mut folds {
            fold.as_object_mut().unwrap().remove("seconds");
        }
        folds
    };
    let (once, thrice) = (json(&[]), json(&["--repeats", "3", "--out", &run]));
    let [once, all] = [&once, &thrice].map(|report| without_seconds(&report["folds"]));
    assert_eq!((all.len(), &all[..3]), (9, &once[..]));
    assert_ne!(all[3]["mse"], all[0]["mse"]);
    let of_jobs = json(&["--repeats", "3", "--jobs", "1"]);
    assert_eq!(without_seconds(&of_jobs["folds"]), all);

    let mean = all.iter().map(|fold| fold["mse"].as_f64().unwrap()).sum::<f64>() / 9.;
    let difference = (thrice["mean"]["mse"].as_f64().unwrap() / mean - 1.).abs();
    assert!(difference <= 1e-14, "{difference:e}");
    // Each row is predicted once in each repetition.
    let predictions = fs::read_to_string(format!("{run}/predictions.csv")).unwrap();
    let rows: Vec<_> = predictions.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!((rows.len(), rows[0], rows[2], rows[3]), (180, "0", "0", "1"));
    let (code, table, message) = called(&["cv", "-q", "--resume", &run]);
    assert_eq!(code, Some(0), "{message}");
    let first: Vec<_> = table.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(first, ["repeat", "0", "1", "2", "mean", "std", "pooled", "largest", "mean"]);
    assert!(table.trim_end().lines().last().unwrap().contains(" over 9 folds (3 times 3), "), "{table}");
}
