//! The errors that a run reports, against those of its own predictions.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use rand::Rng;
use serde_json::Value;
use taper::metrics::Details;
use taper::random::{Stream, generator};

use crate::common::{json, stdout, taper};

/// 120 rows of a feature and two targets: noise around 1000, and 5 a plus noise.
fn two_targets(file: &Path) {
    let mut rng = generator(11, Stream::Data, 0);
    let mut noise = || rng.random::<f64>() - 0.5;
    let mut text = "a,\"big, old\",small\n".to_owned();
    for _ in 0..120 {
        let a = noise();
        writeln!(text, "{a},{},{}", 1000. + noise(), 5. * a + 0.1 * noise()).unwrap();
    }
    fs::write(file, text).unwrap();
}

/// The columns of the predictions in the folder of a run.
fn columns(run: &Path) -> impl Fn(&str) -> Vec<f64> + use<> {
    let mut reader = csv::Reader::from_path(run.join("predictions.csv")).unwrap();
    let header = reader.headers().unwrap().clone();
    let records: Vec<_> = reader.records().map(Result::unwrap).collect();
    move |name| {
        let column = header.iter().position(|column| column == name).unwrap();
        records.iter().map(|record| record[column].parse().unwrap()).collect()
    }
}

/// R², mean squared error and mean absolute error by their definitions.
fn by_definition(truth: &[f64], predicted: &[f64]) -> [f64; 3] {
    let n = truth.len() as f64;
    let mean = truth.iter().sum::<f64>() / n;
    let squared: f64 = truth.iter().zip(predicted).map(|(y, p)| (y - p).powi(2)).sum();
    let absolute: f64 = truth.iter().zip(predicted).map(|(y, p)| (y - p).abs()).sum();
    let spread: f64 = truth.iter().map(|y| (y - mean).powi(2)).sum();
    [1. - squared / spread, squared / n, absolute / n]
}

fn check(what: &str, errors: &Value, expected: [f64; 3]) {
    for (key, expected) in ["r2", "mse", "mae"].into_iter().zip(expected) {
        let difference = (errors[key].as_f64().unwrap() - expected).abs();
        println!("{what} {key}: {expected}, difference {difference:e}");
        assert!(difference <= 1e-9 * expected.abs().max(1.), "{what} {key}: {errors}, {expected}");
    }
}

/// R² of two targets of different means was pooled around one grand mean, and so nearly 1 for noise.
#[test]
fn each_target_has_its_errors_and_all_count_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (data, run) = (folder.path().join("two.csv"), folder.path().join("run"));
    two_targets(&data);
    let run_name = run.to_str().unwrap();
    let targets = "data.target=[\"big, old\", \"small\"]";
    let settings = folder.path().join("settings.toml");
    fs::write(&settings, format!("data.file = '{}'\n{targets}\n", data.display())).unwrap();
    let call = ["-q", "--config", settings.to_str().unwrap(), "--epochs", "60", "--lr", "0.01"];

    let results = json(&taper(&[&["cv", "--json", "--out", run_name][..], &call].concat()));
    let column = columns(&run);
    let fold_of = column("fold");
    let of_fold = |values: Vec<f64>, fold: f64| -> Vec<f64> {
        values.into_iter().zip(&fold_of).filter(|(_, of)| **of == fold).map(|(value, _)| value).collect()
    };
    let names = ["big, old", "small"];
    let averages = |each: [[f64; 3]; 2]| [0, 1, 2].map(|i| f64::midpoint(each[0][i], each[1][i]));
    let of = |name: &str| (column(name), column(&format!("prediction:{name}")));
    for fold in 0..4 {
        let errors = &results["folds"][fold];
        let each = names.map(|name| {
            let (truth, predicted) = of(name);
            by_definition(&of_fold(truth, fold as f64), &of_fold(predicted, fold as f64))
        });
        assert_eq!(errors["rows"], 30);
        for (i, name) in names.iter().enumerate() {
            assert_eq!(errors["targets"][i]["target"], *name);
            check(&format!("fold {fold}, {name}"), &errors["targets"][i], each[i]);
        }
        check(&format!("fold {fold}"), errors, averages(each));
    }
    let each = names.map(|name| by_definition(&of(name).0, &of(name).1));
    let pooled = &results["pooled"];
    check("pooled", pooled, averages(each));
    check("pooled, small", &pooled["targets"][1], each[1]);
    // Noise cannot be predicted, and the other target can.
    assert!(each[0][0] < 0.1 && each[1][0] > 0.9, "{each:?}");

    let report = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(report.contains("<dt>R² of big, old</dt>") && report.contains("Errors of each target"));
    let output = taper(&[&["cv"][..], &call].concat());
    assert!(
        stdout(&output).lines().any(|line| line.trim_start().starts_with("big, old ")),
        "{}",
        stdout(&output)
    );

    let trained = folder.path().join("trained");
    let trained = ["train", "--json", "--holdout", "0.25", "--out", trained.to_str().unwrap()];
    let results = json(&taper(&[&trained[..], &call].concat()));
    let column = columns(&folder.path().join("trained"));
    let each = names.map(|name| by_definition(&column(name), &column(&format!("prediction:{name}"))));
    check("held out", &results["holdout"], averages(each));
    check("held out, big", &results["holdout"]["targets"][0], each[0]);
    let model = folder.path().join("trained/model.safetensors");
    let inspected = json(&taper(&["inspect", "--json", model.to_str().unwrap()]));
    check("inspected, big", &inspected["training"]["holdout"]["targets"][0], each[0]);
    let plans = taper(&["inspect", "--plan", model.to_str().unwrap()]);
    assert!(stdout(&plans).lines().all(|line| line.chars().count() <= 80), "{}", stdout(&plans));
    let inspected = taper(&["inspect", model.to_str().unwrap()]);
    assert!(stdout(&inspected).contains("\n  big, old: mse "), "{}", stdout(&inspected));
}

