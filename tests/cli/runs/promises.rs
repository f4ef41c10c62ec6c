//! What a run folder promises: nothing that a user made is lost, and nothing in it is wrong without a word.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use super::{EACH_STEP, SMALL, assert_same, command, documents, stderr, taper, whole, with_whole_run};

/// Copies the folder `from` with all in it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        if from.is_dir() {
            copy(&from, &to.join(name));
        } else {
            fs::copy(&from, to.join(name)).unwrap();
        }
    }
}

/// `--force` removes the files that the run before wrote, and those of a user stay, wherever they are.
#[test]
fn force_removes_what_the_manifest_lists() {
    let (_folder, run) = with_whole_run();
    let path = run.to_str().unwrap();
    let mine =
        ["checkpoints/best.pt", "checkpoints/fold-000/notes.txt", "model.txt"].map(|name| run.join(name));
    for file in &mine {
        fs::write(file, "mine").unwrap();
    }
    let output = taper(&["cv", "--out", path, "--force", "--epochs", "1", "--folds", "2"], &SMALL[..4]);
    assert!(output.status.success(), "{}", stderr(&output));
    for file in &mine {
        assert_eq!(fs::read_to_string(file).unwrap(), "mine");
    }
    assert!(!run.join("checkpoints/fold-002").exists());

    // A model is none of a cross-validation's files, and a training would replace it.
    fs::write(run.join("model.safetensors"), "mine").unwrap();
    let output = taper(&["train", "--out", path, "--force"], &SMALL[..4]);
    let expected = "which has model.safetensors, a file that its run did not write; expected it elsewhere";
    assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    assert_eq!(fs::read_to_string(run.join("model.safetensors")).unwrap(), "mine");
    assert!(run.join("results.json").exists());

    // Names alone do not make a run.
    let foreign = run.join("foreign");
    fs::create_dir(&foreign).unwrap();
    for name in ["config.toml", ".lock", "environment.json", "model.safetensors"] {
        fs::write(foreign.join(name), "").unwrap();
    }
    let output = taper(&["cv", "--force", "--out", foreign.to_str().unwrap()], &[]);
    assert!(stderr(&output).contains("which has other files, expected a new or an empty folder"));
    assert_eq!(fs::read_dir(&foreign).unwrap().count(), 4);
}

/// Wherever `--force` is interrupted, the same call goes through, and so does `--resume`.
#[test]
fn an_interrupted_force_goes_on() {
    let (folder, whole) = with_whole_run();
    let expected = folder.path().join("expected");
    let other = [&SMALL[..12], &["-q", "--seed", "5"]].concat();
    assert!(taper(&["cv", "--out", expected.to_str().unwrap()], &other).status.success());
    let began: Vec<u8> = {
        let run = folder.path().join("began");
        copy(&whole, &run);
        let args = ["cv", "--out", run.to_str().unwrap(), "--force", "--max-time", "0s"];
        assert_eq!(taper(&args, &other).status.code(), Some(124));
        let text = fs::read_to_string(run.join("run.json")).unwrap();
        assert!(text.contains("\"replaces\": []"), "{text}");
        text.into()
    };
    // As it is between the manifest and the removal of the files before it, of which some are gone.
    let replaces =
        ["config.toml", "environment.json", "folds.json", "metrics.jsonl", "predictions.csv", "results.json"];
    for gone in 0..=replaces.len() {
        for calls_again in [true, false] {
            let run = folder.path().join(format!("{gone}-{calls_again}"));
            copy(&whole, &run);
            for name in &replaces[..gone] {
                fs::remove_file(run.join(name)).unwrap();
            }
            fs::write(run.join("run.json"), clearing(&began, &replaces)).unwrap();
            let path = run.to_str().unwrap();
            let report = taper(&["report", path], &[]);
            assert!(stderr(&report).contains("is a run that is not finished"), "{}", stderr(&report));
            let output = if calls_again {
                taper(&["cv", "--out", path, "--force"], &other)
            } else {
                taper(&["cv", "--resume", path, "-q"], &[])
            };
            assert!(output.status.success(), "{gone} gone: {}", stderr(&output));
            assert_same(&run, &expected);
        }
    }
}

