//! Runs of `taper train` and the models that come of them.

use std::fs;

use crate::stopped::kill_a_hundred_times;
use crate::{SMALL, documents, stderr, taper};

/// The model of a training that was killed again and again is the one of a training that was left alone, byte for byte.
#[test]
fn a_model_is_the_same_however_often_its_training_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let [expected, run] = ["whole", "killed"].map(|name| folder.path().join(name));
    let args = [&SMALL[..], &["--holdout", "0.25"]].concat();
    let args: Vec<_> = args.iter().copied().filter(|arg| *arg != "--jobs=2").collect();
    let output = taper(&["train", "--out", expected.to_str().unwrap()], &args);
    assert!(output.status.success(), "{}", stderr(&output));
    kill_a_hundred_times("train", &run, &args);
    for name in ["model.safetensors", "predictions.csv", "config.toml"] {
        let [found, expected] = [&run, &expected].map(|folder| fs::read(folder.join(name)).unwrap());
        assert!(found == expected, "{name} differs");
    }
    let [found, expected] = [run, expected].map(|folder| documents(&folder.join("metrics.jsonl")));
    assert_eq!(found, expected);
}

/// What a model predicts of rows that were held out of its training is what training found of them, to the bit.
#[test]
fn a_model_predicts_as_training_did() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/diabetes.csv");
    for (more, missing) in
        [(&[][..], "error"), (&["--layer", "cos", "--dtype", "f64"], "mean"), (&["--scale", "none"], "mean")]
    {
        let args = [
            "train",
            "-q",
            "--force",
            "--data",
            data,
            "--target",
            "y",
            "--missing",
            missing,
            "--holdout",
            "0.3",
        ];
        let epochs = ["--epochs", "2", "--lr", "1e-4", "--out", run.to_str().unwrap()];
        let output = taper(&[&args[..], &epochs, more].concat(), &[]);
        assert!(output.status.success(), "{}", stderr(&output));
        let model = run.join("model.safetensors");
        let output = taper(
            &["predict", "-q", "--depth", "all", "--data", data, "--model", model.to_str().unwrap()],
            &[],
        );
        assert!(output.status.success(), "{}", stderr(&output));
        let all: Vec<csv::StringRecord> =
            csv::Reader::from_reader(output.stdout.as_slice()).records().map(Result::unwrap).collect();
        let mut found = csv::Reader::from_path(run.join("predictions.csv")).unwrap();
        let mut count = 0;
        for record in found.records() {
            let record = record.unwrap();
            let row: usize = record[0].parse().unwrap();
            let numbers = |record: &csv::StringRecord, skip| -> Vec<f64> {
                record.iter().skip(skip).map(|number| number.parse().unwrap()).collect()
            };
            assert_eq!(numbers(&all[row], 0), numbers(&record, 3), "row {row}, {more:?}");
            count += 1;
        }
        assert_eq!((count, all.len()), (133, 442));
    }
}

#[test]
fn a_model_that_is_there_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("m.safetensors");
    fs::write(&model, "mine").unwrap();
    let args = ["train", "-q", "--rows", "50", "--epochs", "1", "--model", model.to_str().unwrap()];
    let output = taper(&args, &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("m.safetensors, which there is already; `--force` replaces it"),
        "{}",
        stderr(&output)
    );
    assert_eq!(fs::read(&model).unwrap(), b"mine");
    assert!(taper(&args, &["--force"]).status.success());
    taper::Model::load(&model).unwrap();
}

/// What cannot be written, or should not, is found before the training and not after it.
#[test]
fn a_model_that_cannot_be_written_is_refused_before_the_training() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (data, settings) = (path("a.csv"), path("a.toml"));
    let text = "x,y\n1,2\n2,4\n3,7\n4,8\n";
    fs::write(&data, text).unwrap();
    fs::write(&settings, "train.epochs = 1\n").unwrap();
    for (model, code, expected) in [
        (path("no/m.safetensors"), 1, "no/m.safetensors cannot be written: No such file"),
        (path("."), 2, "which is not a file; expected the name of one to write"),
        (data.clone(), 2, "a.csv, which is read; expected another file"),
        (settings.clone(), 2, "a.toml, which is read; expected another file"),
    ] {
        let args = ["train", "--force", "--data", &data, "--target", "y", "--config", &settings];
        let output = taper(&args, &["--model", &model]);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{message}");
        assert!(message.contains(expected) && message.lines().count() == 1, "{message}");
    }
    assert_eq!(fs::read_to_string(&data).unwrap(), text);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}
