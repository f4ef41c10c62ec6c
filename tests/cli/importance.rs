//! `taper cv --importance` and `taper importance`: what predictions depend on.

use std::fmt::Write;
use std::fs;

use serde_json::Value;

use super::common::{called, json, taper};

const DATA: [&str; 6] = ["--data", "tests/data/diabetes.csv", "--target", "y", "--epochs", "8"];

/// What is asked changes nothing else, does not depend on the jobs, and can be asked of a run that is
/// finished.
#[test]
fn the_folds_of_a_run_are_asked_when_it_is_made_or_later() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run").to_str().unwrap().to_owned();
    let document = |args: &[&str]| json(&taper(&[&["cv", "-q", "--json"], args].concat()));
    let plain = document(&[&DATA[..], &["--out", &run]].concat());
    let asked = document(&[&DATA[..], &["--importance", "--jobs", "2"]].concat());
    let later = document(&["--resume", &run, "--importance", "--jobs", "1"]);
    assert!(plain["explanation"].is_null());
    assert_eq!(plain["pooled"], asked["pooled"]);
    assert_eq!(asked["explanation"], later["explanation"]);
    let explanation = &asked["explanation"];
    assert_eq!((&explanation["error"], &explanation["networks"]), (&"rmse".into(), &4.into()));
    assert_eq!(explanation["interval"], "corrected-student");
    let target = &explanation["targets"][0];
    assert!((target["error"].as_f64().unwrap() - asked["mean"]["rmse"].as_f64().unwrap()).abs() < 1e-9);
    let columns = target["columns"].as_array().unwrap();
    // As in every study of these data.
    assert!(
        columns.len() == 10 && ["bmi", "s5"].contains(&columns[0]["column"].as_str().unwrap()),
        "{columns:?}"
    );
    assert!(columns.is_sorted_by_key(|column| -column["increase"].as_f64().unwrap()));
    let dependence = &target["dependence"];
    assert_eq!(dependence.as_array().unwrap().len(), 6);
    assert_eq!(dependence[0]["column"], columns[0]["column"]);
    assert_eq!(dependence[0]["values"]["numbers"].as_array().unwrap().len(), 20);

    // The report has it, also when it is made anew.
    let page = || fs::read_to_string(format!("{run}/report.html")).unwrap();
    let first = page();
    for part in ["What y depends on", "<h2>Partial dependence</h2>", "by how much the", "corrected"] {
        assert!(first.to_lowercase().contains(&part.to_lowercase()), "{part}");
    }
    assert_eq!(called(&["report", &run]).0, Some(0));
    assert_eq!(page(), first);
    let (_, table, _) = called(&["cv", "-q", "--resume", &run, "--importance"]);
    assert!(table.contains("column") && table.contains("rmse +") && table.contains('█'), "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 120), "{table}");
}

/// A column that is encoded by means of the target is asked about as the network was tested: the errors
/// before the shuffle are those of the folds.
#[test]
fn texts_of_many_values_are_asked_as_they_were_tested() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("towns.csv");
    let mut text = "size,town,day,price\n".to_owned();
    for i in 0..600 {
        let (size, town, day) = (i * 37 % 101, i * i % 97, 1 + i * 11 % 28);
        writeln!(text, "{size},t{town},2024-02-{day:02},{}", size + 5 * (town * 29 % 97)).unwrap();
    }
    fs::write(&data, &text).unwrap();
    let args =
        ["cv", "--json", "--target", "price", "--epochs", "20", "--categories", "target", "--importance"];
    let found = json(&taper(&[&args[..], &["--data", data.to_str().unwrap()]].concat()));
    let target = &found["explanation"]["targets"][0];
    let difference = target["error"].as_f64().unwrap() / found["mean"]["rmse"].as_f64().unwrap() - 1.;
    println!("errors before the shuffle: difference {difference:e}");
    assert!(difference.abs() <= 1e-6);
    let columns = target["columns"].as_array().unwrap();
    let names: Vec<_> = columns.iter().map(|column| column["column"].as_str().unwrap()).collect();
    assert_eq!(names, ["town", "size", "day"]);
    let of_day = &target["dependence"][2];
    let days: Vec<_> = (1..=28).map(|day| format!("2024-02-{day:02}")).collect();
    assert_eq!((&of_day["column"], &of_day["values"]["dates"]), (&"day".into(), &days.into()));
}

