//! What is said of studies.

use std::fs;
use std::path::Path;

use super::{Studies, THREE_ARMS};
use crate::common::{called, json, stdout, taper};
use crate::report::pictures;

/// The comparison is that of the merged errors as a table of anybody's.
#[test]
fn a_study_is_compared_as_any_table_of_errors() {
    let studies = Studies::new();
    let folder = studies.whole("study", THREE_ARMS);
    let found = json(&taper(&["study", "report", "-q", "--json", &folder]));
    let answer = found["answer"].as_str().unwrap();
    assert!(answer.starts_with("At equal compute, "), "{answer}");
    let results = format!("{folder}/merged/results.jsonl");
    let table = json(&taper(&["compare", "-q", "--json", &results, "--reference", "fixed", "--seed", "5"]));
    for (ours, theirs) in
        found["differences"].as_array().unwrap().iter().zip(table["differences"].as_array().unwrap())
    {
        for key in ["arm", "wins", "ties", "verdict"] {
            assert_eq!(ours[key], theirs[key]);
        }
        // Without numbers of training rows the folds of the table are taken to be of one size, as 60 and 90
        // rows are.
        for key in ["ratio", "better", "p", "p_holm"] {
            let [a, b] = [&ours[key], &theirs[key]].map(|number| number.as_f64().unwrap());
            println!("{} {key}: {a} and {b}", ours["arm"]);
            assert!((a - b).abs() <= 1e-12);
        }
    }
    let costs = found["costs"].as_array().unwrap();
    assert_eq!((costs.len(), &costs[0]["arm"], &costs[0]["operations"]), (3, &"fixed".into(), &1.0.into()));
    assert_eq!(costs[0]["epochs"], serde_json::json!([3, 3]));
    let page = fs::read_to_string(Path::new(&folder).join("merged/report.html")).unwrap();
    assert!(page.contains("<h1>taper study</h1>") && page.contains("Error against compute"));
    let drawn = pictures(&page);
    // The differences, those of two arms on the sets, ranks, compute, and two arms' learning.
    assert_eq!(drawn, 1 + 2 + 1 + 1 + 2);
    let written = fs::read_to_string(Path::new(&folder).join("merged/comparison.json")).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&written).unwrap(), found);
}

#[test]
fn the_answer_comes_first() {
    let studies = Studies::new();
    // Many epochs, so that whole ones come close to equal compute, and one data set.
    let text = THREE_ARMS.split("[data.table]").next().unwrap().replace("epochs = 3", "epochs = 20");
    let folder = studies.whole("study", &text);
    let output = taper(&["study", "report", "-q", &folder]);
    let text = stdout(&output);
    assert!(text.starts_with("At equal compute, "), "{text}");
    assert!(text.contains("\n    arm  epochs  operations  "), "{text}");
}

#[test]
fn what_is_missing_is_not_compared_without_a_word() {
    let studies = Studies::new();
    let folder = studies.plan("study", THREE_ARMS);
    let dry = ["study", "submit", "-q", &folder, "--engine", "slurm", "--dry-run", "--shards", "3"];
    assert_eq!(called(&dry).0, Some(0));
    // All of one set, and not all of the other.
    for shard in ["0", "1"] {
        assert_eq!(called(&["study", "run", "-q", &folder, "--wave", "1", "--shard", shard]).0, Some(0));
    }
    let (code, output, message) = called(&["study", "report", "-q", &folder]);
    assert!(code == Some(2) && output.is_empty(), "{message}");
    assert!(
        message.contains(
            " of 27 tasks have no outcome yet; `--partial` compares the repetitions that are whole"
        ),
        "{message}"
    );
    let (code, output, log) = called(&["study", "report", &folder, "--partial"]);
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains(" tasks are missing, and 18 are compared"), "{log}");
    assert!(output.contains("arm"), "{output}");
}

#[test]
fn arms_that_failed_are_left_out() {
    let studies = Studies::new();
    let wild = |arm: &str| {
        THREE_ARMS.replace(
            arm,
            &format!(
                "{arm}\n[arms.{}.train]\nlr = 1e30\nschedule = 'constant'",
                arm.trim_matches(['[', ']']).split('.').nth(1).unwrap()
            ),
        )
    };
    let folder = studies.plan("study", &wild("[arms.random]").replace("[arms.random]\n", ""));
    assert_eq!(called(&["study", "run", "-q", &folder]).0, Some(0));
    let (code, output, log) = called(&["study", "report", &folder]);
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("the arm 'random' is left out, since 9 of its tasks failed"), "{log}");
    assert!(!output.contains("random") && output.contains("shallow"), "{output}");
    let folder = studies.plan(
        "reference",
        &THREE_ARMS.replace(
            "[arms.fixed.model]",
            "[arms.fixed.train]\nlr = 1e30\nschedule = 'constant'\n[arms.fixed.model]",
        ),
    );
    assert_eq!(called(&["study", "run", "-q", &folder]).0, Some(0));
    let (code, _, message) = called(&["study", "report", "-q", &folder]);
    assert!(
        code == Some(2)
            && message
                .contains("9 tasks of the reference 'fixed' failed, so there is nothing to compare with"),
        "{message}"
    );
}