/// The manifest `began` as it is before the files `replaces` of another run are removed: nothing is complete.
fn clearing(began: &[u8], replaces: &[&str]) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let mut manifest: serde_json::Value = serde_json::from_slice(began).unwrap();
    // A value has its keys in another order than the file, so the text is changed in place.
    let mut text = String::from_utf8(began.to_vec()).unwrap();
    for (name, sum) in manifest["files"].as_object_mut().unwrap() {
        if let Some(sha256) = sum["sha256"].as_str() {
            let bytes = &sum["bytes"];
            let entry =
                format!("\"{name}\": {{\n      \"bytes\": {bytes},\n      \"sha256\": \"{sha256}\"\n    }}");
            assert!(text.contains(&entry), "{entry}");
            text = text.replace(&entry, &format!("\"{name}\": null"));
        }
    }
    let names: Vec<_> = replaces.iter().map(|name| format!("\n    \"{name}\"")).collect();
    text = text.replace("\"replaces\": []", &format!("\"replaces\": [{}\n  ]", names.join(",")));
    let sum = manifest["sha256"].as_str().unwrap();
    let plain = text.replace(sum, "");
    text.replace(sum, &format!("{:x}", Sha256::digest(&plain))).into_bytes()
}

/// Whatever is changed in what a run wrote is said; what it can write again, it does.
#[test]
fn a_changed_file_is_noticed() {
    let (_folder, run) = with_whole_run();
    let path = run.to_str().unwrap();
    for name in ["results.json", "metrics.jsonl", "predictions.csv", "environment.json", "config.toml"] {
        let file = run.join(name);
        let before = fs::read(&file).unwrap();
        let mut changed = before.clone();
        let digit = changed.iter().position(u8::is_ascii_digit).unwrap();
        changed[digit] ^= 1;
        for text in [changed.as_slice(), &before[..before.len() - 2], b""] {
            fs::write(&file, text).unwrap();
            let output = taper(&["report", path], &[]);
            let message = stderr(&output);
            assert_eq!(output.status.code(), Some(1), "{name}: {message}");
            assert!(message.contains(&format!("{name}: is not as the run wrote it")), "{message}");
            let output = taper(&["cv", "--resume", path, "-q"], &[]);
            if name == "config.toml" {
                assert!(
                    stderr(&output).contains("config.toml: is not as the run wrote it"),
                    "{}",
                    stderr(&output)
                );
                fs::write(&file, &before).unwrap();
            } else {
                assert!(output.status.success(), "{name}: {}", stderr(&output));
            }
            assert!(taper(&["report", path], &[]).status.success(), "{name}");
        }
    }
    let manifest = run.join("run.json");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("\"seed\": 1", "\"seed\": 2")).unwrap();
    for args in [["report", path].as_slice(), &["cv", "--resume", path]] {
        let output = taper(args, &[]);
        let message = stderr(&output);
        assert!(
            message
                .contains("run.json: is damaged: its checksum differs; where it is removed, config.toml and"),
            "{message}"
        );
    }
    fs::remove_file(manifest).unwrap();
    assert!(taper(&["cv", "--resume", path, "-q"], &[]).status.success());
}

