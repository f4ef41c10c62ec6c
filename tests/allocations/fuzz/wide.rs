//! Tables as wide as they are never high: what each column costs is the same however many there are.
//!
//! Where all pairs of them are kept, these take gigabytes, which is more than a case may take, and where all
//! are compared, a time that is seen.

use std::fmt::Write;
use std::fs;

use taper::config::{FileConfig, FloatType};
use taper::data::{Column, RowOptions, RowReader, read, read_relative};
use tempfile::tempdir;

use super::run;

const COLUMNS: usize = 20_000;

/// The text of a table: the names of its columns, and two rows, which are a number and the next.
fn text(name: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    for i in 0..COLUMNS {
        write!(text, "{}{}", if i > 0 { "," } else { "" }, name(i)).unwrap();
    }
    for row in 1..=2 {
        write!(text, "\n{row}{}", format!(",{row}").repeat(COLUMNS - 1)).unwrap();
    }
    text
}

#[test]
fn wide_tables() {
    let folder = tempdir().unwrap();
    run(0..4, move |case, _| {
        let file = folder.path().join("wide.csv");
        let name = |i| if case == 3 && i > 0 { String::new() } else { format!("gene_{i}") };
        fs::write(&file, text(name)).unwrap();
        let names: Vec<_> = (0..COLUMNS).map(name).collect();
        let config = FileConfig { file: file.clone(), target: names[..1].to_vec(), ..FileConfig::default() };
        match case {
            // Every column equals the target, of which there is a warning for each.
            0 => {
                let table = read_relative(&config, FloatType::F32).unwrap();
                assert_eq!(table.summary().unwrap().warnings.len(), COLUMNS - 1);
            }
            // All are named, twice.
            1 => {
                let number = names[1..].to_vec();
                let config = FileConfig { features: number.clone(), number, ..config };
                assert_eq!(read(&config, FloatType::F32).unwrap().features.len(), COLUMNS - 1);
            }
            // Read for a model.
            2 => {
                let columns: Vec<_> = names
                    .into_iter()
                    .rev()
                    .skip(1)
                    .map(|name| Column { name, ..Column::default() })
                    .collect();
                let mut rows =
                    RowReader::open(&file, &columns, FloatType::F32, RowOptions::default()).unwrap();
                assert_eq!(rows.unused(), [format!("gene_{}", COLUMNS - 1)]);
                assert_eq!(rows.next_block(9).unwrap().unwrap().x.dims(), [2, COLUMNS - 1]);
            }
            // All but one have no names, and count the rows.
            _ => {
                let message = read(&config, FloatType::F32).unwrap_err().to_string();
                assert!(message.contains("data.features is none of the columns"), "{message}");
            }
        }
        true
    });
}

/// As many targets as features: all pairs would be billions.
#[test]
fn wide_arrays() {
    let folder = tempdir().unwrap();
    run(0..1, move |_, _| {
        let shape = format!(r#""dtype":"F32","shape":[2,{COLUMNS}],"data_offsets""#);
        let half = 8 * COLUMNS;
        let header = format!(r#"{{"X":{{{shape}:[0,{half}]}},"y":{{{shape}:[{half},{}]}}}}"#, 2 * half);
        let elements: Vec<u8> = (0..4 * COLUMNS).flat_map(|i| ((i / COLUMNS) as f32).to_le_bytes()).collect();
        let file = folder.path().join("wide.safetensors");
        fs::write(&file, [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &elements].concat())
            .unwrap();
        let table = read(&FileConfig { file, ..FileConfig::default() }, FloatType::F32).unwrap();
        table.summary().unwrap();
        true
    });
}

/// Names, texts and rows that are most of their file are refused, and not copied again and again.
#[test]
fn long_names_and_texts() {
    const LONG: usize = 4 << 20;
    let folder = tempdir().unwrap();
    run(0..4, move |case, _| {
        let long = "x".repeat(LONG);
        let (text, expected) = match case {
            0 => (format!("{long},y\n1,2\n"), "the name of column 1 has 4194304 bytes"),
            1 => (
                format!("a,y\n{long},2\n{long},3\n"),
                "has 4194304 bytes, expected at most 10000 in a text column",
            ),
            2 => (format!("a,y\n\"{long},2\n{long},3\n"), "has 1 field, expected 2"),
            _ => (format!("a,y\n1,{long}\n"), "is not a number"),
        };
        let file = folder.path().join("long.csv");
        fs::write(&file, text).unwrap();
        let config = FileConfig { file, target: vec!["y".to_owned()], ..FileConfig::default() };
        let message = read(&config, FloatType::F32).unwrap_err().to_string();
        assert!(message.contains(expected) && message.len() < 1000, "{} bytes: {message}", message.len());
        true
    });
}
