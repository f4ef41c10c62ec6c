//! What a run says of data that are not what they seem, and of training that was too short.

use std::fmt::Write;
use std::fs;

use rand::Rng;
use serde_json::Value;
use taper::random::{Stream, generator};

use crate::common::{json, stderr, taper};

/// The document of a cross-validation of `rows` rows with the columns `a`, a column `name` whose field
/// `field` gives, and the target `y`; `field` gets the row, `a` and `y`.
fn learn(
    rows: usize,
    name: &str,
    field: impl Fn(usize, f64, f64) -> String,
    args: &[&str],
) -> (Value, String) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data.csv");
    let mut rng = generator(3, Stream::Data, 0);
    let mut text = format!("a,{name},y\n");
    for row in 0..rows {
        let a = rng.random_range(-1.0..1.0);
        let y = a + rng.random_range(-0.1..0.1);
        writeln!(text, "{a},{},{y}", field(row, a, y)).unwrap();
    }
    fs::write(&data, text).unwrap();
    let call = ["cv", "--json", "--data", data.to_str().unwrap(), "--target", "y"];
    let output = taper(&[&call[..], args].concat());
    (json(&output), stderr(&output).to_owned())
}

type Field = dyn Fn(usize, f64, f64) -> String;

/// The sentences in the document, each of which must be in the log as well.
fn sentences((document, log): &(Value, String)) -> Vec<String> {
    let lists = [&document["data"]["warnings"], &document["warnings"]];
    let warnings = lists.into_iter().flat_map(|list| list.as_array().unwrap());
    let warnings: Vec<_> = warnings.map(|warning| warning.as_str().unwrap().to_owned()).collect();
    assert_eq!(log.matches("WARN").count(), warnings.len(), "{log}");
    assert!(warnings.iter().all(|warning| log.contains(warning.as_str())), "{warnings:?} {log}");
    warnings
}

#[test]
fn suspicious_columns_are_named_with_the_way_out() {
    let long = ["--lr", "0.01"];
    let of = |field: &Field| {
        let learnt = learn(60, "\"the column\"", field, &long);
        let of_data = learnt.0["data"]["warnings"].as_array().unwrap().len();
        sentences(&learnt)[..of_data].first().cloned().unwrap_or_default()
    };
    let beginning = "column 'the column' ";
    let looks = "is text, each of its 6 values a feature of zeros and ones, but they look like ";
    let cases: [(&Field, String); 13] = [
        (&|i, _, _| format!("${}", i % 6), format!("{looks}numbers, such as '$0'")),
        (&|i, _, _| format!("{}%", i % 6), format!("{looks}numbers, such as '0%'")),
        (&|i, _, _| format!("0x1{}", i % 6), format!("{looks}numbers, such as '0x10'")),
        (&|i, _, _| format!("1_00{}", i % 6), format!("{looks}numbers, such as '1_000'")),
        (
            &|i, _, _| format!("0{}.01.2024", i % 6 + 1),
            format!("{looks}dates or times, such as '01.01.2024'"),
        ),
        (&|i, _, _| format!("id{i}"), "is another text in each row".to_owned()),
        (&|i, _, _| i.to_string(), "counts the rows".to_owned()),
        (&|i, _, _| (i + 1).to_string(), "counts the rows".to_owned()),
        (&|i, _, _| (7 * i * i).to_string(), "rises from row to row".to_owned()),
        (&|_, _, _| "7".to_owned(), "is 7.000 in every row".to_owned()),
        (&|_, _, _| "Ulm".to_owned(), "is 'Ulm' in every row".to_owned()),
        (&|_, _, y| y.to_string(), "equals the target 'y' in every row".to_owned()),
        (&|_, _, y| format!("{y:.17}"), "equals the target 'y' in every row".to_owned()),
    ];
    for (field, expected) in cases {
        let warning = of(field);
        assert!(warning.starts_with(&format!("{beginning}{expected}")), "{warning}");
        assert!(warning.ends_with("`--drop 'the column'` leaves it out"), "{warning}");
    }
    // Nothing is said of numbers, of texts that come again, and of a column that falls or rises with jumps.
    let harmless: [&Field; 5] = [
        &|_, a, _| (a * a).to_string(),
        &|i, _, _| ["Ulm", "Bonn", "B12"][i % 3].to_owned(),
        &|i, _, _| (60 - i).to_string(),
        &|i, _, _| (0.5 * i as f64).to_string(),
        &|i, _, _| (i % 7).to_string(),
    ];
    for (i, field) in harmless.into_iter().enumerate() {
        assert_eq!(of(field), "", "{i}");
    }
}