/// A run that is done goes on for more epochs, to the same end as one that had them from the start.
#[test]
fn a_run_is_extended() {
    let folder = tempfile::tempdir().unwrap();
    let [expected, run] = ["long", "short"].map(|name| folder.path().join(name));
    let path = run.to_str().unwrap();
    let long: Vec<_> = SMALL.iter().chain(&["--recipe", "seed"]).copied().collect();
    assert!(taper(&["cv", "--out", expected.to_str().unwrap()], &long).status.success());
    let short: Vec<_> = long.iter().map(|&arg| if arg == "12" { "5" } else { arg }).collect();
    assert!(taper(&["cv", "--out", path], &short).status.success());
    let refused = taper(&["cv", "--resume", path, "--epochs", "4"], &[]);
    let message = stderr(&refused);
    let lines = "--epochs is 4, and the run to resume began with 5, to which more can be added";
    assert!(refused.status.code() == Some(2) && message.contains(lines), "{message}");
    // Interrupted, it still knows how far to go.
    let stopped = taper(&["cv", "--resume", path, "--epochs", "12", "--max-time", "0s"], &[]);
    assert_eq!(stopped.status.code(), Some(124), "{}", stderr(&stopped));
    assert!(taper(&["cv", "--resume", path, "-q"], &[]).status.success());
    assert_same(&run, &expected);
}

/// A schedule of the learning rate ends with the last epoch; stopped before, the run goes on along it.
#[test]
fn a_run_with_a_schedule_is_resumed_and_not_extended() {
    let (folder, _) = with_whole_run();
    let [whole, run] = ["uninterrupted", "stopped"].map(|name| folder.path().join(name));
    let scheduled: Vec<_> = SMALL.iter().chain(&["--schedule", "one-cycle"]).copied().collect();
    assert!(taper(&["cv", "--out", whole.to_str().unwrap()], &scheduled).status.success());
    let path = run.to_str().unwrap();
    let stopped = taper(&["cv", "--out", path, "--max-time", "0s"], &scheduled);
    assert_eq!(stopped.status.code(), Some(124), "{}", stderr(&stopped));
    assert!(taper(&["cv", "--resume", path, "-q"], &[]).status.success());
    assert_same(&run, &whole);
    let refused = taper(&["cv", "--resume", path, "--epochs", "13"], &[]);
    let message = stderr(&refused);
    let why =
        "--epochs is 13, and the run to resume began with 12, with which its learning rate came to an end";
    assert!(refused.status.code() == Some(2) && message.contains(why), "{message}");
    // The rate of each epoch's last step is on record, and there is a picture of it.
    let rates: Vec<f64> = fs::read_to_string(run.join("metrics.jsonl"))
        .unwrap()
        .lines()
        .take(12)
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["lr"].as_f64().unwrap())
        .collect();
    let top = rates.iter().copied().fold(0., f64::max);
    assert!(rates[0] < top && rates[11] < 1e-5 * top && top <= 2e-2, "{rates:?}");
    assert!(fs::read_to_string(run.join("report.html")).unwrap().contains("learning rate"));
}

/// A folder that is renamed under a run is left alone, and so is what comes to be at its old path.
#[cfg(unix)]
#[test]
fn a_run_does_not_write_into_another_folder() {
    let (folder, expected) = with_whole_run();
    let [run, moved] = ["run", "moved"].map(|name| folder.path().join(name));
    let many: Vec<_> = SMALL.iter().map(|&arg| if arg == "12" { "100000" } else { arg }).collect();
    let args = [&["cv", "--out", run.to_str().unwrap()], &EACH_STEP[..]].concat();
    let process = command(&args, &many).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    for _ in 0..60_000 {
        if run.join("checkpoints/fold-001").exists() {
            break;
        }
        thread::sleep(Duration::from_millis(1));
    }
    fs::rename(&run, &moved).unwrap();
    whole(&run);
    let output = process.wait_with_output().unwrap();
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{message}");
    // In the moment between a look and a step the system says it.
    let told = ["run: was moved or removed while the run wrote into it", "cannot be written: No such file"];
    assert!(told.iter().any(|told| message.contains(told)), "{message}");
    assert_same(&run, &expected);
    let more = taper(&["cv", "-q", "--max-time", "1s", "--resume", moved.to_str().unwrap()], &[]);
    assert_eq!(more.status.code(), Some(124), "{}", stderr(&more));
}

