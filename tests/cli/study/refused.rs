//! What is refused of studies, and with which code.

use std::fs;
use std::path::Path;

use super::{Studies, THREE_ARMS};
use crate::common::called;

fn replaced(from: &str, to: &str) -> String {
    assert!(THREE_ARMS.contains(from), "{from}");
    THREE_ARMS.replace(from, to)
}

/// Asserts that the study `text` is refused in a line, as a wrong call, and that nothing is left behind.
fn assert_refused(studies: &Studies, text: &str, expected: &str) {
    let file = studies.argument("wrong.toml");
    fs::write(&file, text.replace("table.csv", &studies.argument("table.csv"))).unwrap();
    let (code, _, message) = called(&["study", "plan", &file, "--out", &studies.argument("wrong")]);
    assert!(code == Some(2) && message.lines().count() == 1, "{code:?}: {message}");
    assert!(message.contains(expected), "{message}");
    assert!(!studies.path("wrong").exists());
}

#[test]
fn wrong_studies_are_refused_with_what_would_be_right() {
    let studies = Studies::new();
    for (text, expected) in [
        (
            replaced("'fixed'", "'none'"),
            "reference is 'none', expected one of the arms 'fixed', 'random', 'shallow'",
        ),
        (
            replaced("folds = 3", "folds = 'three'"),
            "folds: invalid type: string \"three\", expected a whole number",
        ),
        (replaced("folds = 3", "folds = 1"), "folds is 1, expected at least 2"),
        (replaced("seed = 5", "sead = 5"), "unknown field 'sead'"),
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
        (replaced("target = ['y']", "target = ['z']"), "data 'table': data.target is 'z', which "),
        (replaced("table.csv", "none.csv"), "none.csv"),
        (
            "reference = 'a'\n[arms.a]\n[data.x]\n".to_owned(),
            "the number of arms is 1, expected at least 2 to compare",
        ),
        ("reference = 'a'\n[arms.a]\n[arms.b]\n".to_owned(), "missing field 'data'"),
    ] {
        assert_refused(&studies, &text, expected);
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
        assert!(code == Some(1) && message.contains("none/plan.json cannot be read"), "{message}");
    }
    let folder = studies.plan("study", THREE_ARMS);
    let (code, _, message) = called(&["compare", &folder, &studies.argument("none")]);
    assert!(code == Some(2) && message.contains("is a study, which `taper study report "), "{message}");
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
    let unseen = studies.argument("unseen");
    let (code, _, message) =
        called(&["study", "run", &unseen, "--wave", "1", "--shard", "0", "--hold", "0s"]);
    assert!(code == Some(75) && message.contains("unseen/plan.json cannot be read"), "{message}");
    fs::rename(studies.path("table.csv"), studies.path("moved.csv")).unwrap();
    let (code, _, message) = run(&["--wave", "1", "--shard", "1", "--hold", "0s"]);
    assert!(code == Some(75) && message.contains("table.csv cannot be read"), "{message}");
    fs::rename(studies.path("moved.csv"), studies.path("table.csv")).unwrap();
    // A file where a folder should be: nothing can be written.
    fs::remove_dir_all(Path::new(&folder).join("segments")).unwrap();
    fs::write(Path::new(&folder).join("segments"), "").unwrap();
    let (code, _, message) = run(&["--wave", "1", "--shard", "0", "--hold", "200ms"]);
    assert!(code == Some(75) && message.contains("the machine is held for 200ms"), "{message}");
}

/// What cannot be asked of arms that are compared is refused before they are trained.
#[test]
fn arms_that_cannot_be_compared_are_refused() {
    let studies = Studies::new();
    for (text, expected) in [
        (replaced("[arms.random]", "[arms.random]\ndtype = 'f64'"), "dtype differs among the arms"),
        (
            replaced("[arms.random]", "[arms.random.train]\nepochs = 9"),
            "have a meaning with match = \"epochs\" alone",
        ),
        (
            replaced("seed = 5", "metric = 'pinball'"),
            "metric is pinball, of which only networks with train.loss=quantile",
        ),
        (
            replaced("[base.train]", "[base]\ndevice = 'cuda'\n[base.train]"),
            "device is a GPU, and studies run on the CPU",
        ),
        (replaced("repeats = 2", "repeats = 20000"), "repeats is 20000, expected"),
        (replaced("'table.csv'", "'-'"), "data 'table': standard input can be read once alone"),
        (
            replaced("target = ['y']", "target = ['y']\norder = 'a'\nrepeats = 2")
                .replace("repeats = 1\n", ""),
            "rows ordered by 'a' have only one division",
        ),
        (replaced("[arms.random]", "[arms.'']"), "has a name that is empty"),
        (replaced("seed = 5", "seed = 18446744073709551615"), "expected a number below 2^63"),
    ] {
        assert_refused(&studies, &text, expected);
    }
}

/// Losses that single precision cannot hold are no reason to lose the outcomes of others.
#[test]
fn errors_beyond_single_precision_are_outcomes() {
    let studies = Studies::new();
    let wild = "[arms.random.train]\nlr = 30\nclip_norm = 0\nschedule = 'constant'";
    let table = fs::read_to_string(studies.path("table.csv")).unwrap();
    let large = table.lines().enumerate().map(|(i, line)| match (i, line.rsplit_once(',')) {
        (1.., Some((rest, y))) => format!("{rest},{:e}\n", y.parse::<f64>().unwrap() * 1e7),
        _ => format!("{line}\n"),
    });
    fs::write(studies.path("table.csv"), large.collect::<String>()).unwrap();
    let folder = studies.plan("study", &replaced("[arms.random]", wild));
    let (code, _, log) = called(&["study", "run", &folder]);
    assert!(code == Some(0) && log.contains("27 tasks done"), "{log}");
    let (_, status, warnings) = called(&["study", "status", &folder]);
    assert!(status.contains(" all ") && !warnings.contains("damaged"), "{status}{warnings}");
    let (code, _, message) = called(&["study", "merge", "-q", &folder]);
    assert!(matches!(code, Some(0 | 1)), "{message}");
}

/// The plan says where whole epochs are too coarse to make arms equal, and the answer does not say that they
/// are.
#[test]
fn arms_that_are_not_matched_are_told() {
    let studies = Studies::new();
    let text =
        replaced("epochs = 3", "epochs = 1").replace("min_depth = 4\n", "min_depth = 1\nmax_depth = 1\n");
    let text =
        text.split("[arms.shallow").next().unwrap().to_owned() + "[data.made]\nrows = 90\nfeatures = 3\n";
    fs::write(studies.path("coarse.toml"), &text).unwrap();
    let folder = studies.argument("coarse");
    let (code, _, log) = called(&["study", "plan", &studies.argument("coarse.toml"), "--out", &folder]);
    assert!(code == Some(0) && log.contains("on 'made' the arm 'random' computes "), "{log}");
    assert_eq!(called(&["study", "run", "-q", &folder]).0, Some(0));
    let (_, output, log) = called(&["study", "report", &folder]);
    assert!(
        !output.contains("equal compute") && log.contains("the arms are not matched: 'random' computed "),
        "{log}{output}"
    );
}
