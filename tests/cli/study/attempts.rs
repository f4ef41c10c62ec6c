//! Segments that are damaged, or of which two have one task.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::{Studies, THREE_ARMS, merged, segments};
use crate::common::called;

/// Writes what another attempt at the segment `file` would have written, had it been different by `change`.
fn write_other(file: &Path, change: impl Fn(&str) -> String) {
    let text = fs::read_to_string(file).unwrap();
    let content: Vec<_> = text.lines().collect();
    let (footer, content) = content.split_last().unwrap();
    let mut changed = change(&(content.join("\n") + "\n"));
    assert_ne!(changed, content.join("\n") + "\n");
    let mut footer: serde_json::Value = serde_json::from_str(footer).unwrap();
    let sum = Sha256::digest(changed.as_bytes());
    let digits = sum.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>();
    footer["sha256"] = digits.concat().into();
    writeln!(changed, "{footer}").unwrap();
    fs::write(file.with_file_name("other.seg"), changed).unwrap();
}

/// One bit of a prediction.
#[test]
fn two_results_of_one_task_are_a_conflict() {
    let studies = Studies::new();
    let folder = studies.whole("study", THREE_ARMS);
    let file = &segments(&folder, "local")[0];
    let attempt = file.file_stem().unwrap().to_str().unwrap();
    write_other(file, |text| text.replacen("\"bits\":\"", "\"bits\":\"0", 1).replacen(attempt, "other", 1));
    let (code, _, message) = called(&["study", "merge", "-q", &folder]);
    assert_eq!(code, Some(4), "{message}");
    assert!(message.contains("tasks with two results: 1;") && message.contains("by other on "), "{message}");
    let conflicts = fs::read_to_string(Path::new(&folder).join("merged/conflicts.jsonl")).unwrap();
    assert!(conflicts.lines().count() == 1 && conflicts.contains(attempt), "{conflicts}");
}

/// Machines whose last bits differ may both be right. All results are taken of the one that has most of them,
/// where it has them.
#[test]
fn machines_that_differ_are_told_apart() {
    let studies = Studies::new();
    let folder = studies.whole("study", THREE_ARMS);
    let expected = merged(&folder);
    write_other(&segments(&folder, "local")[0], |text| {
        let header: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        let print = header["fingerprint"].as_str().unwrap();
        let (first, rest) = text.split_at(text.match_indices('\n').nth(5).unwrap().0);
        assert!(!rest.is_empty());
        first.replace(print, "00").replace("\"bits\":\"", "\"bits\":\"0") + "\n"
    });
    // The footer counts what was there.
    let other = Path::new(&folder).join("segments/local/other.seg");
    let text = fs::read_to_string(&other).unwrap().replace("\"outcomes\":27", "\"outcomes\":5");
    fs::write(&other, text).unwrap();
    let (code, _, message) = called(&["study", "merge", &folder]);
    assert_eq!(code, Some(0), "{message}");
    assert_eq!(merged(&folder), expected, "the one with 27 tasks has all of them");
}

/// They are left out with a warning, and the tasks are done again.
#[test]
fn damaged_segments_are_left_out() {
    let studies = Studies::new();
    let folder = studies.whole("study", THREE_ARMS);
    let expected = merged(&folder);
    let file = &segments(&folder, "local")[0];
    let bytes = fs::read(file).unwrap();
    fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
    let (code, _, message) = called(&["study", "merge", &folder]);
    assert_eq!(code, Some(3), "{message}");
    assert!(message.contains("is damaged: it is no whole segment of a study; it is left out"), "{message}");
    assert!(message.contains("27 of 27 tasks have no outcome yet"), "{message}");
    assert_eq!(called(&["study", "run", &folder]).0, Some(0));
    assert_eq!(called(&["study", "merge", &folder]).0, Some(0));
    assert_eq!(merged(&folder), expected);
}
