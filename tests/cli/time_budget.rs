//! Runs with as many steps as there is time for.

use serde_json::Value;

use crate::common::{json, stderr, taper};

/// The setting is what a trial found, and another run with it is the same, however long a step takes here.
#[test]
fn a_run_within_a_time_is_a_run_of_so_many_steps() {
    let shared = ["cv", "--rows", "300", "--features", "4", "--recipe", "tabular", "--json"];
    let within = taper(&[&shared[..], &["--time", "200ms"]].concat());
    let log = stderr(&within).to_owned();
    let within = json(&within);
    let steps = within["config"]["train"]["max_steps"].as_u64().unwrap();
    assert!(log.contains(&format!("the time allows {steps} steps")), "{log}");
    assert_eq!(log.matches("fold done").count(), 4, "the trial is none of the results: {log}");
    let again = json(&taper(&[&shared[..], &["--max-steps", &steps.to_string()]].concat()));
    assert_eq!(without_seconds(&within), without_seconds(&again));
}

#[test]
fn a_model_is_trained_within_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model.safetensors");
    let call = ["train", "--rows", "300", "--features", "4", "--recipe", "tabular", "--json", "--time", "0s"];
    let report = json(&taper(&[&call[..], &["--model", model.to_str().unwrap()]].concat()));
    assert_eq!(report["config"]["train"]["max_steps"], 1);
    assert_eq!(report["train_loss"].as_array().unwrap().len(), 1, "there is an epoch at least");
}

#[test]
fn a_time_takes_the_place_of_other_limits() {
    for other in [["--max-steps", "9"], ["--resume", "run"]] {
        let output = taper(&[&["cv", "--time", "1s"], &other[..]].concat());
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains("--time <TIME>") && stderr(&output).contains(other[0]));
    }
}

/// The results of the folds but for the time that they took.
fn without_seconds(report: &Value) -> Vec<Value> {
    let mut folds = report["folds"].as_array().unwrap().clone();
    for fold in folds.iter_mut().filter_map(Value::as_object_mut) {
        assert!(fold.remove("seconds").is_some());
    }
    folds
}