/// A fold of one row has no R² of its own.
#[test]
fn a_fold_too_small_for_r2_says_so_and_all_rows_together_have_one() {
    let folder = tempfile::tempdir().unwrap();
    let (data, run) = (folder.path().join("few.csv"), folder.path().join("run"));
    fs::write(&data, "a,y\n1,2\n2,4.1\n3,5.9\n4,8\n").unwrap();
    let call = ["cv", "-q", "--data", data.to_str().unwrap(), "--target", "y", "--epochs", "30"];
    let output = taper(&[&call[..], &["--out", run.to_str().unwrap()]].concat());
    let text = stdout(&output);
    let note = "folds 0, 1, 2, 3 have 1 row each, too few for r2; the pooled r2 is that of all tested rows";
    assert!(text.contains(note), "{text}");
    let model = folder.path().join("few.safetensors");
    let mut train = [&call[..], &["--holdout", "0.25", "--model", model.to_str().unwrap()]].concat();
    train[0] = "train";
    let output = taper(&train);
    assert!(stdout(&output).contains("\n1 row was held out, too few for r2\n"), "{}", stdout(&output));
    let results = json(&taper(&[&call[..], &["--json"]].concat()));
    assert!(results["mean"]["r2"].is_null(), "{results}");
    let column = columns(&run);
    check("pooled", &results["pooled"], by_definition(&column("y"), &column("prediction")));
    assert!(fs::read_to_string(run.join("report.html")).unwrap().contains("<dt>R² of all tested rows</dt>"));
}

/// All in the document and the page, and in the terminal where they are asked for.
#[test]
fn further_errors_are_those_of_the_predictions() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let call = ["cv", "-q", "--data", "tests/data/diabetes.csv", "--target", "y,bmi", "--epochs", "3"];
    let results = json(&taper(&[&call[..], &["--json", "--out", run.to_str().unwrap()]].concat()));
    let column = columns(&run);
    for (i, name) in ["y", "bmi"].into_iter().enumerate() {
        let expected = Details::of(&column(&format!("prediction:{name}")), &column(name));
        let found = &results["pooled"]["targets"][i];
        for (key, expected) in [
            ("median_ae", expected.median_ae),
            ("mape", expected.mape),
            ("explained_variance", expected.explained_variance),
            ("spearman", expected.spearman),
        ] {
            assert!(expected.is_some() && found[key].as_f64() == expected, "{name} {key}: {found}");
        }
        assert!(results["folds"][0]["targets"][i]["median_ae"].is_number());
    }
    for key in ["median_ae", "mape", "explained_variance", "spearman"] {
        let all = &results["pooled"];
        let each = [0, 1].map(|i| all["targets"][i][key].as_f64().unwrap());
        assert_eq!(all[key].as_f64(), Some(f64::midpoint(each[0], each[1])), "{key}");
        assert!(results["mean"][key].is_number() && results["std"][key].is_number(), "{key}");
    }
    assert!(results["baselines"][1]["pooled"]["spearman"].as_f64().unwrap() > 0.5);
    let page = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(page.contains("Further errors") && page.contains("spearman"), "{page}");
    let [calm, whole] = [&[][..], &["--details"]].map(|more| taper(&[&call[..], more].concat()));
    assert!(
        !stdout(&calm).contains("spearman") && stdout(&whole).contains("explained variance"),
        "{}",
        stdout(&whole)
    );
    let of_table = |line: &&str| line.ends_with("seconds") || line.ends_with("spearman");
    let titles: Vec<_> = stdout(&whole).lines().filter(of_table).map(str::len).collect();
    assert!(titles.len() == 2 && titles.iter().all(|width| *width <= 80), "{titles:?}");

    let model = folder.path().join("model.safetensors");
    let model = model.to_str().unwrap();
    let train = ["train", "--model", model, "--holdout", "0.25", "--details"];
    assert!(stdout(&taper(&[&train[..], &call[1..]].concat())).contains("spearman"));
    let evaluate = ["evaluate", "-q", "--model", model, "--data", "tests/data/diabetes.csv"];
    assert!(!stdout(&taper(&evaluate)).contains("spearman"));
    assert!(stdout(&taper(&[&evaluate[..], &["--details"]].concat())).contains("spearman"));
    let inspected = json(&taper(&["inspect", model, "--json"]));
    assert!(inspected["training"]["holdout"]["targets"][1]["median_ae"].is_number(), "{inspected}");
    assert!(stdout(&taper(&["inspect", model])).contains(", spearman "));
}
