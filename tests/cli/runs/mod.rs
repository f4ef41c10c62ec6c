//! Runs that keep a folder: what is in it, and that they survive whatever ends them.

mod earlier;
mod promises;
mod refused;
mod signals;
mod stopped;
mod trained;
mod transformed;
mod validated;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// A run of 3 folds x 12 epochs x 9 steps.
const SMALL: [&str; 14] = [
    "--rows",
    "400",
    "--features",
    "5",
    "--epochs",
    "12",
    "--hidden",
    "8",
    "--batch-size",
    "32",
    "--folds",
    "3",
    "-q",
    "--jobs=2",
];
/// A checkpoint after every step.
const EACH_STEP: [&str; 2] = ["--checkpoint-every", "0s"];

fn command(args: &[&str], more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_taper"));
    command.args(args).args(more).env_remove("RUST_LOG").env_remove("RUST_BACKTRACE");
    command
}

fn taper(args: &[&str], more: &[&str]) -> Output {
    command(args, more).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Runs `taper cv` to its end, in `folder`.
fn whole(folder: &Path) {
    let output = taper(&["cv", "--out", folder.to_str().unwrap()], &SMALL);
    assert!(output.status.success(), "{}", stderr(&output));
}

/// A folder for runs, with a whole one in it.
fn with_whole_run() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole");
    whole(&path);
    (folder, path)
}

/// A JSON document without what says how long something took.
fn timeless(mut value: Value) -> Value {
    match &mut value {
        Value::Object(entries) => {
            entries.remove("seconds");
            entries.values_mut().for_each(|value| *value = timeless(value.take()));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| *value = timeless(value.take())),
        _ => {}
    }
    value
}

fn documents(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    let values = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
    values.map(|value| timeless(value.unwrap())).collect()
}

/// The trained parameters and moments of each fold, as they lie in the last checkpoints.
fn tensors(folder: &Path) -> Vec<Vec<(String, Vec<u8>)>> {
    let fold = |fold: usize| {
        let mut files: Vec<_> = fs::read_dir(folder.join(format!("checkpoints/fold-{fold:03}")))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "safetensors"))
            .collect();
        files.sort();
        let bytes = fs::read(files.pop().unwrap()).unwrap();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        // The epochs, with their seconds, are compared in the metrics.
        let tensors = file.iter().filter(|(name, _)| *name != "epochs");
        let mut tensors: Vec<_> =
            tensors.map(|(name, view)| (name.to_owned(), view.data().to_vec())).collect();
        tensors.sort();
        tensors
    };
    (0..3).map(fold).collect()
}

/// Asserts that two runs ended alike, bit for bit.
fn assert_same(folder: &Path, expected: &Path) {
    for name in ["predictions.csv", "folds.json", "config.toml"] {
        let [found, expected] = [folder, expected].map(|folder| fs::read(folder.join(name)).unwrap());
        assert!(found == expected, "{name} differs");
    }
    for name in ["metrics.jsonl", "results.json"] {
        assert_eq!(documents(&folder.join(name)), documents(&expected.join(name)), "{name}");
    }
    assert!(tensors(folder) == tensors(expected), "the checkpoints differ");
    let folds = (0..3).map(|fold| folder.join(format!("checkpoints/fold-{fold:03}")));
    for folder in folds.chain([folder.to_owned()]) {
        let left: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".partial")), "{left:?}");
    }
}

#[test]
fn a_run_leaves_its_results_behind() {
    let (_folder, run) = with_whole_run();
    let metrics = documents(&run.join("metrics.jsonl"));
    let place = |line: &Value| (line["fold"].as_u64().unwrap(), line["epoch"].as_u64().unwrap());
    let expected: Vec<_> = (0..3).flat_map(|fold| (0..12).map(move |epoch| (fold, epoch))).collect();
    assert_eq!(metrics.iter().map(place).collect::<Vec<_>>(), expected);
    assert!(metrics.iter().all(|line| line["test_mse"].as_f64().is_some_and(f64::is_finite)));

    // Every row is predicted once, by the network of the fold that has it.
    let folds: Value = serde_json::from_slice(&fs::read(run.join("folds.json")).unwrap()).unwrap();
    let mut reader = csv::Reader::from_path(run.join("predictions.csv")).unwrap();
    assert_eq!(
        reader.headers().unwrap().iter().collect::<Vec<_>>(),
        ["row", "fold", "y", "prediction", "depth_1", "depth_2", "depth_3", "depth_4"]
    );
    let rows: Vec<Vec<f64>> = reader.deserialize().map(|row| row.unwrap()).collect();
    assert_eq!(
        rows.iter().map(|row| row[0]).collect::<Vec<_>>(),
        (0..400).map(f64::from).collect::<Vec<_>>()
    );
    // The results are those of the predictions.
    let results = documents(&run.join("results.json")).pop().unwrap();
    for fold in 0..3usize {
        let of_fold: Vec<_> = rows.iter().filter(|row| row[1] == fold as f64).collect();
        let numbers: Vec<_> = of_fold.iter().map(|row| row[0]).collect();
        let expected: Vec<f64> = serde_json::from_value(folds["folds"][fold].clone()).unwrap();
        assert_eq!(numbers, expected);
        let mse = of_fold.iter().map(|row| (row[2] - row[3]).powi(2)).sum::<f64>() / of_fold.len() as f64;
        let expected = results["folds"][fold]["mse"].as_f64().unwrap();
        let difference = (mse / expected - 1.).abs();
        println!("fold {fold}: the relative difference is {difference:e}");
        assert!(difference <= 1e-12);
        // The mean over the depths is the prediction, but for the rounding of single precision.
        for row in of_fold {
            let difference = (row[4..].iter().sum::<f64>() / 4. - row[3]).abs();
            assert!(difference <= 1e-6, "{difference:e}");
        }
    }
    let environment = documents(&run.join("environment.json")).pop().unwrap();
    assert_eq!(environment["command"], "cv");
    let report = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(report.contains("<dt>folds</dt>") && !report.contains("<dt>holdout</dt>"));

    // A run that keeps a folder has the result of one that does not.
    let output = taper(&["cv", "--json"], &SMALL);
    let alone: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(timeless(alone), results);
}

#[test]
fn force_replaces_a_run_and_nothing_else() {
    let (_folder, run) = with_whole_run();
    fs::write(run.join("notes.txt"), "mine").unwrap();
    let output = taper(&["cv", "--epochs", "1", "--out", run.to_str().unwrap(), "--force"], &SMALL[..4]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(fs::read_to_string(run.join("notes.txt")).unwrap(), "mine");
    assert_eq!(documents(&run.join("metrics.jsonl")).len(), 4);
}

#[test]
fn a_quick_look_goes_through_everything_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let output = command(&["cv", "--fast-dev-run", "-q", "--out", run.to_str().unwrap()], &[])
        .current_dir(folder.path())
        .env("TMPDIR", folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(String::from_utf8(output.stdout).unwrap().contains("over 4 folds"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
