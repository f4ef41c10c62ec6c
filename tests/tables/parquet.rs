//! Parquet files that pyarrow has written, see `tests/reference/parquet.py`.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use taper::config::{FloatType, Missing};
use taper::data::{Column, DatePart, read};

use crate::{config, file, message};

fn reference(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/reference/parquet").join(name)
}

/// Rows of numbers, of which "nan" is NaN.
fn rows(value: &Value) -> Vec<Vec<f64>> {
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let row = |row: &Value| row.as_array().unwrap().iter().map(number).collect();
    value.as_array().unwrap().iter().map(row).collect()
}

#[test]
fn every_type_is_read_as_pyarrow_wrote_it() {
    let values: Value = serde_json::from_slice(&fs::read(reference("values.json")).unwrap()).unwrap();
    let expected = rows(&values["x"]);
    for name in ["snappy", "zstd", "gzip", "lz4"] {
        let mut config = config(reference(&format!("{name}.parquet")), "target=y missing=mean");
        let table = read(&config, FloatType::F64).unwrap();
        let x = table.data.x().to_vec2::<f64>().unwrap();
        let bits = |rows: &[Vec<f64>]| rows.iter().flatten().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&x), bits(&expected), "{name}: {x:?}, expected {expected:?}");
        let y: Vec<f64> = table.data.y().flatten_all().unwrap().to_vec1().unwrap();
        assert_eq!(serde_json::json!(y), values["y"], "{name}");
        let towns = ["Bonn", "Köln", "Ulm"].map(str::to_owned).to_vec();
        assert!(table.features.contains(&Column {
            name: "town".to_owned(),
            categories: towns,
            ..Column::default()
        }));

        config.missing = Missing::Drop;
        let dropped = read(&config, FloatType::F32).unwrap();
        let whole = expected.iter().filter(|row| row.iter().all(|x| !x.is_nan())).count();
        assert_eq!((dropped.data.rows(), dropped.dropped), (whole, 12 - whole), "{name}");
    }
}

#[test]
fn groups_are_the_equal_values_of_a_column() {
    for (column, groups) in [("size", [0, 1, 0, 0]), ("flag", [0, 0, 1, 1]), ("int64", [0, 1, 2, 3])] {
        let flags = format!("target=y drop=town,double,decimal group={column}");
        let table = read(&config(reference("zstd.parquet"), &flags), FloatType::F32).unwrap();
        assert_eq!(table.data.groups().unwrap()[..4], groups, "{column}");
    }
}

#[test]
fn rows_are_ordered_by_dates_and_times() {
    let read_by = |name: &str, column: &str| {
        let config = config(reference(name), &format!("target=y features=x order={column}"));
        read(&config, FloatType::F32)
    };
    for name in ["times.parquet", "old_times.parquet"] {
        let expected = read_by(name, "rank").unwrap().data.order().unwrap().to_vec();
        assert_eq!(expected, [7, 0, 3, 3, 9, 1, 5, 2, 8, 6, 4, 0]);
        for column in [
            "date",
            "seconds",
            "milliseconds",
            "microseconds",
            "nanoseconds",
            "time_of_day",
            "short_time_of_day",
        ] {
            let table = read_by(name, column).unwrap();
            assert_eq!(table.data.order().unwrap(), expected, "{name}: {column}");
        }
    }
    let error = read_by("times.parquet", "null").unwrap_err().to_string();
    assert!(error.contains("times.parquet:1:null: null is a missing value"), "{error}");
}

/// The ranks r say the dates: 1969-12-25 and r days, 1969-12-31 at 14 + r hours and r minutes, and of times of
/// the day r hours, 30 minutes, 15 seconds and r microseconds.
#[test]
fn dates_and_times_become_features() {
    let ranks = [7., 0., 3., 3., 9., 1., 5., 2., 8., 6., 4., 0f64];
    let date = |rank: f64| rank - 7.;
    let moment = |rank: f64| -1. + ((14. + rank) * 60. + rank) / 1440.;
    let of_day = |rank: f64| (rank * 3600. + 1815. + rank * 1e-6) / 86_400.;
    let short = |rank: f64| (rank * 3600. + 1815.) / 86_400.;
    let cases: [(&str, &dyn Fn(f64) -> f64, bool); 6] = [
        ("date", &date, false),
        ("seconds", &moment, true),
        ("milliseconds", &moment, true),
        ("microseconds", &moment, true),
        ("time_of_day", &of_day, true),
        ("short_time_of_day", &short, true),
    ];
    for name in ["times.parquet", "old_times.parquet"] {
        for (column, days, has_hours) in cases {
            let flags = format!("target=y features={column} dates=expand");
            let table = read(&config(reference(name), &flags), FloatType::F64).unwrap();
            let parts = &table.features[0].dates;
            assert_eq!(
                (parts[0], parts.contains(&DatePart::HourSine)),
                (DatePart::Days, has_hours),
                "{column}"
            );
            let found = table.data.x().to_vec2::<f64>().unwrap();
            let mut largest = 0f64;
            for (row, rank) in found.iter().zip(ranks) {
                let difference = (row[0] - days(rank)).abs();
                largest = if difference <= largest { largest } else { difference };
            }
            println!("{name}, {column}: largest difference {largest:e}");
            assert!(largest <= 1e-10, "{column}");
        }
        let dropped = read(&config(reference(name), "target=y dates=drop"), FloatType::F64).unwrap();
        assert_eq!((dropped.data.features(), dropped.left_out.len()), (2, 8), "{:?}", dropped.left_out);
    }
}