/// A folder in use is no wrong call: it is free after a while.
#[cfg(unix)]
#[test]
fn a_folder_in_use_is_refused() {
    let (folder, expected) = with_whole_run();
    let held = fs::File::open(expected.join(".lock")).unwrap();
    held.lock().unwrap();
    let path = expected.to_str().unwrap();
    for args in [["cv", "--force", "--out", path].as_slice(), &["cv", "--resume", path], &["report", path]] {
        let output = taper(args, &[]);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(message.contains("is in use by another taper"), "{message}");
    }
    drop(held);
    // A folder that is made on the way.
    let run = folder.path().join("a/b/run");
    whole(&run);
    assert_same(&run, &expected);
}

/// A run that is done stays done while it is looked at again.
#[test]
fn a_finished_run_stays_finished() {
    let (_folder, run) = with_whole_run();
    let path = run.to_str().unwrap();
    let stopped = taper(&["cv", "-q", "--resume", path, "--max-time", "0s"], &[]);
    assert_eq!(stopped.status.code(), Some(124));
    assert!(taper(&["report", path], &[]).status.success());
}

/// Where a folder has come to be in the place of a file of the run, nothing is removed.
#[test]
fn force_refuses_folders_in_the_place_of_files() {
    let (_folder, run) = with_whole_run();
    fs::remove_file(run.join("report.html")).unwrap();
    fs::create_dir(run.join("report.html")).unwrap();
    let output = taper(&["cv", "--force", "--out", run.to_str().unwrap()], &SMALL);
    assert!(stderr(&output).contains("which has a folder report.html"), "{}", stderr(&output));
    assert!(run.join("results.json").exists());
}

/// A log without room is told once, and does not end the run.
#[cfg(target_os = "linux")]
#[test]
fn a_log_on_a_full_disk_is_told() {
    let output = taper(&["cv", "--log-file", "/dev/full"], &SMALL);
    let message = stderr(&output);
    assert!(output.status.success(), "{message}");
    assert_eq!(message, "warning: /dev/full lacks log lines: No space left on device (os error 28)\n");
}

/// A file that is replaced keeps its permissions.
#[cfg(unix)]
#[test]
fn a_replaced_file_keeps_its_permissions() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("new/folder/m.safetensors");
    let args = ["train", "-q", "--epochs", "1", "--force", "--model", model.to_str().unwrap()];
    assert!(taper(&args, &SMALL[..4]).status.success());
    fs::set_permissions(&model, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(taper(&args, &SMALL[..4]).status.success());
    assert_eq!(fs::metadata(&model).unwrap().permissions().mode() & 0o777, 0o600);
}

/// A run goes on with other instructions, and says what that means.
#[test]
fn other_instructions_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let path = run.to_str().unwrap();
    assert_eq!(taper(&["cv", "--out", path, "--max-time", "0s"], &SMALL).status.code(), Some(124));
    let began = documents(&run.join("environment.json")).pop().unwrap()["instructions"].clone();
    let other = command(&["cv", "--resume", path], &[]).env("TAPER_SIMD", "plain").output().unwrap();
    let message = stderr(&other);
    assert!(other.status.success(), "{message}");
    let is_told = message.contains("the last bits of the results may differ");
    assert_eq!(is_told, began != "plain", "{message}");
}

/// What is behind a link in the place of the checkpoints is not the run's.
#[cfg(unix)]
#[test]
fn force_refuses_linked_checkpoints() {
    let (folder, run) = with_whole_run();
    let elsewhere = folder.path().join("elsewhere");
    fs::rename(run.join("checkpoints"), &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, run.join("checkpoints")).unwrap();
    let output = taper(&["cv", "--force", "--out", run.to_str().unwrap()], &SMALL);
    assert!(stderr(&output).contains("which has a link checkpoints"), "{}", stderr(&output));
    assert!(run.join("results.json").exists() && fs::read_dir(elsewhere).unwrap().count() == 3);
}
