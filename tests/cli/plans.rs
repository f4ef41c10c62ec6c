//! The plans of trained models.

use crate::common::{called, json, taper};

/// The names of the plans of `model`, and the instructions of the first one that have a loss.
fn plans(model: &str) -> (Vec<String>, Vec<String>) {
    let plans = json(&taper(&["inspect", "--plan", "--json", model]));
    let plans = plans.as_array().unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let names = plans.iter().map(|plan| text(&plan["name"])).collect();
    let lines = plans[0]["lines"].as_array().unwrap().iter().map(|line| text(&line["instruction"]));
    (names, lines.filter(|line| line.contains("loss +=")).collect())
}

#[test]
fn a_model_knows_what_its_steps_made_small() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model.safetensors");
    let model = model.to_str().unwrap();
    let drawn = ["depth 1", "depth 2", "depth 3", "depth 4", "prediction"];
    let all = ["all depths", "prediction"];
    for (args, said, names, losses) in [
        ("--seed 1", "mse at depths drawn uniformly", &drawn[..], &[" = mse'("][..]),
        ("--loss mae --depths poisson", "mae at depths drawn as poisson says", &drawn, &[" = mae'("]),
        (
            "--loss huber --huber-delta 0.5 --depths all --depth-weights 1,1,2,4",
            "huber of 0.5 at all depths weighted 1, 1, 2, 4",
            &all,
            &["0.1250 huber'", "0.1250 huber'", "0.2500 huber'", "0.5000 huber'"],
        ),
        ("--loss quantile --depths all", "quantile at all depths", &all, &["0.2500 quantile'"; 4]),
        ("--halting shared", "mse at depths that are learned", &all, &[" = expected mse'("]),
    ] {
        let small = "train -q --force --rows 60 --features 3 --hidden 4 --epochs 1 --model";
        let call = small.split(' ').chain([model]).chain(args.split(' '));
        let (code, _, log) = called(&call.collect::<Vec<_>>());
        assert_eq!((code, log.as_str()), (Some(0), ""), "{args}");
        let (found, lines) = plans(model);
        assert_eq!(found, names, "{args}");
        assert_eq!(lines.len(), losses.len(), "{lines:?}");
        assert!(lines.iter().zip(losses).all(|(line, loss)| line.contains(loss)), "{args}: {lines:?}");
        let (_, text, _) = called(&["inspect", model]);
        assert!(text.contains(&format!("1 epochs, seed 1, {said}, loss ")), "{args}: {text}");
        assert_eq!(called(&["inspect", "--plan", model]).2, "", "{args}");
    }
}

#[test]
fn what_is_assumed_of_an_earlier_model_is_said() {
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/models/linear-f32-2.safetensors");
    let (code, text, log) = called(&["inspect", "--plan", model]);
    assert_eq!((code, log.lines().count()), (Some(0), 1), "{log}");
    let assumed = "WARN the model does not say how it was trained, which is taken to be mse at depths drawn uniformly\n";
    assert!(log.ends_with(assumed), "{log}");
    assert!(text.contains("depth 2") && text.contains("mse'("), "{text}");
    let (code, text, log) = called(&["inspect", model]);
    assert_eq!((code, log.as_str()), (Some(0), ""));
    assert!(!text.contains(" at depths"), "{text}");
}
