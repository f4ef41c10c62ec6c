//! Networks of the quantile loss, from the training to the predictions of a model.

use std::collections::HashMap;
use std::fs;

use serde_json::Value;

use super::common::{called, json, taper};

const DATA: &str = "tests/data/diabetes.csv";
const LEVELS: [f64; 3] = [0.05, 0.5, 0.95];

/// The columns of CSV text by their names, and the names.
fn columns(text: &[u8]) -> (HashMap<String, Vec<f64>>, Vec<String>) {
    let mut reader = csv::Reader::from_reader(text);
    let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let mut columns: HashMap<String, Vec<f64>> = HashMap::new();
    for record in reader.records() {
        for (name, cell) in header.iter().zip(&record.unwrap()) {
            columns.entry(name.clone()).or_default().push(cell.parse().unwrap());
        }
    }
    (columns, header)
}

/// The pinball loss and the coverage by their definitions.
fn by_definition(level: f64, truth: &[f64], predicted: &[f64]) -> [f64; 2] {
    let n = truth.len() as f64;
    let loss = |(t, p): (&f64, &f64)| (level * (t - p)).max((level - 1.) * (t - p));
    let pinball = truth.iter().zip(predicted).map(loss).sum::<f64>() / n;
    [pinball, truth.iter().zip(predicted).filter(|(t, p)| t <= p).count() as f64 / n]
}

/// Holds the quantiles of `errors` against those of the predictions of `target`.
fn check(what: &str, errors: &Value, columns: &HashMap<String, Vec<f64>>, target: &str) {
    for (i, level) in LEVELS.into_iter().enumerate() {
        let found = &errors["quantiles"][i];
        assert_eq!(found["quantile"], level, "{what}: {errors}");
        let expected = by_definition(level, &columns[target], &columns[&format!("{target}_q{level}")]);
        for (key, expected) in ["pinball", "coverage"].into_iter().zip(expected) {
            let difference = (found[key].as_f64().unwrap() - expected).abs();
            println!("{what} {level} {key}: {expected}, difference {difference:e}");
            assert!(difference <= 1e-9 * expected.max(1.), "{what} {level} {key}: {errors}, {expected}");
        }
    }
}

