//! What is refused of studies, and with which code.

use std::fs;
use std::path::Path;

use super::{Studies, THREE_ARMS};
use crate::common::called;

fn replaced(from: &str, to: &str) -> String {
    assert!(THREE_ARMS.contains(from), "{from}");
    THREE_ARMS.replace(from, to)
}

#[test]
fn wrong_studies_are_refused_with_what_would_be_right() {
    let studies = Studies::new();
    for (text, expected) in [
        (
            replaced("'fixed'", "'none'"),
            "reference is 'none', expected one of the arms 'fixed', 'random', 'shallow'",
        ),
        (replaced("folds = 3", "folds = 1"), "folds is 1, expected at least 2"),
        (replaced("seed = 5", "sead = 5"), "unknown field `sead`"),
        (replaced("seed = 5", "rope = 2"), "rope is 2, expected a share from 0 to below 1"),
        (
            replaced("hidden = 8", "hiden = 8"),
            "arm 'fixed' on 'made': model.hiden is unknown, did you mean model.hidden?",
        ),
        (replaced("min_depth = 4", "min_depth = 9"), "arm 'fixed' on 'made': model.min_depth"),
        (
            replaced("[arms.random]", "[arms.random.data]\nrows = 5"),
            "arm 'random' on 'made': has other data than the other arms",
        ),
        (replaced("rows = 90", "rows = 2"), "arm 'fixed' on 'made': "),
        (replaced("[arms.random]", "[arms.random]\nseed = 4"), "seed belongs to the study"),
        (replaced("target = ['y']", "target = ['z']"), "--target is 'z', which "),
        (replaced("table.csv", "none.csv"), "none.csv"),
        (
            "reference = 'a'\n[arms.a]\n[data.x]\n".to_owned(),
            "there is 1 arm, expected at least 2 to compare",
        ),
        ("reference = 'a'\n[arms.a]\n[arms.b]\n".to_owned(), "missing field `data`"),
    ] {
        let file = studies.argument("wrong.toml");
        fs::write(&file, text.replace("table.csv", &studies.argument("table.csv"))).unwrap();
        let (code, _, message) = called(&["study", "plan", &file, "--out", &studies.argument("wrong")]);
        assert!(code == Some(2) || expected == "none.csv", "{code:?}: {message}");
        assert!(message.contains(expected) && message.lines().count() == 1, "{message}");
        assert!(!studies.path("wrong").exists());
    }
}

#[test]
fn a_plan_never_changes() {
    let studies = Studies::new();
    let folder = studies.plan("study", THREE_ARMS);
    fs::write(
        studies.path("other.toml"),
        replaced("table.csv", &studies.argument("table.csv")).replace("seed = 5", "seed = 6"),
    )
    .unwrap();
    let (code, _, message) = called(&["study", "plan", &studies.argument("other.toml"), "--out", &folder]);
    assert!(
        code == Some(2) && message.contains("which has another plan, and a plan never changes"),
        "{message}"
    );
    fs::create_dir(studies.path("taken")).unwrap();
    fs::write(studies.path("taken/file"), "").unwrap();
    let (code, _, message) =
        called(&["study", "plan", &studies.argument("other.toml"), "--out", &studies.argument("taken")]);
    assert!(code == Some(2) && message.contains("files that are no study's"), "{message}");
}

/// Tasks on other rows would be of another study.
#[test]
fn data_that_changed_are_refused() {
    let studies = Studies::new();
    let folder = studies.plan("study", THREE_ARMS);
    let table = fs::read_to_string(studies.path("table.csv")).unwrap();
    fs::write(studies.path("table.csv"), table.replacen("0,0,0", "0,0,1", 1)).unwrap();
    let (code, _, message) = called(&["study", "run", &folder]);
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("table.csv has other content than when the study was planned"), "{message}");
}

#[test]
fn what_is_no_study_is_refused() {
    let studies = Studies::new();
    for command in ["run", "status", "merge"] {
        let (code, _, message) = called(&["study", command, &studies.argument("none")]);
        assert!(code == Some(2) && message.contains("has no plan of a study that can be read"), "{message}");
    }
    let folder = studies.plan("study", THREE_ARMS);
    let plan = Path::new(&folder).join("plan.json");
    let text = fs::read_to_string(&plan).unwrap();
    fs::write(&plan, text.replacen("\"format\": 1", "\"format\": 2", 1)).unwrap();
    let (code, _, message) = called(&["study", "run", &folder]);
    assert!(
        code == Some(2) && message.contains("has the format 2, and this version knows up to 1"),
        "{message}"
    );
}

/// Another machine may do better, after a while in which this one takes no other shard.
#[test]
fn a_fault_of_the_machine_may_be_tried_again() {
    let studies = Studies::new();
    let folder = studies.plan("study", THREE_ARMS);
    let run = |args: &[&str]| called(&[&["study", "run", &folder][..], args].concat());
    let (code, _, message) = run(&["--wave", "1", "--shard", "0", "--hold", "0s"]);
    assert!(code == Some(75) && message.contains("another attempt may succeed"), "{message}");
    assert_eq!(
        called(&["study", "submit", &folder, "--engine", "slurm", "--dry-run", "--shards", "2"]).0,
        Some(0)
    );
    let (code, _, message) = run(&["--wave", "1", "--shard", "2"]);
    assert!(
        code == Some(2) && message.contains("--shard is 2, and wave 1 has the shards 0 to 1"),
        "{message}"
    );
    // A file where a folder should be: nothing can be written.
    fs::remove_dir_all(Path::new(&folder).join("segments")).unwrap();
    fs::write(Path::new(&folder).join("segments"), "").unwrap();
    let (code, _, message) = run(&["--wave", "1", "--shard", "0", "--hold", "200ms"]);
    assert!(code == Some(75) && message.contains("the machine is held for 200ms"), "{message}");
}
