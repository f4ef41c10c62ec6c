//! Columns that are prepared: dates, means of targets, marks of missing values, and numbers that are clipped.

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use serde_json::json;
use taper::data::{Column, DatePart, Unknown};
use taper::model::{MissingRows, Model, PredictOptions, Schema};
use taper::onnx::{ExportOptions, Input};

use super::super::{file, model, owned};
use super::runtime::{Value, run};
use crate::compare::values;

/// Rows of a date, a street and a size, with the seconds since 1970 by Python's `calendar.timegm`.
const ROWS: [([&str; 3], f64); 8] = [
    (["2024-01-31 12:30", "Elm", "70"], 1_706_704_200.),
    (["1969-12-31 23:59:59", "Ash", "110.25"], -1.),
    (["2023-12-31", "", "45.5"], 1_703_980_800.),
    (["", "Oak", "-300"], f64::NAN),
    (["1900-03-01", "NA", "1e4"], -2_203_891_200.),
    (["2024-02-29T06:00+01:00", "Ash", ""], 1_709_182_800.),
    (["9999-12-31", "Elm", "0.001"], 253_402_214_400.),
    (["0001-01-01", "Elm", "12"], -62_135_596_800.),
];

fn all_parts() -> Vec<DatePart> {
    let names = [
        "days",
        "year",
        "season-sine",
        "season-cosine",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
        "hour-sine",
        "hour-cosine",
    ];
    serde_json::from_value(json!(names)).unwrap()
}

/// A model whose street is the mean of two targets, and whose size is clipped.
fn prepared(is_marked: bool) -> Model {
    let marks_missing = is_marked;
    let sold = Column { name: "sold".into(), dates: all_parts(), marks_missing, ..Column::default() };
    let categories = owned(&["Ash", "Elm", "Oak"]);
    let street =
        Column { name: "street".into(), categories, target_means: 2, marks_missing, ..Column::default() };
    let size = Column { name: "size".into(), marks_missing, ..Column::default() };
    let affine = |fill: f64, scale: f64, is_clipped| {
        let shift = fill - 0.25;
        json!({"origin": fill, "fill": fill, "shift": shift, "scale": scale, "is_clipped": is_clipped})
    };
    let mark = is_marked.then(|| json!({"fill": 1., "shift": 0.25, "scale": 0.5}));
    let mut scaling = vec![affine(19_700., 3000., false), affine(2020., 10., false)];
    scaling.extend((0..11).map(|i| affine(f64::from(i) / 20., 0.7, false)));
    scaling.extend(mark.clone());
    scaling.extend([affine(0., 2., false), affine(0.5, 3., false)]);
    scaling.extend(mark.clone());
    scaling.push(affine(60., 20., true));
    scaling.extend(mark);
    let street_at = 13 + usize::from(is_marked);
    let means = json!([
        {"feature": street_at, "mean": 5., "differences": [-1.5, 2.25, 0.125, -0.75]},
        {"feature": street_at + 1, "mean": 1., "differences": [0.5, -3.5, 1.75, 0.25]},
    ]);
    let schema = Schema {
        features: vec![sold, street, size],
        targets: owned(&["price", "rent"]),
        fills_missing: is_marked,
        category_means: serde_json::from_value(means).unwrap(),
        feature_scaling: serde_json::from_value(json!(scaling)).unwrap(),
        ..Schema::unnamed(1, 1)
    };
    model(schema)
}

/// The rows as the inputs of a graph, and as a file.
fn inputs(rows: &[([&str; 3], f64)]) -> (HashMap<String, Value>, String) {
    let column =
        |numbers: Vec<f64>| Value::Numbers(Tensor::from_vec(numbers, (rows.len(), 1), &Device::Cpu).unwrap());
    let sizes = rows.iter().map(|(row, _)| row[2].parse().unwrap_or(f64::NAN)).collect();
    let columns = [
        ("sold", column(rows.iter().map(|(_, seconds)| *seconds).collect())),
        ("street", Value::Texts(rows.iter().map(|(row, _)| row[1].to_owned()).collect())),
        ("size", column(sizes)),
    ];
    let mut text = "sold,street,size\n".to_owned();
    for (row, _) in rows {
        text += &(row.join(",") + "\n");
    }
    (columns.map(|(name, value)| (name.to_owned(), value)).into(), text)
}

