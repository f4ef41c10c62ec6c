//! Runs that are watched on a part of their training rows.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{SMALL, assert_same, documents, stderr, taper};

/// Runs `taper cv` with `more` to its end, in `folder`.
fn run(folder: &Path, more: &[&str]) {
    let output = taper(&[&["cv", "--out", folder.to_str().unwrap()], more].concat(), &SMALL);
    assert!(output.status.success(), "{}", stderr(&output));
}

/// Settings by which some networks stop early, and their rates fall.
const REFIT: [&str; 13] = [
    "--validation",
    "0.3",
    "--patience",
    "3",
    "--min-improvement",
    "0.02",
    "--schedule",
    "plateau",
    "--select",
    "refit",
    "--lr",
    "0.1",
    "--noise=3",
];
const BEST: [&str; 6] = ["--validation", "0.3", "--lr", "0.1", "--noise", "3"];

/// Stopped again and again, with more jobs or fewer, a run comes to the same end.
#[test]
fn a_run_with_validation_resumes_bit_for_bit() {
    for args in [&REFIT[..], &BEST] {
        let folder = tempfile::tempdir().unwrap();
        let [expected, stopped] = ["whole", "stopped"].map(|name| folder.path().join(name));
        run(&expected, args);
        let path = stopped.to_str().unwrap();
        let first = [&["cv", "--max-time", "1ms", "--out", path], args].concat();
        let mut output = taper(&first, &SMALL);
        let (mut stops, mut time) = (0, 8000.);
        while output.status.code() == Some(124) {
            stops += 1;
            time *= 1.1;
            let (max_time, jobs) = (format!("{time:.0}us"), if stops % 2 == 0 { "1" } else { "3" });
            output = taper(&["cv", "-q", "--resume", path, "--max-time", &max_time, "--jobs", jobs], &[]);
        }
        assert!(output.status.success(), "{}", stderr(&output));
        println!("{stops} stops");
        assert!(stops > 0);
        assert_same(&stopped, &expected);
        assert!(taper(&["cv", "-q", "--resume", path], &[]).status.success());
        assert_same(&stopped, &expected);
    }
}

/// What becomes of each fold is in the results, the metrics, the log and the report.
#[test]
fn the_results_say_which_epoch_was_taken() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    run(&path, &REFIT);
    let results = documents(&path.join("results.json")).pop().unwrap();
    let metrics = documents(&path.join("metrics.jsonl"));
    let report = fs::read_to_string(path.join("report.html")).unwrap();
    for (i, fold) in results["folds"].as_array().unwrap().iter().enumerate() {
        let validation = &fold["validation"];
        let (selected, losses) =
            (validation["selected"].as_u64().unwrap(), validation["loss"].as_array().unwrap());
        println!("fold {i}: {selected} of {} epochs", losses.len());
        // Of 266 or 267 training rows 30 % are set aside, rounded up.
        assert_eq!(validation["rows"], [80, 81, 81][i]);
        assert!(validation["stopped"] == true && losses.len() < 12);
        let of_fold = metrics.iter().filter(|line| line["fold"] == i);
        let (second, first): (Vec<_>, Vec<_>) = of_fold.partition(|line| line["refit"] == true);
        assert_eq!(
            first.iter().map(|line| &line["validation_loss"]).collect::<Vec<_>>(),
            losses.iter().collect::<Vec<_>>()
        );
        assert_eq!(second.len() as u64, selected);
        assert!(
            second.iter().all(|line| line.get("validation_loss").is_none() && line["test_mse"].is_number())
        );
        let train_loss: Vec<_> = second.iter().map(|line| line["train_loss"].clone()).collect();
        assert_eq!(fold["train_loss"], Value::Array(train_loss));
        assert!(report.contains(&format!("<td>{selected} of {}</td>", losses.len())), "fold {i}");
    }
    for part in [
        "Each network was trained anew on all training rows for",
        "The rows for validation are a part of the training rows, set aside.",
        "<h3>Second training, on all training rows</h3>",
    ] {
        assert!(report.contains(part), "{part}");
    }
    let args = [&REFIT[..], &SMALL].concat();
    let args: Vec<_> = args.into_iter().filter(|arg| *arg != "-q").collect();
    let output = taper(&["cv"], &args);
    let log = stderr(&output);
    assert!(String::from_utf8(output.stdout).unwrap().contains("each network was trained anew"));
    assert!(
        log.lines().filter(|line| line.contains("fold done, ") && line.contains(", selected ")).count() == 3,
        "{log}"
    );
}