#[test]
fn quantiles_are_trained_tested_kept_and_predicted() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let settings = ["-q", "--data", DATA, "--target", "y,bmi", "--loss", "quantile", "--quantiles"];
    let settings = [&settings[..], &["0.05,0.5,0.95", "--epochs", "30", "--lr", "0.01"]].concat();

    let results = json(&taper(&[&["cv", "--json", "--out", &path("cv")], &settings[..]].concat()));
    let (predictions, header) = columns(&fs::read(path("cv/predictions.csv")).unwrap());
    let of_y = ["row", "fold", "y", "prediction:y", "depth_1:y", "depth_2:y", "depth_3:y", "depth_4:y"];
    assert_eq!(header[..8], of_y);
    assert_eq!(header[8..12], ["y_q0.05", "y_q0.5", "y_q0.95", "bmi"]);
    for (i, target) in ["y", "bmi"].into_iter().enumerate() {
        check("pooled", &results["pooled"]["targets"][i], &predictions, target);
        let of = |level| &predictions[&format!("{target}_q{level}")];
        assert_eq!(&predictions[&format!("prediction:{target}")], of("0.5"));
        let is_ascending = |i: usize| of("0.05")[i] <= of("0.5")[i] && of("0.5")[i] <= of("0.95")[i];
        assert!((0..442).all(is_ascending), "{target}");
        // Far from certain, and yet near what they should cover.
        for (level, covered) in
            LEVELS.iter().zip(results["pooled"]["targets"][i]["quantiles"].as_array().unwrap())
        {
            let covered = covered["coverage"].as_f64().unwrap();
            assert!((covered - level).abs() <= 0.1, "{target} {level}: {covered}");
        }
    }
    let page = fs::read_to_string(path("cv/report.html")).unwrap();
    assert!(page.contains("coverage") && page.contains("pinball loss"));
    let (code, _, message) = called(&["report", &path("cv")]);
    assert_eq!(code, Some(0), "{message}");
    assert_eq!(fs::read_to_string(path("cv/report.html")).unwrap(), page);

    let train = ["train", "--json", "--holdout", "0.3", "--out", &path("run")];
    let results = json(&taper(&[&train[..], &settings].concat()));
    let (held_out, _) = columns(&fs::read(path("run/predictions.csv")).unwrap());
    check("held out", &results["holdout"]["targets"][0], &held_out, "y");
    let model = path("run/model.safetensors");
    let predict = ["predict", "-q", "--model", &model, "--data", DATA];
    let predicted =
        |depth: &str| columns(taper(&[&predict[..], &["--depth", depth]].concat()).stdout.as_slice());
    let (means, header) = predicted("mean");
    let quantiles = ["y_q0.05", "y_q0.5", "y_q0.95", "bmi_q0.05", "bmi_q0.5", "bmi_q0.95"];
    assert_eq!(header[..2], ["prediction:y", "prediction:bmi"]);
    assert_eq!(header[2..], quantiles);
    let rows = held_out["row"].iter().map(|row| format!("{row}").parse::<usize>().unwrap());
    for (i, row) in rows.enumerate() {
        for name in quantiles.iter().chain(&["prediction:y"]) {
            assert_eq!(means[*name][row], held_out[*name][i], "{name} of row {row}");
        }
    }
    let (all, header) = predicted("all");
    assert_eq!((header.len(), &header[10..]), (16, &quantiles.map(str::to_owned)[..]));
    assert_eq!(all["bmi_q0.95"], means["bmi_q0.95"]);
    assert_eq!(predicted("2").1, ["depth_2:y", "depth_2:bmi"]);

    let evaluated = json(&taper(&["evaluate", "-q", "--json", "--model", &model, "--data", DATA]));
    let (truths, _) = columns(&fs::read(DATA).unwrap());
    let with_truths: HashMap<_, _> =
        means.into_iter().chain(["y", "bmi"].map(|name| (name.to_owned(), truths[name].clone()))).collect();
    check("evaluated", &evaluated["targets"][1], &with_truths, "bmi");
    let (_, table, _) = called(&["evaluate", "-q", "--model", &model, "--data", DATA]);
    assert!(table.contains("quantile  pinball  coverage"), "{table}");
    let (_, text, _) = called(&["inspect", &model]);
    assert!(text.contains("quantiles of each target: 0.05, 0.5, 0.95"), "{text}");
    let (_, plan, _) = called(&["inspect", &model, "--plan"]);
    assert!(plan.contains("quantile'("), "{plan}");
}

/// What is one quantile is half of the mean absolute error, and so the same training.
#[test]
fn the_median_alone_is_as_the_mean_absolute_error() {
    let call = ["--rows", "200", "--features", "3", "--hidden", "8", "--epochs", "3", "--json", "-q"];
    let of = |loss: &[&str]| json(&taper(&[&call[..], loss].concat()));
    let (median, mae) = (of(&["--loss", "quantile", "--quantiles", "0.5"]), of(&["--loss", "mae"]));
    // Adam does not mind a factor of the gradient, but for the term that keeps it from dividing by 0.
    let [ours, expected] = [&median, &mae].map(|results| results["pooled"]["mae"].as_f64().unwrap());
    println!("{ours}, {expected}");
    assert!((ours - expected).abs() <= 1e-3 * expected, "{ours}, {expected}");
    let pinball = median["pooled"]["quantiles"][0]["pinball"].as_f64().unwrap();
    assert!((2. * pinball - ours).abs() <= 1e-12, "{pinball}");
}

/// A table of predictions cannot have two columns of one name.
#[test]
fn a_quantile_that_is_called_like_a_target_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.csv");
    let rows: Vec<_> = (0..40).map(|i| format!("{i},{},{}\n", i * 7 % 5, i * 3 % 11)).collect();
    fs::write(&path, format!("x,y,y_q0.1\n{}", rows.concat())).unwrap();
    let call = ["cv", "-q", "--data", path.to_str().unwrap(), "--target", "y,y_q0.1", "--epochs", "1"];
    let output = taper(&[&call[..], &["--loss", "quantile"]].concat());
    let message = String::from_utf8(output.stderr).unwrap();
    let expected = "give a column 'y_q0.1', which a target is called; expected other quantiles";
    assert!(output.status.code() == Some(2) && message.contains(expected), "{message}");
    assert!(taper(&[&call[..], &["--loss", "quantile", "--quantiles", "0.5"]].concat()).status.success());
}