/// The prices that `model` predicts of the file `name` with these rows, and those of its graph.
fn both(
    model: &Model,
    name: &str,
    rows: &[([&str; 3], f64)],
    missing: MissingRows,
    unknown: Unknown,
) -> [Vec<f64>; 2] {
    let (columns, text) = inputs(rows);
    let file = file(name, text);
    let options = PredictOptions { missing, unknown, ..PredictOptions::default() };
    let mut predictions = model.predict_file(&file, &options).unwrap();
    let text = String::from_utf8(predictions.next_block().unwrap().unwrap()).unwrap();
    let price = |line: &str| line.split(',').next().unwrap().parse().unwrap_or(f64::NAN);
    let expected = text.lines().skip(1).map(price).collect();
    let exported = model.to_onnx(ExportOptions { missing, unknown }).unwrap();
    [expected, values(&run(&exported.bytes, columns).unwrap()["price"])]
}

/// Dates in other notations and times, a missing one of each column, and numbers far away.
#[test]
fn prepared_columns_are_those_of_predict() {
    let mut strange = ROWS.to_vec();
    strange.push((["2000-02-29", "Fir", "50"], 951_782_400.));
    let mut largest = 0f64;
    for (is_marked, name) in [(true, "marked.csv"), (false, "plain.csv")] {
        let model = prepared(is_marked);
        for unknown in [Unknown::Zeros, Unknown::Missing] {
            for missing in [MissingRows::Mean, MissingRows::Empty] {
                let [expected, found] = both(&model, name, &strange, missing, unknown);
                let gaps = if missing == MissingRows::Mean {
                    0
                } else {
                    4 + usize::from(unknown == Unknown::Missing)
                };
                assert_eq!(expected.iter().filter(|y| y.is_nan()).count(), gaps);
                for (expected, found) in expected.iter().zip(&found).filter(|(y, _)| !y.is_nan()) {
                    let difference = (found - expected).abs() / expected.abs().max(1.);
                    largest = if difference <= largest { largest } else { difference };
                }
                assert!(expected.iter().zip(&found).all(|(e, f)| e.is_nan() == f.is_nan()), "{found:?}");
            }
        }
        let (columns, _) = inputs(&strange);
        let bytes = model.to_onnx(ExportOptions::default()).unwrap().bytes;
        assert!(run(&bytes, columns).is_err(), "Fir was not refused");
    }
    println!("largest difference {largest:e}");
    assert!(largest <= 2e-6, "{largest:e}");
}

/// The graph's calendar around the first days of years and the last ones of February, counted one by one.
#[test]
fn every_year_begins_where_it_does() {
    // Those of 1600 begin 135,140 days before 1970.
    let (mut day, mut rows) = (-135_140, Vec::new());
    for year in 1600..2400 {
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let [february, days] = [28, 365].map(|days| days + i32::from(is_leap));
        for (month, of_month, of_year) in
            [(1, 1, 0), (2, february, 30 + february), (3, 1, 31 + february), (12, 31, days - 1)]
        {
            let seconds = f64::from(day + of_year) * 86_400. + 3600.;
            rows.push((format!("{year}-{month:02}-{of_month:02} 01:00"), seconds));
        }
        day += days;
    }
    let rows: Vec<_> = rows.iter().map(|(date, seconds)| ([date.as_str(), "Elm", "70"], *seconds)).collect();
    let [expected, found] = both(&prepared(true), "years.csv", &rows, MissingRows::Mean, Unknown::Error);
    let mut largest = 0f64;
    for (expected, found) in expected.iter().zip(&found) {
        let difference = (found - expected).abs();
        largest = if difference <= largest { largest } else { difference };
    }
    // A day more or less would be far more.
    println!("largest difference {largest:e} of {} predictions", found.len());
    assert!(found.len() == 3200 && largest <= 1e-3, "{largest:e}");
}

#[test]
fn the_graph_says_that_dates_are_seconds() {
    let exported = prepared(true).to_onnx(ExportOptions::default()).unwrap();
    let unit = "seconds since 1970-01-01 00:00 UTC";
    let sold = Input { name: "sold".into(), r#type: "double".into(), unit: Some(unit.to_owned()) };
    assert_eq!(exported.inputs[0], sold);
    let text = exported.to_string();
    assert!(text.starts_with(&format!("input   double (N, 1)  sold, {unit}\ninput   string")), "{text}");
}