/// Of a training that may go on, the epochs that are done are those of a longer one; a refit comes after the
/// last.
#[test]
fn a_run_with_validation_can_be_extended() {
    let folder = tempfile::tempdir().unwrap();
    for (i, more) in [&["--patience", "3", "--schedule", "constant"][..], &["--schedule", "plateau"]]
        .into_iter()
        .enumerate()
    {
        let args = [&BEST, more].concat();
        let [whole, extended] = ["whole", "extended"].map(|name| folder.path().join(format!("{name}-{i}")));
        run(&whole, &args);
        let small = SMALL.map(|arg| if arg == "12" { "5" } else { arg });
        let path = extended.to_str().unwrap();
        assert!(taper(&[&["cv", "--out", path][..], &args].concat(), &small).status.success());
        let output = taper(&["cv", "-q", "--resume", path, "--epochs", "12"], &[]);
        assert!(output.status.success(), "{}", stderr(&output));
        assert_same(&extended, &whole);
    }
    let refit = folder.path().join("refit");
    run(&refit, &[&BEST[..], &["--select", "refit"]].concat());
    let output = taper(&["cv", "-q", "--resume", refit.to_str().unwrap(), "--epochs", "20"], &[]);
    let expected =
        "--epochs is 20, and the run to resume began with 12, after which its networks are trained anew";
    assert!(stderr(&output).contains(expected), "{}", stderr(&output));
}

/// A model is the network that is taken, and rows that are held out of its training are no rows for
/// validation.
#[test]
fn a_model_is_the_network_that_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/diabetes.csv");
    let args = ["train", "-q", "--force", "--data", data, "--target", "y", "--holdout", "0.2", "--out"];
    let epochs = ["--epochs", "60", "--validation", "0.25", "--patience", "5", "--lr", "5e-3", "--json"];
    for (select, rows) in [("best", 264), ("refit", 353)] {
        let output =
            taper(&[&args[..], &[path.to_str().unwrap(), "--select", select], &epochs].concat(), &[]);
        assert!(output.status.success(), "{}", stderr(&output));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let selected = report["validation"]["selected"].as_u64().unwrap();
        assert_eq!(
            (&report["validation"]["rows"], &report["validation"]["stopped"]),
            (&89.into(), &true.into())
        );
        let model = path.join("model.safetensors");
        let output = taper(&["inspect", "--json", model.to_str().unwrap()], &[]);
        let model_of: Value = serde_json::from_slice(&output.stdout).unwrap();
        let training = &model_of["training"];
        assert_eq!((&training["rows"], &training["epochs"]), (&rows.into(), &selected.into()), "{training}");
        assert_eq!(training["train_loss"], report["train_loss"][selected as usize - 1]);
        // It predicts as training did.
        let output = taper(&["predict", "-q", "--data", data, "--model", model.to_str().unwrap()], &[]);
        let all: Vec<csv::StringRecord> =
            csv::Reader::from_reader(output.stdout.as_slice()).records().map(Result::unwrap).collect();
        let mut found = csv::Reader::from_path(path.join("predictions.csv")).unwrap();
        let mut count = 0;
        for record in found.records() {
            let record = record.unwrap();
            let row: usize = record[0].parse().unwrap();
            assert_eq!(all[row][0].parse::<f64>().unwrap(), record[3].parse::<f64>().unwrap(), "row {row}");
            count += 1;
        }
        assert_eq!(count, 89);
    }
}
