//! Tables of errors.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::common::{called, json as parsed, taper};
use crate::reference::{array, number, numbers, reference};

/// Arm, data, repetition, fold and error.
type Row = (String, String, usize, usize, f64);

/// The rows of a study of `compared.json`, whose third one has four arms, nine data sets, five folds and two
/// repetitions.
fn rows(study: usize) -> (Value, Vec<Row>) {
    let study = reference("compared.json")["studies"][study].clone();
    let folds = usize::try_from(study["folds"].as_u64().unwrap()).unwrap();
    let mut rows = Vec::new();
    for (arm, sets) in array(&study["errors"]).iter().enumerate() {
        for (set, errors) in array(sets).iter().enumerate() {
            for (i, error) in numbers(errors).into_iter().enumerate() {
                rows.push((format!("arm {arm}"), format!("set {set}"), i / folds, i % folds, error));
            }
        }
    }
    (study, rows)
}

/// Writes `text` to the file `name` of a folder, and gives its path.
fn written(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn tables_of_other_programs_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let (study, rows) = rows(2);
    let (mut csv, mut lines) = ("\u{feff}fold,error,learner,data,repeat,note\n".to_owned(), String::new());
    let mut all = Vec::new();
    for (arm, data, repeat, fold, error) in &rows {
        writeln!(csv, "{fold},{error},{arm},{data},{repeat},\"a, b\"").unwrap();
        let row = json!({"arm": arm, "data": data, "repeat": repeat, "fold": fold, "result": {"mae": error, "rmse": 1}});
        writeln!(lines, "{row}").unwrap();
        all.push(row);
    }
    let csv = written(folder.path(), "errors.csv", &csv);
    let found = parsed(&taper(&["compare", &csv, "--json"]));
    let expected = numbers(&study["holm"]);
    for (difference, expected) in array(&found["differences"]).iter().zip(&expected) {
        let p = number(&difference["p_holm"]);
        println!("adjusted p {p}, expected {expected}");
        assert!((p - expected).abs() <= 1e-12);
    }
    assert_eq!((&found["metric"], &found["reference"]), (&"error".into(), &"arm 0".into()));
    assert_eq!((array(&found["sets"]).len(), array(&found["pairs"]).len()), (9, 6));
    assert_eq!(found["sets"][0], json!({"name": "set 0", "folds": 5, "repeats": 2, "test_per_train": 0.25}));
    assert_eq!(found["warnings"], json!([]));

    // The same as JSON, an object a line or a list.
    let lines = written(folder.path(), "errors.jsonl", &lines);
    let list = written(folder.path(), "errors.json", &Value::from(all).to_string());
    for path in [&lines, &list] {
        let again = parsed(&taper(&["compare", path, "--json", "--metric", "mae"]));
        assert_eq!((&again["differences"], &again["metric"]), (&found["differences"], &"mae".into()));
    }

    let page = folder.path().join("page.html");
    let call = ["compare", &csv, "--reference", "arm 2", "--html", page.to_str().unwrap()];
    let (code, table, message) = called(&call);
    assert_eq!((code, message.as_str()), (Some(0), ""));
    assert!(table.starts_with("arm 3 errs ") && table.contains("Friedman's chi-squared"), "{table}");
    let page = fs::read_to_string(page).unwrap();
    // Of the arms there are no settings to be told.
    let settings = page.split("<h2>Settings</h2>").nth(1).unwrap();
    assert!(page.contains("All pairs of arms") && !settings.contains("<h3>"));
}