/// A table that is a law of one column and of a town: what else there is is worth nothing.
#[test]
fn a_model_is_asked_about_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (data, model, out) = (path("a.csv"), path("m.safetensors"), path("importance.csv"));
    let mut text = "size,noise,town,price,rent\n".to_owned();
    for i in 0..400 {
        let (size, noise) = (i * 37 % 101, i * 61 % 89);
        let town = ["Bonn", "Köln", "Ulm"][(i * i) % 3];
        let price = 2 * size + if town == "Köln" { 60 } else { 0 };
        writeln!(text, "{size},{noise},{town},{price},{}", 1000 - size).unwrap();
    }
    fs::write(&data, &text).unwrap();
    let train =
        ["train", "-q", "--data", &data, "--target", "price,rent", "--epochs", "30", "--model", &model];
    assert_eq!(called(&[&train[..], &["--bins", "4"]].concat()).0, Some(0));
    let call = ["importance", "--model", &model, "--data", &data];
    let found = json(&taper(&[&call[..], &["--json", "--out", &out]].concat()));
    assert_eq!(
        (&found["rows"], &found["interval"], &found["repeats"]),
        (&400.into(), &"shuffles".into(), &5.into())
    );
    let order = |target: usize| -> Vec<String> {
        let columns = found["targets"][target]["columns"].as_array().unwrap();
        columns.iter().map(|column| column["column"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        (order(0), &order(1)[0]),
        (["size", "town", "noise"].map(str::to_owned).to_vec(), &"size".to_owned())
    );
    // The standard deviation of size is 29.2, so shuffling it is off by 2 * 29.2 * sqrt 2.
    let increase = found["targets"][0]["columns"][0]["increase"].as_f64().unwrap();
    assert!((increase / (2. * 29.2 * 2f64.sqrt()) - 1.).abs() < 0.15, "{increase}");
    let towns = &found["targets"][0]["dependence"][1];
    assert_eq!(towns["values"]["categories"], Value::from(vec!["Bonn", "Köln"]));
    let mean = |i: usize| towns["mean"][i].as_f64().unwrap();
    assert!((mean(1) - mean(0) - 60.).abs() < 12., "{towns}");

    let csv = fs::read_to_string(&out).unwrap();
    assert!(
        csv.starts_with("target,column,increase,low,high\nprice,size,") && csv.lines().count() == 7,
        "{csv}"
    );
    let (code, _, message) = called(&[&call[..], &["--out", &out]].concat());
    assert!(code == Some(2) && message.contains("already exists"), "{message}");
    let page = path("importance.html");
    let report = [&call[..], &["-q", "--report", &page]].concat();
    assert_eq!(called(&report).0, Some(0));
    let text = fs::read_to_string(&page).unwrap();
    for part in [
        "<h1>taper importance</h1>",
        "400 rows · 5 shuffles of each column",
        "What price depends on",
        "What rent depends on",
        "<h2>Partial dependence</h2>",
        "price by town",
        "<th scope=\"row\">noise</th>",
        "a.csv",
        "default-src &#39;none&#39;",
    ] {
        let part = part.replace("&#39;", "'");
        assert!(text.contains(&part), "{part}");
    }
    // A bar for each column of each target, and pictures of all three.
    assert_eq!(text.matches("<svg").count(), 2 + 2 * 3);
    assert!(called(&report).2.contains("already exists; `--force` replaces it"));
    let log = called(&[&call[..], &["--report", &page, "--force"]].concat()).2;
    assert!(log.contains("the report is ") && fs::read_to_string(&page).unwrap() == text, "{log}");
    let (code, _, message) = called(&[&call[..], &["--force"]].concat());
    assert!(code == Some(2) && message.contains("--out"), "{message}");
    let (code, _, message) = called(&[&call[..], &["--out", &page, "--report", &page, "--force"]].concat());
    assert!(
        code == Some(2)
            && message.contains("--report is ")
            && message.contains("which the CSV is written to"),
        "{message}"
    );
    let (_, table, _) = called(&call);
    assert!(table.contains("rmse +") && table.contains("\nby how much the rmse grows"), "{table}");
    // Another seed shuffles in other ways.
    let other = json(&taper(&[&call[..], &["--json", "--seed", "2"]].concat()));
    assert_ne!(other["targets"], found["targets"]);
    let (code, _, message) = called(&[&call[..], &["--repeats", "0"]].concat());
    assert!(code == Some(2) && message.contains("--repeats"), "{message}");
}
