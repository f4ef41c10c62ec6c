//! Runs of `taper train` and the models that come of them.

use std::fs;

use super::stopped::kill_a_hundred_times;
use super::{SMALL, documents, stderr, taper};

/// The model of a training that was killed again and again is the one of a training that was left alone, byte
/// for byte.
#[test]
fn a_model_is_the_same_however_often_its_training_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let [expected, run] = ["whole", "killed"].map(|name| folder.path().join(name));
    let args = [&SMALL[..], &["--holdout", "0.25"]].concat();
    let is_of_cv =
        |i: usize| args[i] == "--jobs=2" || args[i] == "--folds" || i > 0 && args[i - 1] == "--folds";
    let args: Vec<_> = (0..args.len()).filter(|&i| !is_of_cv(i)).map(|i| args[i]).collect();
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

/// What a model predicts of rows that were held out of its training is what training found of them, to the
/// bit.
#[test]
fn a_model_predicts_as_training_did() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/diabetes.csv");
    for (more, missing) in [
        (&[][..], "error"),
        (&["--layer", "cos", "--dtype", "f64"], "mean"),
        (&["--scale", "none"], "mean"),
        (&["--halting", "adaptive", "--exit", "0.4"], "mean"),
    ] {
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
        let exits = if more.contains(&"--halting") { &["--exits"][..] } else { &[] };
        let predict = ["predict", "-q", "--depth", "all", "--data", data, "--model", model.to_str().unwrap()];
        let output = taper(&predict, exits);
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
        stderr(&output).contains("m.safetensors, which already exists; `--force` replaces it"),
        "{}",
        stderr(&output)
    );
    assert_eq!(fs::read(&model).unwrap(), b"mine");
    assert!(taper(&args, &["--force"]).status.success());
    taper::Model::load(&model).unwrap();
}

/// What cannot be written, or should not, is found before the training and not after it.
#[cfg(unix)]
#[test]
fn a_model_that_cannot_be_written_is_refused_before_the_training() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (data, settings) = (path("a.csv"), path("a.toml"));
    let text = "x,y\n1,2\n2,4\n3,7\n4,8\n";
    fs::write(&data, text).unwrap();
    fs::write(&settings, "train.epochs = 1\n").unwrap();
    std::os::unix::fs::symlink("nowhere", path("link")).unwrap();
    for (model, code, expected) in [
        (path("a.toml/no/m.safetensors"), 2, "which cannot be written: Not a directory"),
        (path("."), 2, "which is the name of a folder; expected the name of a file to write"),
        (path("new/"), 2, "which is the name of a folder; expected the name of a file to write"),
        (path("new/."), 2, "which is the name of a folder; expected the name of a file to write"),
        (path(".."), 2, "which is the name of a folder; expected the name of a file to write"),
        (folder.path().to_str().unwrap().to_owned(), 2, "which is not a file; expected the name of a file"),
        (path("a.csv/m.safetensors"), 2, "which cannot be written: Not a directory"),
        (path("link"), 2, "link, a link to a missing file; expected the name of that file, or another"),
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
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
}

/// A log is no file that the command reads or writes, whether there is one or not.
#[test]
fn a_log_has_a_file_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let out = run.to_str().unwrap();
    assert!(taper(&["cv", "--out", out], &SMALL).status.success());
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("a.csv"), "").unwrap();
    let (model, new, data) = (path("m.safetensors"), path("new"), path("a.csv"));
    let cases: &[(&[&str], String)] = &[
        (&["train", "--model", &model], path("run/../m.safetensors")),
        (&["cv", "--out", &new], new.clone()),
        (&["cv", "--data", &data, "--target", "y"], data.clone()),
        (&["cv", "--out", out, "--force"], path("run/results.json")),
        (&["cv", "--resume", out], path("run/model.safetensors")),
        (&["cv", "--resume", out], path("run/checkpoints/log")),
    ];
    let before = fs::read(run.join("results.json")).unwrap();
    for (args, log) in cases {
        let output = taper(args, &["-q", "--log-file", log]);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {message}");
        let expected = format!("--log-file is {log}, which is also read or written; expected a file");
        assert!(message.contains(&expected), "{message}");
    }
    assert!(fs::read(run.join("results.json")).unwrap() == before);
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    // In the folder of a run there is room for one.
    let output = taper(&["cv", "--resume", out, "-q", "--log-file", &path("run/log.jsonl")], &[]);
    assert!(output.status.success(), "{}", stderr(&output));
}

/// What comes into being while rows are predicted is not replaced, and the predictions are not lost.
#[cfg(unix)]
#[test]
fn a_file_that_another_has_made_in_the_meantime_is_not_replaced() {
    use std::io::Write;
    use std::process::{Command, Stdio};

    const ROWS: &str = "x,y\n1,2\n2,3\n3,5\n4,7\n";
    let folder = tempfile::tempdir().unwrap();
    let paths = ["d.csv", "m.safetensors", "pipe.csv", "p.csv"].map(|name| folder.path().join(name));
    let [data, model, pipe, out] = paths.each_ref().map(|path| path.to_str().unwrap());
    fs::write(data, ROWS).unwrap();
    let train = ["train", "-q", "--epochs", "1", "--data", data, "--target", "y", "--model", model];
    assert!(super::command(&train, &[]).status().unwrap().success());
    assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());

    let predict = ["predict", "-q", "--model", model, "--data", pipe, "--out", out];
    let run = |args: &[&str]| {
        let process = super::command(args, &[]).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        // It is opened when the rows are read, after the call was found good.
        let mut rows = fs::OpenOptions::new().write(true).open(pipe).unwrap();
        fs::write(out, "mine").unwrap();
        rows.write_all(ROWS.as_bytes()).unwrap();
        drop(rows);
        process.wait_with_output().unwrap()
    };
    let output = run(&predict);
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("p.csv cannot be written: another file has come to be there"), "{message}");
    assert_eq!(fs::read(out).unwrap(), b"mine");
    let kept = message.split("this one is ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    assert_eq!(fs::read_to_string(folder.path().join(kept)).unwrap().lines().count(), 5);

    fs::remove_file(out).unwrap();
    let output = run(&[&predict[..], &["--force"]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(fs::read_to_string(out).unwrap().lines().count(), 5);
}

/// A user's file is safe whatever its name is.
#[test]
fn a_file_named_as_a_partial_one_stays() {
    let folder = tempfile::tempdir().unwrap();
    let [model, partial] = ["m", ".m.partial"].map(|name| folder.path().join(name));
    fs::write(&partial, "mine").unwrap();
    let args = ["train", "-q", "--rows", "50", "--epochs", "1", "--model", model.to_str().unwrap()];
    let output = taper(&args, &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(fs::read(&partial).unwrap(), b"mine");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}
