//! What a run with a folder refuses, and the line that is said of it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::{SMALL, command, stderr, taper, with_whole_run};

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
    let unfinished = folder.path().join("unfinished");
    let unfinished = unfinished.to_str().unwrap();
    assert_eq!(taper(&["cv", "--max-time", "1ms", "--out", unfinished], &SMALL).status.code(), Some(124));
    let link = folder.path().join("link");
    #[cfg(unix)]
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    let link = link.to_str().unwrap();
    let goes_on = format!("is a run that is not finished; `taper cv --resume {unfinished}` resumes it");
    let cases: &[(&[&str], &str)] = &[
        (&["cv", "--out", run], "which has a run; `--resume` continues it, `--force` replaces it"),
        (&["cv", "--out", other], "which has other files, expected a new or an empty folder"),
        (&["cv", "--out", other, "--force"], "which has other files, expected a new or an empty folder"),
        #[cfg(unix)]
        (&["cv", "--out", link], "a link to a missing folder; expected the name of that folder, or another"),
        (&["cv", "--out", file], "a file, expected a folder to make"),
        (&["cv", "--resume", new], "which has no run.json, expected the folder of a run"),
        (&["cv", "--resume", run, "--out", new], "cannot be used with"),
        (&["cv", "--resume", run, "--config", "a.toml"], "cannot be used with"),
        (&["cv", "--max-time", "1s"], "the following required arguments were not provided"),
        (&["cv", "--out", new, "--max-time", "soon"], "invalid value 'soon' for '--max-time <TIME>'"),
        (
            &["cv", "--resume", run, "--lr", "0.5"],
            "error: --lr is 0.5, and the run to resume began with 0.02",
        ),
        (
            &["cv", "--resume", run, "--set", "seed=2"],
            "error: --set seed is 2, and the run to resume began with 1",
        ),
        (&["train", "--resume", run], "it is a run of `taper cv`, and this is `taper train`"),
        (&["report", new], "which has no run.json, expected the folder of a run"),
        (&["report", unfinished], &goes_on),
        (&["train", "--holdout", "1"], "--holdout is 1, expected a finite number from 0 to below 1"),
    ];
    for (args, expected) in cases {
        let output = taper(args, &[]);
        let message = stderr(&output);
        println!("{message}");
        let code = if args.contains(&unfinished) { 1 } else { 2 };
        assert_eq!(output.status.code(), Some(code), "{args:?}: {message}");
        assert!(message.contains(expected), "{args:?}: {message}");
        assert_eq!(message.trim_end().lines().count(), 1, "{message}");
    }
    assert!(!Path::new(new).exists());
    assert!(Path::new(file).exists());
}

/// What the run began with is known, whatever the settings' file and the data are now.
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
    let changed = "config.toml: is not as the run wrote it: its checksum differs from that in run.json";
    assert!(message.contains(changed), "{message}");
    fs::write(&config, text).unwrap();
    assert!(resume().status.success());

    fs::write(&data, format!("x,y\n{rows}").replacen("1,1", "1,2", 1)).unwrap();
    let output = resume();
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("a.csv has changed since the run began: its content differs"), "{message}");
}

/// A call that turns out to be wrong leaves the run in its folder as it is, --force or not.
#[test]
fn a_wrong_call_replaces_nothing() {
    let (folder, run) = with_whole_run();
    let out = run.to_str().unwrap();
    let few = folder.path().join("few.csv");
    fs::write(&few, "x,g,y\n1,1,2\n2,2,3\n3,3,5\n4,4,7\n5,5,11\n").unwrap();
    let few = few.to_str().unwrap();
    let [predictions, settings, checkpoint] =
        ["predictions.csv", "config.toml", "checkpoints/fold-000/a.csv"]
            .map(|name| run.join(name).to_str().unwrap().to_owned());
    fs::copy(few, &checkpoint).unwrap();
    let contents = || {
        let entries = walk(&run);
        entries.iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect::<Vec<_>>()
    };
    let before = contents();
    let missing = folder.path().join("missing.csv");
    let missing = missing.to_str().unwrap();
    let read = |name: &str| format!("--out is {out}, where a new run replaces {name}, which is read");
    let cases: &[(&[&str], &str)] = &[
        (&["cv", "--folds", "6"], "--folds is 6, expected at most the 5 rows"),
        (&["cv", "--group", "g", "--folds", "6"], "--folds is 6, expected at most the 5 groups"),
        (&["train", "--holdout", "0.9999"], "--holdout is 0.9999, which leaves nothing to train on"),
        (&["cv", "--folds", "2", "--data", missing], "missing.csv, which cannot be read"),
        (&["cv", "--data", &predictions], &read(&predictions)),
        (&["train", "--data", &predictions], &read(&predictions)),
        (&["cv", "--data", &checkpoint], &read(&checkpoint)),
        (&["cv", "--config", &settings], &read(&settings)),
    ];
    for (args, expected) in cases {
        let mut args = args.to_vec();
        if !args.contains(&"--data") {
            args.extend(["--data", few]);
        }
        let output = taper(&args, &["--target", "y", "--force", "--out", out]);
        let message = stderr(&output);
        println!("{message}");
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(expected), "{args:?}: {message}");
        assert!(contents() == before, "{args:?}");
    }
}

