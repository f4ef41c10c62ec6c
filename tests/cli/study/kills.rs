//! Studies whose processes are killed, stopped and paused.

#![cfg(unix)]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rand::Rng;
use taper::random::{Stream, generator};

use super::{Studies, THREE_ARMS, lines, merged, segments};
use crate::common::{called, json, stderr, taper};

fn start(args: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_taper"));
    command.args(args).env_remove("RUST_LOG").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn signal(process: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &process.id().to_string()]).status().unwrap().success());
}

/// Waits until `count` tasks are done.
fn await_done(folder: &str, count: u64) -> u64 {
    loop {
        let status = json(&taper(&["study", "status", "-q", "--json", folder]));
        match status["all"]["done"].as_u64().unwrap() {
            done if done >= count => return done,
            _ => thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// Kills workers at two hundred random moments, two of them at a time on tasks that overlap. What is merged
/// then is what one process makes that is left alone.
#[test]
fn two_hundred_kills_lose_nothing() {
    let studies = Studies::new();
    let study = THREE_ARMS.replace("repeats = 2", "repeats = 12").replace("epochs = 3", "epochs = 30");
    let alone = studies.whole("alone", &study);
    let mut rng = generator(1, Stream::Data, 0);
    let (mut kills, mut ends, mut longest) = (0, 0, 0.05);
    let mut folder = studies.plan("killed-0", &study);
    while kills < 200 {
        let run = ["study", "run", "-q", "--publish-every", "0s", "--jobs", "1", &folder];
        let workers = [start(&run), start(&run)];
        for mut worker in workers {
            thread::sleep(Duration::from_secs_f64(rng.random_range(0.0..longest)));
            worker.kill().unwrap();
            let output = worker.wait_with_output().unwrap();
            kills += usize::from(output.status.code().is_none());
            assert_eq!(stderr(&output), "");
        }
        let (code, _, message) = called(&["study", "merge", "-q", &folder]);
        match code {
            Some(3) => {}
            // All is done, and another study begins.
            Some(0) => {
                assert_eq!(merged(&folder), merged(&alone));
                ends += 1;
                folder = studies.plan(&format!("killed-{ends}"), &study);
                longest /= 2.;
            }
            _ => panic!("{code:?}: {message}"),
        }
        // Where nothing is got done there must be more time.
        longest *= 1.02;
    }
    println!("{kills} kills, {ends} studies came to their end");
    assert_eq!(called(&["study", "run", "-q", &folder]).0, Some(0));
    assert_eq!(called(&["study", "merge", "-q", &folder]).0, Some(0));
    assert_eq!(merged(&folder), merged(&alone));
}

/// The first task of each attempt is the one that ended the attempt before it, until it comes last.
#[test]
fn a_task_that_ends_its_process_does_not_keep_others_from_being_done() {
    let studies = Studies::new();
    let endless = "[arms.endless.train]\nepochs = 1000000000\n[arms.fixed.model]";
    let study =
        THREE_ARMS.replace("folds = 3", "folds = 2\nmatch = 'epochs'").replace("repeats = 2", "repeats = 1");
    let study = study.replace("[arms.fixed.model]", endless).split("[data.table]").next().unwrap().to_owned();
    let folder = studies.plan("study", &study);
    let run = ["study", "run", "-q", "--jobs", "1", "--publish-every", "0s", &folder];
    // Eight tasks, of which each second fold's first is endless.
    let end = |mut process: Child| {
        process.kill().unwrap();
        process.wait().unwrap();
    };
    let process = start(&run);
    while !Path::new(&folder).join("segments/local").exists() || segments(&folder, "local").is_empty() {
        thread::sleep(Duration::from_millis(5));
    }
    end(process);
    // All between the two, and those after the second.
    for done in [3, 6] {
        let process = start(&run);
        await_done(&folder, done);
        end(process);
    }
    let status = json(&taper(&["study", "status", "-q", "--json", &folder]));
    assert_eq!(status["all"], serde_json::json!({"done": 6, "failed": 0, "missing": 2}));
    assert_eq!(status["arms"]["endless"]["missing"], 2);
}

/// A process is paused, others finish the study and merge it, and it wakes and goes on.
#[test]
fn a_process_that_wakes_late_does_no_harm() {
    let studies = Studies::new();
    let folder = studies.plan("study", &THREE_ARMS.replace("epochs = 3", "epochs = 200"));
    let sleeper = start(&["study", "run", "-q", "--jobs", "1", "--publish-every", "0s", &folder]);
    await_done(&folder, 1);
    signal(&sleeper, "-STOP");
    let short = ["study", "run", "-q", &folder];
    assert_eq!(called(&short).0, Some(0));
    assert_eq!(called(&["study", "merge", "-q", &folder]).0, Some(0));
    let before = merged(&folder);
    signal(&sleeper, "-CONT");
    let output = sleeper.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(segments(&folder, "local").len(), 2, "both have outcomes");
    assert_eq!(called(&["study", "merge", "-q", &folder]).0, Some(0));
    assert_eq!(merged(&folder), before);
}

/// A scheduler's signal, which comes twice, ends the work, and what was done is kept.
#[test]
fn a_signal_keeps_what_was_done() {
    let studies = Studies::new();
    let folder = studies.plan("study", &THREE_ARMS.replace("epochs = 3", "epochs = 200"));
    let mut before = 0;
    for (name, code) in [("-TERM", 143), ("-INT", 130)] {
        let process = start(&["study", "run", "-q", "--jobs", "1", "--publish-every", "0s", &folder]);
        before = await_done(&folder, before + 1);
        signal(&process, name);
        if name == "-TERM" {
            signal(&process, name);
        }
        let output = process.wait_with_output().unwrap();
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{message}");
        assert!(message.contains(&format!("`taper study run {folder}` goes on")), "{message}");
        let done: usize = message.split("with ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        assert!(done > 0 && done < 27, "{message}");
    }
    let (code, _, message) = called(&["study", "run", "-q", "--max-time", "1ms", &folder]);
    assert!(code == Some(124) && message.contains("the time of --max-time is over, with"), "{message}");
    assert_eq!(called(&["study", "merge", "-q", &folder]).0, Some(3));
    assert_eq!(called(&["study", "merge", "-q", "--partial", &folder]).0, Some(0));
    assert!(lines(&folder).len() >= 2);
}
