//! What studies come to.

use std::fs;
use std::path::Path;

use super::{Studies, THREE_ARMS, lines, merged};
use crate::common::{called, json, stdout, taper};

/// A task has the bits that `taper cv` has in its fold, with the epochs of the plan.
#[test]
fn a_task_is_a_fold_of_a_cross_validation() {
    let studies = Studies::new();
    let folder = studies.whole("study", THREE_ARMS);
    let tasks = lines(&folder);
    assert_eq!(tasks.len(), 3 * 2 * 3 + 3 * 3);
    let plan: serde_json::Value =
        serde_json::from_slice(&fs::read(Path::new(&folder).join("plan.json")).unwrap()).unwrap();
    for (arm, name, depths) in
        [(0, "fixed", &["--min-depth", "4"][..]), (2, "shallow", &["--min-depth", "1", "--max-depth", "1"])]
    {
        let epochs = plan["sets"][1]["configs"][arm]["train"]["epochs"].to_string();
        let data = studies.argument("table.csv");
        let shared = ["cv", "-q", "--json", "--data", &data, "--target", "y", "--folds", "3", "--seed", "5"];
        let more = ["--batch-size", "16", "--hidden", "8", "--epochs", &epochs];
        let report = json(&taper(&[&shared[..], &more, depths].concat()));
        for fold in 0..3 {
            let is_it = |task: &&serde_json::Value| {
                (&task["data"], &task["arm"], &task["fold"]) == (&"table".into(), &name.into(), &fold.into())
            };
            let task = tasks.iter().find(is_it).unwrap();
            for metric in ["mse", "rmse", "mae", "r2"] {
                let (of_task, of_fold) = (&task["result"]["done"][metric], &report["folds"][fold][metric]);
                assert!(
                    of_task.is_number() && of_task == of_fold,
                    "{name}, fold {fold}, {metric}: {of_task}, {of_fold}"
                );
            }
        }
    }
}

/// Arms with less to do have more epochs, and all about the same operations.
#[test]
fn arms_have_as_much_to_compute_as_the_reference() {
    let studies = Studies::new();
    let folder = studies.plan("study", &THREE_ARMS.replace("epochs = 3", "epochs = 40"));
    let plan: serde_json::Value =
        serde_json::from_slice(&fs::read(Path::new(&folder).join("plan.json")).unwrap()).unwrap();
    for set in plan["sets"].as_array().unwrap() {
        let operations: Vec<_> =
            set["operations"].as_array().unwrap().iter().map(|o| o.as_f64().unwrap()).collect();
        let epochs: Vec<_> = set["configs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c["train"]["epochs"].as_u64().unwrap())
            .collect();
        println!("{operations:?}, {epochs:?}");
        assert!(epochs[0] == 40 && epochs[1] > 50 && epochs[2] > epochs[1]);
        assert!(operations.iter().all(|o| (o / operations[0] - 1.).abs() < 0.02));
    }
}

#[test]
fn another_arm_leaves_the_others_as_they_are() {
    let studies = Studies::new();
    let three = studies.whole("three", THREE_ARMS);
    // In front of the others, so that all of them move.
    let four = studies
        .whole("four", &THREE_ARMS.replace("[arms.fixed", "[arms.another.model]\nskip = true\n[arms.fixed"));
    let without_numbers = |folder: &str| {
        let mut tasks = lines(folder);
        tasks.retain(|task| task["arm"] != "another");
        for task in &mut tasks {
            task.as_object_mut().unwrap().remove("task");
        }
        tasks
    };
    assert_eq!(lines(&four).len(), lines(&three).len() / 3 * 4);
    assert_eq!(without_numbers(&three), without_numbers(&four));
}

#[test]
fn what_is_done_is_not_done_again() {
    let studies = Studies::new();
    let folder = studies.whole("study", THREE_ARMS);
    let before = merged(&folder);
    let (code, _, log) = called(&["study", "run", &folder]);
    assert!(code == Some(0) && log.contains("0 tasks done, 0 of them failed, 0 left"), "{log}");
    assert_eq!(called(&["study", "merge", &folder]).0, Some(0));
    assert_eq!(merged(&folder), before);
    let again = studies.plan("study", THREE_ARMS);
    assert_eq!(again, folder, "the same plan is no other");
}

#[test]
fn the_state_is_told_by_arms_and_machines() {
    let studies = Studies::new();
    let folder = studies.plan("study", THREE_ARMS);
    let status = |folder: &str| json(&taper(&["study", "status", "--json", folder]));
    assert_eq!(status(&folder)["all"], serde_json::json!({"done": 0, "failed": 0, "missing": 27}));
    assert_eq!(called(&["study", "run", "-q", &folder]).0, Some(0));
    let done = status(&folder);
    assert_eq!(done["all"], serde_json::json!({"done": 27, "failed": 0, "missing": 0}));
    assert_eq!(done["arms"]["shallow"]["done"], 9);
    assert_eq!(done["hosts"].as_object().unwrap().values().next().unwrap()["done"], 27);
    let table = taper(&["study", "status", &folder]);
    assert!(stdout(&table).contains(" shallow     9       0        0\n"), "{}", stdout(&table));
}

/// What cannot be trained is a result too.
#[test]
fn a_task_that_fails_is_told_and_counted() {
    let studies = Studies::new();
    let wild = THREE_ARMS.replace("[arms.random]", "[arms.random.train]\nlr = 1e30\nschedule = 'constant'");
    let folder = studies.plan("study", &wild);
    let (code, _, log) = called(&["study", "run", &folder]);
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("arm 'random' on 'table' in repetition 0, fold 2, failed: "), "{log}");
    assert!(log.contains("27 tasks done, 9 of them failed, 0 left"), "{log}");
    let (code, _, log) = called(&["study", "merge", "-q", &folder]);
    assert!(code == Some(1) && log.contains("9 of 27 tasks failed"), "{log}");
    let failed: Vec<_> = lines(&folder).into_iter().filter(|line| line["arm"] == "random").collect();
    assert_eq!(failed.len(), 9);
    assert!(failed.iter().all(|line| line["result"]["failed"].as_str().unwrap().contains("is not finite")));

    let folder = studies.plan("given-up", &wild);
    let (code, _, log) = called(&["study", "run", "-q", "--jobs", "1", "--max-failures", "2", &folder]);
    assert!(code == Some(1) && log.contains("more tasks failed than --max-failures allows"), "{log}");
    assert!(log.contains("3 of them failed"), "{log}");
}
