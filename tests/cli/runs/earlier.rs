//! Run folders that an earlier version has written, before there were repetitions, schedules and blocks.

use std::fs;
use std::path::Path;

use super::{stderr, taper};

/// A copy of the run `name` in `folder`.
fn copied(folder: &Path, name: &str) -> String {
    let (from, to) = (Path::new("tests/data/runs").join(name), folder.join(name));
    copy(&from, &to);
    to.to_str().unwrap().to_owned()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn runs_of_an_earlier_version_are_reported_resumed_extended_and_replaced() {
    for (name, args) in [
        ("finished", ["report", "FOLDER"].as_slice()),
        ("finished", &["cv", "-q", "--resume", "FOLDER"]),
        ("finished", &["cv", "-q", "--resume", "FOLDER", "--epochs", "4"]),
        ("finished", &["cv", "-q", "--rows", "40", "--epochs", "1", "--out", "FOLDER", "--force"]),
        ("stopped", &["train", "-q", "--resume", "FOLDER"]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let run = copied(folder.path(), name);
        let args: Vec<_> = args.iter().map(|&arg| if arg == "FOLDER" { &run } else { arg }).collect();
        let output = taper(&args, &[]);
        assert!(output.status.success(), "{args:?}: {}", stderr(&output));
        assert!(Path::new(&run).join("report.html").exists(), "{args:?}");
    }
}
