//! Runs that keep a folder: what is in it, and that they survive whatever ends them.

// Clippy takes what is outside test functions for production code.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use rand::Rng;
use serde_json::Value;
use taper::random::{Stream, generator};
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
        let mut tensors: Vec<_> =
            file.iter().map(|(name, view)| (name.to_owned(), view.data().to_vec())).collect();
        tensors.sort();
        tensors
    };
    (0..3).map(fold).collect()
}

/// Asserts that two runs ended alike, to the bit.
fn assert_same(folder: &Path, expected: &Path) {
    for name in ["predictions.csv", "folds.json", "config.toml"] {
        let [found, expected] = [folder, expected].map(|folder| fs::read(folder.join(name)).unwrap());
        assert!(found == expected, "{name} differs");
    }
    for name in ["metrics.jsonl", "results.json"] {
        assert_eq!(documents(&folder.join(name)), documents(&expected.join(name)), "{name}");
    }
    assert!(tensors(folder) == tensors(expected), "the checkpoints differ");
    let left: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".partial")), "{left:?}");
}

#[test]
fn a_run_leaves_its_results_behind() {
    let (_folder, run) = with_whole_run();
    let metrics = documents(&run.join("metrics.jsonl"));
    let place = |line: &Value| (line["fold"].as_u64().unwrap(), line["epoch"].as_u64().unwrap());
    let expected: Vec<_> = (0..3).flat_map(|fold| (0..12).map(move |epoch| (fold, epoch))).collect();
    assert_eq!(metrics.iter().map(place).collect::<Vec<_>>(), expected);
    assert!(metrics.iter().all(|line| line["validation_mse"].as_f64().is_some_and(f64::is_finite)));

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

    // A run that keeps a folder has the result of one that does not.
    let output = taper(&["cv", "--json"], &SMALL);
    let alone: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(timeless(alone), results);
}

/// The time is over again and again, in the middle of an epoch or at its end.
#[test]
fn a_run_that_is_stopped_goes_on_to_the_bit() {
    let (folder, expected) = with_whole_run();
    let run = folder.path().join("stopped");
    let mut output =
        command(&["cv", "--max-time", "1ms", "--out", run.to_str().unwrap()], &SMALL).output().unwrap();
    let resume = ["cv", "-q", "--resume", run.to_str().unwrap()];
    let mut stops = 0;
    while output.status.code() == Some(124) {
        let message = stderr(&output);
        assert!(message.contains("stopped since the time of --max-time is over"), "{message}");
        assert!(message.contains(&format!("`taper cv --resume {}` goes on", run.display())), "{message}");
        stops += 1;
        output = taper(&resume, &["--max-time", "8ms", "--jobs", if stops % 2 == 0 { "1" } else { "3" }]);
    }
    assert!(output.status.success(), "{}", stderr(&output));
    println!("{stops} stops");
    assert!(stops > 0);
    assert_same(&run, &expected);
    // And a run that is done is done again in no time, with the same results.
    assert!(taper(&resume, &[]).status.success());
    assert_same(&run, &expected);
}

/// A process that is killed at any moment, whatever it is writing, leaves what the next one goes on from.
#[test]
fn a_hundred_kills_lose_nothing() {
    let (folder, expected) = with_whole_run();
    let run = folder.path().join("killed");
    let mut rng = generator(1, Stream::Data, 0);
    let start = [&["cv", "--out", run.to_str().unwrap()], &EACH_STEP[..]].concat();
    let resume = [&["cv", "-q", "--resume", run.to_str().unwrap()], &EACH_STEP[..]].concat();
    let (mut begun, mut unfinished) = (false, 0);
    for _ in 0..100 {
        let mut process = if begun { command(&resume, &[]) } else { command(&start, &SMALL) };
        let mut process = process.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        thread::sleep(Duration::from_micros(rng.random_range(0..60_000)));
        process.kill().unwrap();
        let output = process.wait_with_output().unwrap();
        let message = stderr(&output);
        assert!(message.is_empty(), "a checkpoint that cannot be read, or another problem: {message}");
        begun = run.join("config.toml").exists();
        unfinished += usize::from(!run.join("results.json").exists());
    }
    println!("{unfinished} of 100 kills met the run before its end");
    let output = if begun { taper(&resume, &[]) } else { taper(&start, &SMALL) };
    assert!(output.status.success(), "{}", stderr(&output));
    assert_same(&run, &expected);
}

#[cfg(unix)]
#[test]
fn signals_stop_a_run_with_a_checkpoint() {
    let (folder, expected) = with_whole_run();
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let run = folder.path().join(signal);
        let args = [&["cv", "--out", run.to_str().unwrap()], &EACH_STEP[..]].concat();
        let process = command(&args, &SMALL).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        // A run with a checkpoint watches for signals.
        while !run.join("checkpoints/fold-000").exists() {
            thread::yield_now();
        }
        let status = Command::new("kill").args(["-s", signal, &process.id().to_string()]).status().unwrap();
        assert!(status.success());
        let output = process.wait_with_output().unwrap();
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{message}");
        assert!(message.starts_with(&format!("stopped by SIG{signal}, with a checkpoint; ")), "{message}");
        assert!(taper(&["cv", "-q", "--resume", run.to_str().unwrap()], &[]).status.success());
        assert_same(&run, &expected);
    }
}