#[test]
fn bad_columns_get_a_message() {
    let bad = fs::read(reference("bad.parquet")).unwrap();
    for (flags, expected) in [
        (
            "",
            "data.target is missing, expected a column of FILE: number, infinite, huge, null, never, text, never_text, \
              many, constant, date and 4 more",
        ),
        ("target=nunber", "data.target is 'nunber', which FILE does not have; did you mean 'number'?"),
        ("target=text features=number", "FILE:1:text: '0a' is not a number, expected one in a target"),
        (
            "target=constant features=number",
            "FILE:constant: is 1.5 in every row, expected a target that varies",
        ),
        (
            "target=null features=number",
            "FILE:4:null: null is a missing value, and a target cannot be filled; `data.missing_target=drop` leaves out such rows",
        ),
        (
            "target=null features=number missing=mean",
            "FILE:4:null: null is a missing value, and a target cannot be filled; `data.missing_target=drop` leaves out such rows",
        ),
        ("target=number features=infinite", "FILE:3:infinite: inf is infinite, expected a finite number"),
        (
            "target=number features=huge",
            "FILE:2:huge: 1e39 is too large for f32, expected at most 3.4e38; `dtype=f64` has room",
        ),
        (
            "target=number features=null",
            "FILE:4:null: null is a missing value; `data.missing=drop` leaves out such rows, `data.missing=mean` fills the mean in",
        ),
        ("target=number features=null,text group=null", "data.features is 'null', which is the group"),
        (
            "target=number features=text group=null",
            "FILE:4:null: null is a missing value, expected a group; `data.missing=drop` leaves out such rows",
        ),
        (
            "target=number features=never missing=mean",
            "FILE:never: is missing in every row; `data.drop=never` leaves the column out",
        ),
        (
            "target=number features=never_text missing=mean",
            "FILE:never_text: is missing in every row; `data.drop=never_text` leaves the column out",
        ),
        (
            "target=number features=never missing=drop",
            "FILE: has a missing value in each of its 70 rows; `data.missing=mean` fills features",
        ),
        (
            "target=number features=many categories=one-hot",
            "FILE:65:many: 'value 64' is one value too many for a text column, expected at most 64; `data.drop=many` leaves the \
             column out, `data.categories=auto` takes means of the target",
        ),
        (
            "target=number features=date",
            "FILE:date: has dates or times, expected numbers or text; `data.drop=date` leaves the column out, \
             `data.dates=expand` makes features of it, `data.order=date` orders the rows by it",
        ),
        (
            "target=number features=time",
            "FILE:time: has dates or times, expected numbers or text; `data.drop=time` leaves the column out, \
             `data.dates=expand` makes features of it, `data.order=time` orders the rows by it",
        ),
        (
            "target=number features=list.list.element",
            "FILE:list.list.element: has nested values, expected numbers or text; `data.drop=list.list.element` leaves the \
          column out",
        ),
        (
            "target=number features=pair.a",
            "FILE:pair.a: has nested values, expected numbers or text; `data.drop=pair.a` leaves the column out",
        ),
        (
            "target=number features=bytes",
            "FILE:bytes: has values of type FIXED_LEN_BYTE_ARRAY, expected numbers or text; `data.drop=bytes` leaves the column \
          out",
        ),
    ] {
        assert_eq!(message("bad.parquet", &bad, flags, FloatType::F32), expected);
    }
    let huge = config(reference("bad.parquet"), "target=number features=huge");
    assert_eq!(read(&huge, FloatType::F64).unwrap().data.rows(), 70);
}

#[test]
fn files_that_are_none_get_a_message() {
    let good = fs::read(reference("zstd.parquet")).unwrap();
    for bytes in [b"".as_slice(), b"a,y\n1,2\n", b"PAR1PAR1", &good[..good.len() - 1], &good[1..]] {
        let message = message("none.parquet", bytes, "target=y", FloatType::F32);
        assert!(message.contains(": cannot be read as Parquet: "), "{message}");
    }
}

/// No changed byte and no early end of the file makes reading panic.
#[test]
fn damaged_files_do_not_panic() {
    let good = fs::read(reference("zstd.parquet")).unwrap();
    let read = |bytes: &[u8]| {
        let path = file("damaged.parquet", bytes);
        read(&config(path, "target=y features=int8,double,decimal,town missing=mean"), FloatType::F32)
    };
    let mut bytes = good.clone();
    let mut noticed = 0;
    for at in 0..good.len() {
        bytes[at] ^= [1, 0x80, 0xff][at % 3];
        noticed += usize::from(read(&bytes).is_err());
        bytes[at] = good[at];
        if at % 16 == 0 {
            assert!(read(&good[..at]).is_err(), "cut off at {at}");
        }
    }
    println!("{noticed} of {} damages noticed", good.len());
}
