//! Runs that are killed, stopped or out of luck, and resume bit for bit.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use rand::Rng;
use taper::random::{Stream, generator};
use taper::run::RunRecord;

use super::{EACH_STEP, SMALL, assert_same, command, stderr, taper, with_whole_run};

/// The time is over again and again, in the middle of an epoch or at its end.
#[test]
fn a_run_that_is_stopped_resumes_bit_for_bit() {
    let (folder, expected) = with_whole_run();
    resumes_until_it_is_done(&folder.path().join("stopped"), &[], &expected);
}

/// The masks of dropout are those of their steps, and the statistics of a batch norm those of the network.
#[test]
fn a_run_with_dropout_and_a_norm_that_is_stopped_resumes_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let more = ["--dropout", "0.3", "--norm", "batch", "--skip", "--activation", "mish", "--bins", "4"];
    let whole = folder.path().join("whole");
    let output = taper(&[&["cv", "--out", whole.to_str().unwrap()], &more[..]].concat(), &SMALL);
    assert!(output.status.success(), "{}", stderr(&output));
    resumes_until_it_is_done(&folder.path().join("stopped"), &more, &whole);
    let report = taper(&["report", whole.to_str().unwrap()], &[]);
    assert!(report.status.success(), "{}", stderr(&report));
}

/// The divergence is weighed by the loss of the epoch before.
#[test]
fn a_run_with_learned_depths_that_is_stopped_resumes_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let more = ["--halting", "adaptive", "--prior", "geometric", "--schedule", "constant", "--lr", "0.01"];
    let whole = folder.path().join("whole");
    let output = taper(&[&["cv", "--out", whole.to_str().unwrap()], &more[..]].concat(), &SMALL);
    assert!(output.status.success(), "{}", stderr(&output));
    resumes_until_it_is_done(&folder.path().join("stopped"), &more, &whole);
    // Its depths are learned after a tenth of all epochs.
    let longer = ["cv", "--resume", whole.to_str().unwrap(), "--epochs", "20"];
    let message = stderr(&taper(&longer, &[]));
    let expected = "began with 12, after a tenth of which its depths began to be learned";
    assert!(message.contains(expected), "{message}");
}

/// Starts a run with `more` settings that is stopped again and again, and holds its end against `expected`.
fn resumes_until_it_is_done(run: &Path, more: &[&str], expected: &Path) {
    let start = [&["cv", "--max-time", "1ms", "--out", run.to_str().unwrap()], more].concat();
    let mut output = command(&start, &SMALL).output().unwrap();
    let resume = ["cv", "-q", "--resume", run.to_str().unwrap()];
    let (mut stops, mut time) = (0, 8000.);
    while output.status.code() == Some(124) {
        let message = stderr(&output);
        assert!(message.contains("stopped since the time of --max-time is over"), "{message}");
        assert!(message.contains(&format!("`taper cv --resume {}` resumes it", run.display())), "{message}");
        stops += 1;
        // Where the time is over before a step there must be more of it.
        time *= 1.1;
        let max_time = format!("{time:.0}us");
        output = taper(&resume, &["--max-time", &max_time, "--jobs", if stops % 2 == 0 { "1" } else { "3" }]);
    }
    assert!(output.status.success(), "{}", stderr(&output));
    println!("{stops} stops");
    assert!(stops > 0);
    assert_same(run, expected);
    // And a run that is done is done again in no time, with the same results.
    assert!(taper(&resume, &[]).status.success());
    assert_same(run, expected);
}

/// Kills a run a hundred times between its first checkpoint and its end, at any moment and whatever it is
/// writing, and then lets it run to its end. What was there must always do for the next one to resume
/// without a word. A run that comes to its end before that begins anew, and is given less time, however fast
/// the machine is.
pub(crate) fn kill_a_hundred_times(command_name: &str, run: &Path, args: &[&str]) {
    let path = run.to_str().unwrap();
    let mut rng = generator(1, Stream::Data, 0);
    let start = [&[command_name, "--out", path], &EACH_STEP[..]].concat();
    let resume = [&[command_name, "-q", "--resume", path], &EACH_STEP[..]].concat();
    let (mut longest, mut interrupted, mut kills, mut ends) = (0.06, 0, 0, 0);
    while interrupted < 100 {
        let mut process =
            if run.join("run.json").exists() { command(&resume, &[]) } else { command(&start, args) };
        // A checkpoint that is damaged is passed over with a warning.
        process.env("RUST_LOG", "warn");
        let mut process = process.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        thread::sleep(Duration::from_secs_f64(rng.random_range(0.0..longest)));
        process.kill().unwrap();
        let output = process.wait_with_output().unwrap();
        let message = stderr(&output);
        assert!(is_expected(&message), "a checkpoint that cannot be read, or another problem: {message}");
        kills += usize::from(!output.status.success());
        if run.join("results.json").exists() {
            fs::remove_dir_all(run).unwrap();
            longest /= 2.;
            ends += 1;
        } else if run.join("checkpoints/fold-000").exists() {
            interrupted += 1;
        } else {
            // Where nothing is got done there must be more time.
            longest *= 1.1;
        }
    }
    println!("{kills} kills, {ends} ends");
    assert!(kills >= 100);
    let resume = [&[command_name, "--resume", path], &EACH_STEP[..]].concat();
    let output = command(&resume, &[]).env("RUST_LOG", "warn").output().unwrap();
    assert!(output.status.success() && is_expected(&stderr(&output)), "{}", stderr(&output));
}