/// The errors of two learners in five folds on a data set, as rows of a table.
fn table_of(rows: impl Iterator<Item = (&'static str, usize, f64)>) -> String {
    let rows: Vec<_> =
        rows.map(|(learner, fold, error)| format!("{learner},{fold},{error:?},400,100\n")).collect();
    format!("learner,fold,rmse,train_rows,test_rows\n{}", rows.concat())
}

/// Errors that any program wrote are compared as those of runs are: the numbers are those of scipy and of a
/// closed form, of the log ratios -0.1, -0.05, -0.08, -0.02 and -0.07.
#[test]
fn tables_of_errors_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let differences = [-0.1f64, -0.05, -0.08, -0.02, -0.07];
    let plain = |fold| ("ridge", fold, 1. + fold as f64 / 10.);
    let deep = |fold: usize| ("network", fold, (1. + fold as f64 / 10.) * differences[fold].exp());
    let path =
        written(folder.path(), "errors.csv", &table_of((0..5).flat_map(|fold| [plain(fold), deep(fold)])));
    let found = parsed(&taper(&["compare", &path, "--json"]));
    let difference = &found["differences"][0];
    assert_eq!((&found["reference"], &difference["arm"]), (&"ridge".into(), &"network".into()));
    let mean = differences.iter().sum::<f64>() / 5.;
    let ratio = difference["ratio"].as_f64().unwrap();
    println!("ratio {ratio} of {}", mean.exp());
    assert!((ratio - mean.exp()).abs() <= 1e-12);
    // t = mean / sqrt((1/5 + 100/400) s^2), of which scipy.stats.t.sf(3.128..., 4) * 2 is the p-value.
    let variance = differences.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / 4.;
    let t = mean / ((0.2 + 0.25) * variance).sqrt();
    let p = difference["p"].as_f64().unwrap();
    println!("t {t}, p {p}");
    assert!(
        (t + 3.128_471_787_122_204).abs() <= 1e-12 && (p - 0.035_237_173_852_193).abs() <= 1e-12,
        "{t}, {p}"
    );

    // The same as JSON, an object a line, in another order, the error within an object.
    let lines: Vec<_> = (0..5)
        .rev()
        .flat_map(|fold| [plain(fold), deep(fold)])
        .map(|(arm, fold, error)| {
            format!("{{\"arm\":\"{arm}\",\"fold\":{fold},\"of\":{{\"mae\":{error:?}}},\"train_rows\":400,\"test_rows\":100}}\n")
        })
        .collect();
    let other = written(folder.path(), "errors.jsonl", &lines.concat());
    let again = parsed(&taper(&["compare", &other, "--metric", "mae", "--json"]));
    assert_eq!(again["differences"], found["differences"]);
}

/// Without a column for them an arm is a file, and there is one data set with one repetition.
#[test]
fn a_table_may_be_an_arm() {
    let folder = tempfile::tempdir().unwrap();
    let (study, rows) = rows(1);
    let paths: Vec<_> = (0..3)
        .map(|arm| {
            let of_arm = rows.iter().filter(|row| row.0 == format!("arm {arm}"));
            let lines: Vec<_> =
                of_arm.map(|(_, _, repeat, fold, error)| format!("{repeat},{fold},{error}")).collect();
            written(folder.path(), &format!("{arm}.csv"), &format!("repeat,fold,score\n{}", lines.join("\n")))
        })
        .collect();
    let call: Vec<_> =
        ["compare"].into_iter().chain(paths.iter().map(String::as_str)).chain(["--json"]).collect();
    let found = parsed(&taper(&call));
    assert_eq!((&found["reference"], &found["sets"][0]["name"]), (&"0".into(), &"data".into()));
    for (difference, expected) in array(&found["differences"]).iter().zip(array(&study["paired"])) {
        let (p, expected) = (number(&difference["p"]), number(&expected[0]["p"]));
        println!("p {p}, expected {expected}");
        assert!((p - expected).abs() <= 1e-8);
    }
    let warnings = found["warnings"].to_string();
    assert!(warnings.contains("score is read as an error, of which less is better"), "{warnings}");
}