/// Names with commas and quotes are named as in a row of CSV, and messages show how.
#[test]
fn a_column_with_a_comma_in_its_name_is_left_out_as_the_message_says() {
    let name = "\"size \"\"S\"\", in m\"";
    let constant = |_, _, _| "7".to_owned();
    let warnings = sentences(&learn(60, name, constant, &["--lr", "0.01"]));
    let way_out = "`--drop '\"size \"\"S\"\", in m\"'` leaves it out";
    assert!(warnings[0].ends_with(way_out), "{warnings:?}");
    let (document, _) = learn(60, name, constant, &["--lr", "0.01", "--drop", name]);
    let left_out = serde_json::json!({ "name": "size \"S\", in m", "role": "left-out", "missing": 0 });
    assert_eq!(document["data"]["columns"][2], left_out);
}

#[test]
fn the_data_are_summarised() {
    let field = |i: usize, _, _| if i.is_multiple_of(10) { "NA".to_owned() } else { format!("t{}", i % 3) };
    let args = ["--missing", "mean", "--drop", "a", "--lr", "0.01"];
    let (document, log) = learn(61, "town", field, &args);
    assert!(
        log.contains(
            "61 rows, 1 column of features (1 of text), target y, 7 missing values; left out: 1 column"
        ),
        "{log}"
    );
    let columns = &document["data"]["columns"];
    let expected = serde_json::json!({
        "name": "town", "role": "feature", "kind": "text", "missing": 7, "categories": 3,
    });
    assert_eq!(columns[0], expected);
    assert_eq!((&columns[1]["name"], &columns[1]["kind"]), (&"y".into(), &"number".into()));
    assert!(columns[1]["min"].as_f64() < columns[1]["mean"].as_f64());
    assert_eq!(columns[2], serde_json::json!({ "name": "a", "role": "left-out", "missing": 0 }));
    let (document, _) = learn(61, "town", field, &["--missing", "drop", "--lr", "0.01"]);
    assert_eq!((&document["data"]["rows"], &document["data"]["rows_left_out"]), (&54.into(), &7.into()));
}

#[test]
fn a_fold_of_few_rows_is_pointed_out() {
    let group = |i: usize, _, _| i.saturating_sub(56).to_string();
    let warnings = sentences(&learn(60, "g", group, &["--group", "g", "--lr", "0.01"]));
    let expected = "the smallest fold has 1 row (the folds have 57, 1, 1, 1), whose errors say little";
    assert!(warnings.iter().any(|warning| warning.starts_with(expected)), "{warnings:?}");
}

#[test]
fn a_training_that_was_too_short_says_so_and_what_to_do() {
    let number = |_, a: f64, _| (a * a).to_string();
    let warnings = sentences(&learn(60, "b", number, &["--recipe", "seed"]));
    let expected =
        "each network made 25 steps at a learning rate of 0.001, which move a weight by at most about 0.025:";
    assert!(warnings[0].starts_with(expected) && warnings[0].contains("`--epochs 400`"), "{warnings:?}");
    let with = |epochs| ["--recipe", "seed", "--batch-size", "16", "--lr", "0.002", "--epochs", epochs];
    let falling = learn(60, "b", number, &with("40"));
    let warning = sentences(&falling).first().cloned().unwrap_or_default();
    assert!(warning.starts_with("the training loss was still falling at the end, by "), "{warning}");
    assert!(warning.contains("`--epochs 160`"), "{warning}");
    // As is advised: the errors fall, too.
    let [before, after] = [falling, learn(60, "b", number, &with("160"))]
        .map(|(document, _)| document["pooled"]["r2"].as_f64());
    assert!(before < after, "{before:?} {after:?}");
}