/// Where nothing more can be written the run fails, and what was written before is whole.
#[cfg(unix)]
#[test]
fn a_full_disk_leaves_the_last_checkpoint_whole() {
    let (folder, expected) = with_whole_run();
    let run = folder.path().join("full");
    let path = run.to_str().unwrap();
    assert_eq!(taper(&["cv", "--max-time", "1ms", "--out", path], &SMALL).status.code(), Some(124));
    // No file larger than a kilobyte, and an error instead of a signal.
    let script =
        format!("trap '' XFSZ; ulimit -f 2; exec {} cv -q --resume {path}", env!("CARGO_BIN_EXE_taper"));
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("cannot be written: File too large"), "{message}");
    assert!(taper(&["cv", "-q", "--resume", path], &[]).status.success());
    assert_same(&run, &expected);
}

/// A damaged checkpoint is passed over with a warning, and the one before it leads to the same end.
#[test]
fn a_damaged_checkpoint_is_passed_over() {
    let (folder, expected) = with_whole_run();
    let run = folder.path().join("damaged");
    let path = run.to_str().unwrap();
    let stopped = taper(&["cv", "--max-time", "100ms", "--out", path, "--checkpoint-every", "0s"], &SMALL);
    assert!(matches!(stopped.status.code(), Some(0 | 124)), "{}", stderr(&stopped));
    let mut files: Vec<_> =
        fs::read_dir(run.join("checkpoints/fold-000")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 2, "the last two are kept");
    let mut bytes = fs::read(&files[1]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&files[1], bytes).unwrap();
    let output = command(&["cv", "--resume", path], &[]).env("RUST_LOG", "warn").output().unwrap();
    assert!(output.status.success());
    let message = stderr(&output);
    assert!(
        message.contains("is damaged or cut off: its checksum differs; going on from the one before it"),
        "{message}"
    );
    assert_same(&run, &expected);
}

/// The folder, what was called, and the one line that is said of it.
#[test]
fn what_does_not_go_is_refused_in_one_line() {
    let (folder, run) = with_whole_run();
    let run = run.to_str().unwrap();
    let other = folder.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("thesis.tex"), "").unwrap();
    let (other, file) = (other.to_str().unwrap(), other.join("thesis.tex"));
    let file = file.to_str().unwrap();
    let new = folder.path().join("new");
    let new = new.to_str().unwrap();
    let cases: &[(&[&str], &str)] = &[
        (&["cv", "--out", run], "which has a run; --resume goes on with it, --force replaces it"),
        (&["cv", "--out", other], "which has other files, expected a new or an empty folder"),
        (&["cv", "--out", other, "--force"], "which has other files, expected a new or an empty folder"),
        (&["cv", "--out", file], "a file, expected a folder to make"),
        (&["cv", "--resume", new], "which has no config.toml, expected the folder of a run"),
        (&["cv", "--resume", run, "--out", new], "cannot be used with"),
        (&["cv", "--resume", run, "--config", "a.toml"], "cannot be used with"),
        (&["cv", "--max-time", "1s"], "the following required arguments were not provided"),
        (&["cv", "--out", new, "--max-time", "soon"], "invalid value 'soon' for '--max-time <TIME>'"),
        (
            &["cv", "--resume", run, "--lr", "0.5"],
            "error: --lr is 0.5, and the run to go on with began with 0.001",
        ),
        (
            &["cv", "--resume", run, "--set", "seed=2"],
            "error: --set seed is 2, and the run to go on with began with 1",
        ),
        (&["train", "--resume", run], "it is a run of `taper cv`, and this is `taper train`"),
        (&["report", new], "which has no config.toml, expected the folder of a run"),
        (&["train", "--holdout", "1"], "--holdout is 1, expected a finite number from 0 to below 1"),
    ];
    for (args, expected) in cases {
        let output = taper(args, &[]);
        let message = stderr(&output);
        println!("{message}");
        assert_eq!(output.status.code(), Some(2), "{args:?}: {message}");
        assert!(message.contains(expected), "{args:?}: {message}");
        assert_eq!(message.trim_end().lines().count(), 1, "{message}");
    }
    assert!(!Path::new(new).exists());
    assert!(Path::new(file).exists());
}

/// What the run began with is known by its checkpoints, whatever the settings' file says now.
#[test]
fn changed_settings_and_data_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (data, run) = (folder.path().join("a.csv"), folder.path().join("run"));
    let rows: Vec<_> = (0..40).map(|i| format!("{i},{}\n", i * i % 7)).collect();
    let rows = rows.concat();
    fs::write(&data, format!("x,y\n{rows}")).unwrap();
    let args = ["cv", "-q", "--data", data.to_str().unwrap(), "--target", "y", "--epochs", "2", "--out"];
    assert!(taper(&args, &[run.to_str().unwrap()]).status.success());
    let resume = || taper(&["cv", "-q", "--resume", run.to_str().unwrap()], &[]);
    assert!(resume().status.success());

    let config = run.join("config.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("epochs = 2", "epochs = 3")).unwrap();
    let message = stderr(&resume());
    assert!(message.contains("train.epochs is 3, and the run began with 2"), "{message}");
    fs::write(&config, text).unwrap();
    assert!(resume().status.success());

    fs::write(&data, format!("x,y\n{rows}").replacen("1,1", "1,2", 1)).unwrap();
    let output = resume();
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(
        message.contains("a.csv has changed since the run began: its content is another one"),
        "{message}"
    );
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