/// The merged results of a study are tables.
#[test]
fn results_of_a_study_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let file = written(
        folder.path(),
        "blocks.toml",
        "reference = 'plain'\nfolds = 3\nrepeats = 2\nmatch = 'epochs'\n\
         [base]\nrecipe = 'seed'\n[base.train]\nepochs = 2\n[base.model]\nhidden = 4\n\
         [arms.plain]\n[arms.residual.model]\nblock = 'residual'\n\
         [data.a]\nrows = 60\nfeatures = 3\n[data.b]\nrows = 60\nfeatures = 2\n",
    );
    let out = folder.path().join("study");
    let out = out.to_str().unwrap();
    for args in
        [&["study", "plan", &file, "--out", out][..], &["study", "run", out], &["study", "merge", out]]
    {
        let (code, _, message) = called(args);
        assert_eq!(code, Some(0), "{args:?}: {message}");
    }
    let [csv, jsonl] = ["csv", "jsonl"].map(|format| {
        let path = format!("{out}/merged/results.{format}");
        parsed(&taper(&["compare", &path, "--reference", "plain", "--json"]))
    });
    assert_eq!(csv, jsonl);
    assert_eq!((array(&csv["sets"]).len(), &csv["differences"][0]["arm"]), (2, &"residual".into()));
}

#[test]
fn tables_that_cannot_be_read_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let header = "arm,fold,rmse";
    for (text, expected) in [
        ("", "table.csv: there are no rows, expected one for each fold of each arm"),
        (&format!("{header}\n"), "there are no rows"),
        ("arm,fold\na,0\n", "table.csv:2: there is no error or rmse or score, expected it beside arm, fold"),
        ("arm,rmse\na,1\n", "table.csv:2: there is no fold, expected it beside arm, rmse"),
        (&format!("{header}\na,0,1\na,1,?\n"), "table.csv:3: rmse is '?', expected a number above 0"),
        (&format!("{header}\na,0,nan\n"), "table.csv:2: rmse is NaN, expected a finite number above 0"),
        (&format!("{header}\na,0,-0.5\n"), "table.csv:2: rmse is -0.5, expected a finite number above 0"),
        (&format!("{header}\na,x,1\n"), "table.csv:2: fold is 'x', expected a whole number"),
        (&format!("{header}\na,0\n"), "found record with 2 fields"),
        (
            "[{\"fold\": 0, \"rmse\": 1}, 7]",
            "table.csv: object 2: there is no rmse, expected an object that has it",
        ),
        ("[{\"arm\": 1", "table.csv: EOF while parsing"),
        (
            &format!("{header}\na,0,1\na,0,2\n"),
            "'a' has fold 0 of repetition 0 of 'data' twice, expected one error",
        ),
        ("{\"fold\": 0, \"rmse\": NaN}", "table.csv: expected value at line 1"),
        ("[[1, 2]]", "table.csv: object 1: there is no error or rmse or score"),
        (&format!("{header}\na,0,1\na,1,1\nb,0,1\n"), "'b' lacks fold 1 of repetition 0 of 'data'"),
        (&format!("{header}\na,0,1\nb,0,1\n"), "data has 1 folds, expected at least 2"),
        (&format!("{header}\na,0,1\na,1,1\n"), "there are 1 arms, expected at least 2"),
    ] {
        let path = written(folder.path(), "table.csv", text);
        let (code, output, message) = called(&["compare", &path]);
        assert!(code != Some(0) && output.is_empty() && message.lines().count() == 1, "{message}");
        assert!(message.contains(expected), "{message}");
        println!("{code:?} {message}");
    }
    let path = written(folder.path(), "table.csv", &format!("{header}\na,0,1\na,1,1\nb,0,1\nb,1,2\n"));
    let other = folder.path().to_str().unwrap();
    let (code, _, message) = called(&["compare", &path, other]);
    assert!(code == Some(2) && message.contains("is a file, and "), "{message}");
    let (code, _, message) = called(&["compare", &path, "--reference", "c"]);
    assert!(code == Some(2) && message.contains("expected one of the runs, or an arm: a, b"), "{message}");
}
