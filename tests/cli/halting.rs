//! Networks that learn how deep to go, from the command line.

use serde_json::Value;

use crate::common::{called, json, taper};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/diabetes.csv");

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// Every fold says where its rows exit, and so does the mean.
#[test]
fn exits_are_reported() {
    for (halting, is_shared) in [("shared", true), ("adaptive", false)] {
        let args =
            ["cv", "--data", DATA, "--target", "y", "--epochs", "12", "--lr", "0.01", "--halting", halting];
        let document = json(&taper(&[&args[..], &["--json", "-q"]].concat()));
        let folds = document["folds"].as_array().unwrap();
        for exits in folds.iter().map(|fold| &fold["exits"]).chain([&document["mean"]["exits"]]) {
            let shares = exits["shares"].as_object().unwrap();
            assert_eq!(shares.keys().collect::<Vec<_>>(), ["1", "2", "3", "4"]);
            let sum: f64 = shares.values().map(number).sum();
            let mean: f64 =
                shares.iter().map(|(depth, share)| depth.parse::<f64>().unwrap() * number(share)).sum();
            assert!((sum - 1.).abs() <= 1e-12, "{exits}");
            assert!((mean - number(&exits["mean_depth"])).abs() <= 1e-12, "{exits}");
            let entropy = number(&exits["entropy"]);
            assert!(entropy > 0. && entropy <= 4f64.ln() + 1e-12, "{exits}");
            let [flops, of_all] = ["flops", "flops_of_all"].map(|name| number(&exits[name]));
            assert!(0. < flops && flops <= of_all, "{exits}");
            // Where all rows exit at one depth there is nothing to rank.
            assert!(!is_shared || exits["spearman"].is_null(), "{exits}");
        }
        let (_, table, _) = called(&[&args[..], &["-q"]].concat());
        assert!(table.contains("rows exit at depth "), "{table}");
    }
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("plain.safetensors");
    let model = model.to_str().unwrap();
    let args = ["train", "-q", "--data", DATA, "--target", "y", "--epochs", "1", "--model", model];
    assert_eq!(called(&args).0, Some(0));
    let (code, text, error) = called(&["predict", "--exits", "--model", model, "--data", DATA]);
    assert_eq!((code, text.as_str()), (Some(2), ""));
    let refused = "error: --exits needs a model that has learned its depths, as `--halting` lets it\n";
    assert!(error.ends_with(refused), "{error}");
    let plain = json(&taper(&["cv", "--data", DATA, "--target", "y", "--epochs", "1", "--json", "-q"]));
    assert!(plain["folds"][0].get("exits").is_none() && plain["mean"].get("exits").is_none());
}

/// What a model is evaluated to on the rows that were held out of its training is what training found, and a
/// prediction of a row alone is that among others.
#[test]
fn a_model_keeps_what_it_has_learned() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (model, run) = (path("run/model.safetensors"), path("run"));
    let args =
        ["train", "-q", "--data", DATA, "--target", "y", "--epochs", "12", "--lr", "0.01", "--out", &run];
    let halting =
        ["--halting", "adaptive", "--prior", "geometric", "--exit", "0.7", "--holdout", "0.3", "--json"];
    let trained = json(&taper(&[&args[..], &halting].concat()));
    assert!(trained["holdout"]["exits"]["mean_depth"].is_number(), "{trained}");
    let inspected = json(&taper(&["inspect", "--json", &model]));
    for (key, expected) in
        [("halting", "adaptive".into()), ("prior", "geometric".into()), ("exit", 0.7.into())]
    {
        assert_eq!(inspected["network"][key], Value::clone(&expected), "{inspected}");
    }
    let (_, text, _) = called(&["inspect", &model]);
    assert!(text.contains("adaptive halting") && text.contains("halting.weight"), "{text}");
    let evaluated = json(&taper(&["evaluate", "-q", "--json", "--model", &model, "--data", DATA]));
    assert!(evaluated["exits"]["shares"]["1"].is_number(), "{evaluated}");

    let [all, quickly] = [&["--depth", "all"][..], &[]].map(|more| {
        let args = ["predict", "-q", "--model", &model, "--data", DATA];
        let (_, text, _) = called(&[&args[..], more].concat());
        text.lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned()).collect::<Vec<_>>()
    });
    assert_eq!(all, quickly);
    assert_eq!(all.len(), 442);

    // The exits are those that are evaluated, and change no prediction.
    let args = ["predict", "-q", "--exits", "--keep", "age", "--model", &model, "--data", DATA];
    let (_, text, _) = called(&args);
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("age,prediction,exit"));
    let rows: Vec<Vec<_>> = lines.map(|line| line.split(',').collect()).collect();
    assert!(rows.iter().map(|row| row[1]).eq(&all));
    for depth in ["1", "2", "3", "4"] {
        let count = rows.iter().filter(|row| row[2] == depth).count();
        assert_eq!(number(&evaluated["exits"]["shares"][depth]), count as f64 / 442., "{evaluated}");
    }
    let (_, text, _) = called(&[&args[..], &["--depth", "2"]].concat());
    assert!(text.starts_with("age,depth_2,exit\n"), "{text}");
    assert!(text.lines().skip(1).zip(&rows).all(|(line, row)| line.ends_with(&format!(",{}", row[2]))));
    // As the file of the run has them of its rows.
    let file = std::fs::read_to_string(path("run/predictions.csv")).unwrap();
    let mut lines = file.lines();
    assert_eq!(lines.next(), Some("row,fold,y,prediction,depth_1,depth_2,depth_3,depth_4,exit"));
    let mut held_out = 0;
    for line in lines {
        let fields: Vec<_> = line.split(',').collect();
        let row = &rows[fields[0].parse::<usize>().unwrap()];
        assert_eq!((fields[3], fields[8]), (row[1], row[2]), "{line}");
        held_out += 1;
    }
    assert_eq!(held_out, 133);
    let output = taper(&["report", &run]);
    assert!(output.status.success(), "{output:?}");
    let page = std::fs::read_to_string(path("run/report.html")).unwrap();
    assert!(page.contains("Where rows exit"), "no picture of the exits");
}