/// All files under `folder`.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let of = |path: PathBuf| if path.is_dir() { walk(&path) } else { vec![path] };
    entries.into_iter().flat_map(of).collect()
}

/// Until there is a checkpoint, too, a run resumes with its own command and data alone, and it does so after
/// others were refused. One that was killed before it had written what it began with takes those of the call.
#[test]
fn a_run_without_checkpoints_knows_what_it_began_with() {
    let folder = tempfile::tempdir().unwrap();
    let (data, run) = (folder.path().join("a.csv"), folder.path().join("run"));
    let rows: Vec<_> = (0..40).map(|i| format!("{i},{}\n", i * i % 7)).collect();
    let [text, changed] = ["x,y\n100,1\n", "x,y\n100,2\n"].map(|head| format!("{head}{}", rows.concat()));
    fs::write(&data, &text).unwrap();
    let path = run.to_str().unwrap();
    let args =
        ["cv", "-q", "--data", data.to_str().unwrap(), "--target", "y", "--epochs", "2", "--out", path];
    assert!(taper(&args, &[]).status.success());
    for name in ["results.json", "checkpoints"] {
        let name = run.join(name);
        fs::remove_file(&name).or_else(|_| fs::remove_dir_all(&name)).unwrap();
    }
    let refused = |command: &str, expected: &str| {
        let output = taper(&[command, "-q", "--resume", path], &[]);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(expected), "{message}");
    };
    refused("train", "it is a run of `taper cv`, and this is `taper train`");
    fs::write(&data, &changed).unwrap();
    refused("cv", "a.csv has changed since the run began: its content differs");
    fs::write(&data, &text).unwrap();
    assert!(taper(&["cv", "-q", "--resume", path], &[]).status.success());

    // Runs of earlier versions have no manifest. Their environment knows, or else the checkpoints.
    fs::write(&data, &changed).unwrap();
    for name in ["run.json", "environment.json"] {
        fs::remove_file(run.join(name)).unwrap();
        refused("train", "it is a run of `taper cv`, and this is `taper train`");
        refused("cv", "a.csv has changed since the run began: its content differs");
        assert!(!run.join(name).exists());
    }
    fs::remove_dir_all(run.join("checkpoints")).unwrap();
    assert!(taper(&["cv", "-q", "--resume", path], &[]).status.success());
    assert!(run.join("environment.json").exists());
}

/// Data are known by their content, so a run resumes wherever they are.
#[test]
fn a_run_goes_on_with_data_that_have_moved() {
    let folder = tempfile::tempdir().unwrap();
    let [here, there] = ["here", "there"].map(|name| folder.path().join(name));
    let run = folder.path().join("run");
    fs::create_dir(&here).unwrap();
    fs::create_dir(&there).unwrap();
    let text = "x,y\n1,2\n2,3\n3,5\n4,7\n5,11\n";
    fs::write(here.join("a.csv"), text).unwrap();
    fs::write(there.join("b.csv"), text).unwrap();
    fs::write(there.join("c.csv"), text.replace("11", "12")).unwrap();
    let path = run.to_str().unwrap();
    let call = |args: &[&str], folder: &Path| {
        let output = command(args, &["-q"]).current_dir(folder).output().unwrap();
        (output.status.code().unwrap(), stderr(&output))
    };
    let stopped = ["cv", "--max-time", "0s", "--data", "a.csv", "--target", "y", "--out", path];
    assert_eq!(call(&stopped, &here).0, 124);
    fs::rename(here.join("a.csv"), here.join("moved.csv")).unwrap();
    let (code, message) = call(&["cv", "--resume", path], &there);
    assert_eq!(code, 2);
    assert!(message.contains("data.file is a.csv, which cannot be read: No such file"), "{message}");
    assert!(message.contains("; `--data` says where the file is now"), "{message}");
    let (code, message) = call(&["cv", "--resume", path, "--data", "c.csv"], &there);
    assert_eq!(code, 2);
    assert!(message.contains("c.csv has changed since the run began: its content differs"), "{message}");
    assert_eq!(call(&["cv", "--resume", path, "--data", "b.csv"], &there), (0, String::new()));
    // From now on the run knows where it is, from any folder, though a file of the old name has another
    // content.
    fs::write(here.join("a.csv"), text.replace("11", "13")).unwrap();
    for folder in [&here, &there, &folder.path().to_owned()] {
        assert_eq!(call(&["cv", "--resume", path], folder), (0, String::new()));
    }
}

/// What came through a pipe is recognised when it comes again.
#[cfg(unix)]
#[test]
fn a_run_resumes_with_a_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let path = run.to_str().unwrap();
    let call = |args: &[&str], text: &str| {
        let mut process = command(args, &["-q"]);
        let process = process.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = process.spawn().unwrap();
        process.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = process.wait_with_output().unwrap();
        (output.status.code().unwrap(), stderr(&output))
    };
    let text = "x,y\n1,2\n2,3\n3,5\n4,7\n5,11\n";
    assert_eq!(call(&["cv", "--data", "-", "--target", "y", "--out", path, "--max-time", "0s"], text).0, 124);
    let (code, message) = call(&["cv", "--resume", path], &text.replace("11", "12"));
    assert!(
        code == 2 && message.contains("- has changed since the run began: its content differs"),
        "{message}"
    );
    assert_eq!(call(&["cv", "--resume", path], text), (0, String::new()));
}
