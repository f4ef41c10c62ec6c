//! What users expect of any command: log files, and completions for shells.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn taper(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_taper")).args(args).env("RUST_LOG", "error").output().unwrap()
}

/// A run that takes a moment and logs to `file`.
fn logged(file: &Path, args: &[&str]) -> Output {
    let small = ["--rows=60", "--features=3", "--epochs=2", "--hidden=8", "--folds=2", "--log-file"];
    taper(&[&small, [file.to_str().unwrap()].as_slice(), args].concat())
}

/// The path of a missing file `name`.
fn place(name: &str) -> PathBuf {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_file(&file);
    file
}

/// The lines of a log, each of which is a JSON object with a time and a level.
fn lines(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().all(|line| line["timestamp"].is_string() && line["level"].is_string()));
    lines
}

fn with_message(lines: &[Value], message: &str) -> usize {
    lines.iter().filter(|line| line["fields"]["message"] == message).count()
}

/// Whatever else is asked for, which here is nothing.
#[test]
fn a_log_file_gets_every_epoch_of_every_run() {
    let file = place("log_file.jsonl");
    for runs in 1..=2 {
        let output = logged(&file, &["--quiet"]);
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()));
        let lines = lines(&file);
        assert_eq!(with_message(&lines, "started"), runs);
        assert_eq!(with_message(&lines, "epoch done"), 4 * runs);
        assert_eq!(with_message(&lines, "fold done"), 2 * runs);
    }
    let lines = lines(&file);
    assert_eq!(lines[0]["fields"]["version"], env!("CARGO_PKG_VERSION"));
    assert!(lines[0]["fields"]["arguments"].as_str().unwrap().contains("--log-file"));
    let epoch = lines.iter().find(|line| line["fields"]["message"] == "epoch done").unwrap();
    assert!(epoch["span"]["train_loss"].is_number(), "{epoch}");
}

#[test]
fn a_log_file_says_how_a_run_failed() {
    let file = place("log_file_failed.jsonl");
    let output = logged(&file, &["--lr=1e18"]);
    assert_eq!(output.status.code(), Some(1));
    let lines = lines(&file);
    let last = lines.last().unwrap();
    assert_eq!(last["fields"]["code"], 1);
    let message = format!("{}\n", last["fields"]["message"].as_str().unwrap());
    assert_eq!(message.as_bytes(), output.stderr);
}

#[test]
fn a_file_that_is_no_log_is_left_alone() {
    let file = place("no_log.csv");
    for text in ["a,b\n1,2\n", "{\"a\": 1}\n", "\u{1}\u{2}", "12", "\n"] {
        fs::write(&file, text).unwrap();
        let output = logged(&file, &[]);
        let expected = format!(
            "error: --log-file is {}, which contains something other than log lines, expected a new file or a log\n",
            file.display()
        );
        assert_eq!(String::from_utf8(output.stderr).unwrap(), expected);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
    // An empty one is as good as new.
    fs::write(&file, "").unwrap();
    assert_eq!(logged(&file, &[]).status.code(), Some(0));
    assert_eq!(with_message(&lines(&file), "started"), 1);

    let folder = logged(Path::new(env!("CARGO_TARGET_TMPDIR")), &[]);
    let message = String::from_utf8(folder.stderr).unwrap();
    assert!(message.contains("which cannot be written: ") && message.lines().count() == 1, "{message}");
    assert_eq!(folder.status.code(), Some(2));
}

/// The completions that bash offers for `words`, whose last is incomplete.
#[cfg(target_os = "linux")]
fn in_bash(words: &[&str]) -> Vec<String> {
    let script = String::from_utf8(taper(&["completions", "bash"]).stdout).unwrap();
    let (last, before) = words.split_last().unwrap();
    let ask = format!(
        "COMP_WORDS=(taper {} '{last}'); COMP_CWORD={}; _taper taper '{last}' {}; echo \"${{COMPREPLY[@]}}\"",
        before.join(" "),
        words.len(),
        before.last().unwrap_or(&"taper"),
    );
    let output = Command::new("bash").args(["--norc", "-c", &format!("{script}\n{ask}")]).output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()));
    String::from_utf8(output.stdout).unwrap().split_whitespace().map(str::to_owned).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn bash_completes_commands_flags_and_values() {
    assert!(in_bash(&["gradc"]).contains(&"gradcheck".to_owned()));
    assert_eq!(in_bash(&["cv", "--epo"]), ["--epochs"]);
    assert_eq!(in_bash(&["--epo"]), ["--epochs"]);
    assert_eq!(in_bash(&["cv", "--layer", ""]), ["linear", "cos"]);
    assert_eq!(in_bash(&["cv", "--missing", "d"]), ["drop"]);
}

#[test]
fn every_shell_gets_a_script() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = taper(&["completions", shell]);
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()));
        assert!(String::from_utf8(output.stdout).unwrap().contains("weight-decay"), "{shell}");
    }
    let output = taper(&["completions", "csh"]);
    assert_eq!(output.status.code(), Some(2));
}

/// What a terminal of 80 columns shows fits it, and says less where there is less room.
#[test]
fn tables_and_logs_fit_the_terminal() {
    for (columns, expected) in [("", 80), ("80", 80), ("60", 60), ("120", 120)] {
        let mut call = Command::new(env!("CARGO_BIN_EXE_taper"));
        let call =
            call.args(["cv", "--rows", "200", "--features", "3", "--epochs", "2"]).env("COLUMNS", columns);
        let output = call.env_remove("RUST_LOG").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let longest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(longest <= expected, "{longest}: {text}");
        assert_eq!(text.lines().next().unwrap().contains("mse d=3"), expected >= 80, "{text}");
        assert_eq!(text.contains("left out; `--json` has"), expected < 80, "{text}");
        // The time of day, the level, the fold, and no more digits than people read.
        let log = String::from_utf8(output.stderr).unwrap();
        let line = log.lines().find(|line| line.contains("fold done")).unwrap();
        let words: Vec<_> = line.split([' ', ',']).filter(|word| !word.is_empty()).collect();
        let ["INFO", "fold", _, "fold", "done", "mse", mse, "seconds", _] = words[1..] else {
            panic!("{line}")
        };
        assert!(words[0].len() == 8 && mse.len() <= 7, "{line}");
        assert!(!log.contains('\x1b') && !text.contains('\x1b'));
    }
}

/// Every command explains itself, with an example and its exit codes.
#[test]
fn every_help_has_examples_and_exit_codes() {
    let help = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_taper")).args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    for command in [
        "cv",
        "train",
        "compare",
        "report",
        "config",
        "predict",
        "evaluate",
        "export",
        "importance",
        "inspect",
        "gradcheck",
        "completions",
    ] {
        let text = help(&[command, "--help"]);
        assert!(text.contains("Example") && text.contains("Exit codes: 0 done, 1 failed, 2"), "{text}");
        assert_eq!(help(&["help", command]), text);
    }
    assert!(help(&["help"]).contains("Exit codes: "));
    // What a command has to say beyond a line comes before its usage.
    for command in ["compare", "study", "predict", "evaluate", "export", "importance", "inspect", "gradcheck"]
    {
        let text = help(&[command, "--help"]);
        let second = text.split("\n\n").nth(1).unwrap();
        assert!(!second.starts_with("Usage"), "{text}");
    }
}
