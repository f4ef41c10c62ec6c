//! Data from files: what is read, what other libraries read of it, and the message of everything that is not.

#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub, reason = "test code")]

#[path = "../common/compare.rs"]
mod compare;
#[path = "../common/reference.rs"]
mod reference;

mod arrays;
mod bad_text;
mod dates;
mod dialects;
mod encodings;
mod kinds;
mod no_panic;
mod pandas;
#[cfg(feature = "parquet")]
mod parquet;
mod text;

use std::fs;
use std::path::{Path, PathBuf};

use taper::Error;
use taper::config::{Categories, DateFormat, Dates, FileConfig, FloatType, Missing, MissingTarget};
use taper::data::{Table, read};

/// Writes `bytes` to the file `name` of this test run.
fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// The choice that flags such as `target=y drop=id,name missing=mean` make.
fn config(file: PathBuf, flags: &str) -> FileConfig {
    let mut config = FileConfig { file, ..FileConfig::default() };
    for flag in flags.split_whitespace() {
        let (key, value) = flag.split_once('=').unwrap();
        let names = value.split(',').map(str::to_owned).collect();
        match key {
            "target" => config.target = names,
            "features" => config.features = names,
            "drop" => config.drop = names,
            "group" => config.group = Some(value.to_owned()),
            "order" => config.order = Some(value.to_owned()),
            "na" => config.na = names,
            "text" => config.text = names,
            "number" => config.number = names,
            "categories" if value == "target" => config.categories = Categories::Target,
            "categories" => config.categories = Categories::OneHot,
            "dates" => config.dates = if value == "drop" { Dates::Drop } else { Dates::Expand },
            "format" if value == "day" => config.date_format = DateFormat::DayFirst,
            "format" if value == "month" => config.date_format = DateFormat::MonthFirst,
            "format" => config.date_format = DateFormat::Auto,
            "encoding" => config.dialect.encoding = Some(value.parse().unwrap()),
            "delimiter" => config.dialect.delimiter = Some(value.parse().unwrap()),
            "missing_target" => config.missing_target = MissingTarget::Drop,
            "missing" if value == "median" => config.missing = Missing::Median,
            "missing" => config.missing = if value == "drop" { Missing::Drop } else { Missing::Mean },
            "missing_indicator" => config.missing_indicator = value == "true",
            _ => panic!("{key} is no key"),
        }
    }
    config
}

/// Reads `text` as a .csv file.
fn read_csv(name: &str, text: &[u8], flags: &str) -> Result<Table, Error> {
    read(&config(file(&format!("{name}.csv"), text), flags), FloatType::F32)
}

/// The message of reading `bytes` in vain, with FILE for the path.
fn message(name: &str, bytes: &[u8], flags: &str, dtype: FloatType) -> String {
    let path = file(name, bytes);
    let error = read(&config(path.clone(), flags), dtype).unwrap_err().to_string();
    assert_eq!(error.lines().count(), 1, "{error}");
    error.replace(&path.display().to_string(), "FILE")
}

fn x(table: &Table) -> Vec<Vec<f32>> {
    table.data.x().to_vec2().unwrap()
}

fn y(table: &Table) -> Vec<Vec<f64>> {
    table.data.y().to_vec2().unwrap()
}