/// Whether a log warns of nothing but that there are few steps.
fn is_expected(log: &str) -> bool {
    log.lines().all(|line| line.contains("WARN each network made"))
}

#[test]
fn a_hundred_kills_lose_nothing() {
    let (folder, expected) = with_whole_run();
    let run = folder.path().join("killed");
    kill_a_hundred_times("cv", &run, &SMALL);
    assert_same(&run, &expected);
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
    let run_through = taper(&["cv", "--out", path, "--checkpoint-every", "0s"], &SMALL);
    assert!(run_through.status.success(), "{}", stderr(&run_through));
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
        message.contains("is damaged or cut off: its checksum differs; resuming from the one before it"),
        "{message}"
    );
    assert_same(&run, &expected);
}

/// Where every checkpoint is damaged the run begins anew, and comes to the same end.
#[test]
fn without_a_checkpoint_a_run_begins_anew() {
    let (_folder, run) = with_whole_run();
    let expected = fs::read(run.join("predictions.csv")).unwrap();
    for file in fs::read_dir(run.join("checkpoints/fold-001")).unwrap() {
        fs::write(file.unwrap().path(), "").unwrap();
    }
    // And one that was killed before it had written all that it writes at first.
    fs::remove_file(run.join("environment.json")).unwrap();
    let resume = ["cv", "--resume", run.to_str().unwrap()];
    let output = command(&resume, &[]).env("RUST_LOG", "warn").output().unwrap();
    let message = stderr(&output);
    assert!(output.status.success(), "{message}");
    assert!(message.contains("; there is none before it, starting over"), "{message}");
    assert!(fs::read(run.join("predictions.csv")).unwrap() == expected);
    assert!(run.join("environment.json").exists());
}

/// The line that says how to resume can be pasted into a shell, whatever the folder's name is.
#[cfg(unix)]
#[test]
fn the_call_that_goes_on_is_quoted() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["Anna's run é", "-r", "=r", "two\nlines and\ta 'tab' \\"] {
        let out = format!("--out={name}");
        let mut stopped = command(&["cv", "--max-time", "1ms", &out], &SMALL);
        let stopped = stopped.current_dir(folder.path()).output().unwrap();
        let message = stderr(&stopped);
        assert_eq!(stopped.status.code(), Some(124), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
        let call = message.split('`').nth(1).unwrap().strip_prefix("taper").unwrap();
        let call = format!("exec {} {call} -q", env!("CARGO_BIN_EXE_taper"));
        let output = Command::new("bash").args(["-c", &call]).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(folder.path().join(name).join("report.html").exists());
    }
}

/// The line is true where the time was over before the first step.
#[test]
fn a_run_without_a_checkpoint_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let path = run.to_str().unwrap();
    let output = taper(&["cv", "--max-time", "0s", "--out", path], &SMALL);
    let message = stderr(&output);
    let expected = format!(
        "stopped since the time of --max-time is over, before the first checkpoint; `taper cv --resume {path}` resumes it\n"
    );
    assert_eq!((output.status.code(), message), (Some(124), expected));
    // Killed a moment earlier it has not written where it ran; a run of an earlier version does not say what
    // it is.
    let unfinished = |expected: &str| {
        let output = taper(&["report", path], &[]);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(1));
        assert!(message.contains(&format!("is a run that is not finished; {expected}")), "{message}");
    };
    fs::remove_file(run.join("environment.json")).unwrap();
    unfinished(&format!("`taper cv --resume {path}` resumes it"));
    fs::remove_file(run.join("run.json")).unwrap();
    unfinished("the command that began it resumes it with --resume");
    assert!(taper(&["cv", "-q", "--resume", path], &[]).status.success());
}

/// To look at a run changes nothing of it, and shows what is whole.
#[test]
fn a_report_leaves_damaged_checkpoints() {
    let (_folder, run) = with_whole_run();
    let files = |fold: usize| {
        let entries = fs::read_dir(run.join(format!("checkpoints/fold-{fold:03}"))).unwrap();
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    };
    let damaged = files(0);
    for file in &damaged {
        fs::write(file, "damaged").unwrap();
    }
    let output = taper(&["report", run.to_str().unwrap()], &[]);
    let message = stderr(&output);
    assert!(output.status.success(), "{message}");
    for (file, shown) in damaged.iter().zip(["this network is left out", "the one before it is used"]) {
        let start = format!("{} does not begin as a checkpoint of taper does", file.display());
        assert!(message.contains(&format!("{start}; for the weights, {shown}")), "{message}");
        assert_eq!(fs::read(file).unwrap(), b"damaged");
    }
    let record = RunRecord::read(&run).unwrap();
    let folds: Vec<_> = record.weights.iter().map(|weights| weights.fold).collect();
    assert_eq!(folds, [1, 1, 1, 2, 2, 2]);
}
