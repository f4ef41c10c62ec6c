//! Tables of errors, a row for each fold of each arm.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde_json::{Deserializer, Value};

use super::measurements::Measurements;
use super::metric::Metric;
use super::scores::Score;
use crate::error::{Error, Result};
use crate::text::{list, quote};

/// The names that the column of the arm may have.
const ARM: [&str; 2] = ["arm", "learner"];
/// The column of an error whose name says that more may be better.
const SCORE: &str = "score";
/// The column of merged results of a study that says what came of a task, and what it says of one that
/// failed.
const OUTCOME: &str = "outcome";
const FAILED: &str = "failed";

/// A row of a table, by the names of its columns.
struct Row {
    /// The file and the line, or the number of the object.
    place: String,
    cells: BTreeMap<String, String>,
}

/// Reads the errors of all arms from `tables`: text with a header, separated by commas, or JSON, an object a
/// line or an array of them. Warnings come with them.
///
/// The columns are `arm` or `learner` (without it each table is an arm), `data` (without it all are of one
/// data set), `repeat` (without it there is one), `fold`, and the error: of the name of `metric`, and without
/// one `error`, or `rmse`, or `score`. `train_rows` and `test_rows` are the numbers of rows, without which
/// folds are those of a cross-validation. Other columns are ignored, so that the merged results of a study
/// are such a table; arms of which a task failed are left out. Objects within objects are read as if they
/// were not.
///
/// # Errors
///
/// Fails with [`Error::File`] when a table cannot be read, with [`Error::Data`] for one that lacks a column
/// or has a cell that is not a number, and as [`Measurements::from_scores`].
pub fn of_tables(tables: &[PathBuf], metric: Option<Metric>) -> Result<(Measurements, Vec<String>)> {
    let mut scores = Vec::new();
    let mut failed = BTreeMap::new();
    let mut column = None;
    for path in tables {
        let arm = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy();
        for row in rows(path)? {
            if row.is_failed() {
                *failed.entry(row.arm(&arm)).or_insert(0usize) += 1;
                continue;
            }
            let column = match column {
                Some(column) => column,
                None => *column.insert(row.error_column(metric)?),
            };
            scores.push(row.score(&arm, column)?);
        }
    }
    scores.retain(|score: &Score| !failed.contains_key(&score.arm));
    let column = column.unwrap_or(metric.unwrap_or_default().name());
    let warning = format!("{SCORE} is read as an error, of which less is better");
    let mut warnings = if column == SCORE { vec![warning] } else { Vec::new() };
    let left_out = |(arm, count): (&String, &usize)| {
        format!("the arm {} is left out, since {count} of its tasks failed", quote(arm))
    };
    warnings.extend(failed.iter().map(left_out));
    Ok((Measurements::from_scores(column, &scores)?, warnings))
}

impl Row {
    /// Whether it is a task of a study that failed.
    fn is_failed(&self) -> bool {
        self.cells.get(OUTCOME).is_some_and(|outcome| outcome == FAILED) || self.cells.contains_key(FAILED)
    }

    /// The column of the error: that of the metric, or the first that there is.
    fn error_column(&self, metric: Option<Metric>) -> Result<&'static str> {
        let usual = ["error", Metric::default().name(), SCORE];
        let names = metric.map_or(usual.to_vec(), |metric| vec![metric.name()]);
        let found = names.iter().find(|name| self.cells.contains_key(**name));
        found.copied().ok_or_else(|| self.lacks(&names.join(" or ")))
    }

    /// The name of its arm; without a column for it `arm`.
    fn arm(&self, arm: &str) -> String {
        ARM.iter().find_map(|name| self.cells.get(*name)).map_or(arm, String::as_str).to_owned()
    }

    /// What the row says; without a column for it it is of `arm`.
    fn score(&self, arm: &str, column: &str) -> Result<Score> {
        let error = self.number(column, "a number above 0")?.ok_or_else(|| self.lacks(column))?;
        if !(error > 0. && f64::is_finite(error)) {
            let problem = format!("{column} is {error}, expected a finite number above 0");
            return Err(Error::data(&self.place, problem));
        }
        let count = |name: &str| self.number::<usize>(name, "a whole number");
        Ok(Score {
            arm: self.arm(arm),
            data: self.cells.get("data").map_or("data", String::as_str).to_owned(),
            repeat: count("repeat")?.unwrap_or(0),
            fold: count("fold")?.ok_or_else(|| self.lacks("fold"))?,
            error,
            rows: count("train_rows")?.zip(count("test_rows")?).map(<[usize; 2]>::from),
        })
    }

    /// The number in a column; nothing without such a column.
    fn number<T: FromStr>(&self, name: &str, expected: &str) -> Result<Option<T>> {
        let Some(cell) = self.cells.get(name) else { return Ok(None) };
        let parsed = cell.trim().parse().map_err(|_| {
            Error::data(&self.place, format!("{name} is {}, expected {expected}", quote(cell)))
        })?;
        Ok(Some(parsed))
    }

    fn lacks(&self, name: &str) -> Error {
        let names: Vec<_> = self.cells.keys().cloned().collect();
        let expected = match names.as_slice() {
            [] => "an object that has it".to_owned(),
            names => format!("it beside {}", list(names)),
        };
        Error::data(&self.place, format!("there is no {name}, expected {expected}"))
    }
}

/// The rows of the table at `path`.
fn rows(path: &Path) -> Result<Vec<Row>> {
    let bytes = fs::read(path).map_err(|error| Error::cannot_read(path, error))?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let rows = match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'[' | b'{') => json_rows(path, bytes)?,
        _ => csv_rows(path, bytes)?,
    };
    if rows.is_empty() {
        return Err(Error::data(path.display(), "there are no rows, expected one for each fold of each arm"));
    }
    Ok(rows)
}

fn csv_rows(path: &Path, bytes: &[u8]) -> Result<Vec<Row>> {
    let refused = |error: csv::Error| Error::data(path.display(), error.to_string());
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::Headers).from_reader(bytes);
    let header = reader.headers().map_err(refused)?.clone();
    let row = |record: csv::Result<csv::StringRecord>| {
        let record = record.map_err(refused)?;
        let line = record.position().map_or(0, csv::Position::line);
        let cells = header.iter().zip(&record).map(|(name, cell)| (name.to_owned(), cell.to_owned()));
        Ok(Row { place: format!("{}:{line}", path.display()), cells: cells.collect() })
    };
    reader.records().map(row).collect()
}

fn json_rows(path: &Path, bytes: &[u8]) -> Result<Vec<Row>> {
    let mut objects = Vec::new();
    for value in Deserializer::from_slice(bytes).into_iter::<Value>() {
        match value.map_err(|error| Error::data(path.display(), error.to_string()))? {
            Value::Array(all) => objects.extend(all),
            value => objects.push(value),
        }
    }
    let row = |(i, object): (usize, &Value)| {
        let mut cells = BTreeMap::new();
        flatten(object, &mut cells);
        Row { place: format!("{}: object {}", path.display(), i + 1), cells }
    };
    Ok(objects.iter().enumerate().map(row).collect())
}

/// Adds the text and the numbers in `object`, and in objects within it.
fn flatten(object: &Value, cells: &mut BTreeMap<String, String>) {
    for (name, value) in object.as_object().into_iter().flatten() {
        match value {
            Value::String(text) => drop(cells.insert(name.clone(), text.clone())),
            Value::Number(number) => drop(cells.insert(name.clone(), number.to_string())),
            value => flatten(value, cells),
        }
    }
}
