//! Runs that get signals.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use super::{EACH_STEP, SMALL, assert_same, command, stderr, taper, with_whole_run};

#[cfg(unix)]
#[test]
fn signals_stop_a_run_with_a_checkpoint() {
    let (folder, expected) = with_whole_run();
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let run = folder.path().join(signal);
        let args = [&["cv", "--out", run.to_str().unwrap()], &EACH_STEP[..]].concat();
        let process = command(&args, &SMALL).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        // A run with a checkpoint watches for signals.
        while !run.join("checkpoints/fold-000").exists() {
            thread::yield_now();
        }
        let id = process.id().to_string();
        let send = || Command::new("kill").args(["-s", signal, &id]).stderr(Stdio::null()).status().unwrap();
        assert!(send().success());
        if signal != "INT" {
            // Schedulers send more than one, and only a second Ctrl-C stops a run at once.
            send();
        }
        let output = process.wait_with_output().unwrap();
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{message}");
        assert!(message.starts_with(&format!("stopped by SIG{signal}, with a checkpoint; ")), "{message}");
        assert!(taper(&["cv", "-q", "--resume", run.to_str().unwrap()], &[]).status.success());
        assert_same(&run, &expected);
    }
}

/// Signals before the training end the process with a line, and a stopped quick look does not say how to
/// resume it.
#[cfg(target_os = "linux")]
#[test]
fn signals_are_answered_from_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let out = run.to_str().unwrap();
    // Its data never end.
    let args = ["cv", "--data", "-", "--target", "y", "--out", out];
    let mut process = command(&args, &[]);
    let mut process =
        process.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = process.stdin.take().unwrap();
    stdin.write_all(b"x,y\n1,2\n").unwrap();
    wait_until(|| catches_sigterm(process.id()));
    assert!(kill("TERM", process.id()));
    let output = process.wait_with_output().unwrap();
    drop(stdin);
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(143), "{message}");
    assert_eq!(message, "stopped by SIGTERM before it had written anything\n");
    assert!(!run.exists());

    let look = taper(&["cv", "--fast-dev-run", "--max-time", "0s", "--out", out], &[]);
    assert_eq!(look.status.code(), Some(124));
    assert!(stderr(&look).ends_with("is over, and nothing is left behind\n"), "{}", stderr(&look));
}

/// A signal that the run was started to ignore, as by `nohup`, does not stop it.
#[cfg(target_os = "linux")]
#[test]
fn ignored_signals_stay_ignored() {
    let (folder, expected) = with_whole_run();
    let run = folder.path().join("nohup");
    let script = "trap '' HUP; exec \"$0\" \"$@\"";
    let mut process = Command::new("bash");
    process
        .args(["-c", script, env!("CARGO_BIN_EXE_taper"), "cv", "--out", run.to_str().unwrap()])
        .args(SMALL);
    let process = process.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until(|| catches_sigterm(process.id()));
    kill("HUP", process.id());
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert_same(&run, &expected);
}

/// Waits for what happens in a moment, or gives up after a minute.
#[cfg(target_os = "linux")]
fn wait_until(happens: impl Fn() -> bool) {
    let _ = (0..60_000).find(|_| {
        thread::sleep(Duration::from_millis(1));
        happens()
    });
}

/// Whether the process `id` has a handler of SIGTERM.
#[cfg(target_os = "linux")]
fn catches_sigterm(id: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    mask.is_some_and(|mask| u64::from_str_radix(mask.trim(), 16).unwrap_or(0) & (1 << 14) != 0)
}

#[cfg(target_os = "linux")]
fn kill(signal: &str, id: u32) -> bool {
    Command::new("kill").args(["-s", signal, &id.to_string()]).status().unwrap().success()
}
