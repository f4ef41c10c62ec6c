//! Parquet files as tables. Their columns have types, so nothing is guessed.

mod column;
mod file;
mod pages;

use std::borrow::Cow;

use self::column::Value;
use self::file::ParquetFile;
use super::builder::{Kind, Row, RowBuilder};
use super::cell::{Cell, Real};
use super::choice::Choice;
use super::date_order::DateOrder;
use super::origin::Origin;
use super::raw_table::RawTable;
use crate::config::{Dates, FileConfig};
use crate::error::Result;
use crate::text::quote;

/// The rows that are decoded at a time.
const BLOCK: usize = 4096;

/// Reads the columns of `config.file` that `config` names.
pub(super) fn read<T: Real>(config: &FileConfig, origin: Origin) -> Result<RawTable<T>> {
    let mut file = ParquetFile::open(&config.file)?;
    let choice = Choice::new(config, &file.names, &[])?;
    let are_features = config.dates != Dates::Text;
    let is_said = |column: &usize| choice.text.contains(column) || choice.number.contains(column);
    let may_have_dates = |column| are_features && choice.features.contains(&column) && !is_said(&column);
    file.choose(choice.all(), choice.order, may_have_dates)?;
    // All values of a column are of one type, so its first one tells the kind, but where it has dates.
    let kind = |&column: &usize| file.has_dates(column).then(|| Kind::dates(DateOrder::YearFirst));
    let kinds = choice.features.iter().map(kind).collect();
    let mut table = RowBuilder::new(config, origin, file.names.clone(), choice, kinds)?;
    loop {
        let first = file.row;
        let columns = file.next(BLOCK)?;
        if file.row == first {
            return Ok(RawTable { files: vec![file.into_file()?], ..table.finish()? });
        }
        for row in 0..file.row - first {
            table.push(&ParquetRow { columns: &columns, row, number: first + row + 1 })?;
        }
    }
}

/// Row `row` of a block of columns, the row `number` of the file.
struct ParquetRow<'a> {
    columns: &'a [Vec<Value>],
    row: usize,
    number: usize,
}

impl ParquetRow<'_> {
    fn value(&self, column: usize) -> &Value {
        &self.columns[column][self.row]
    }
}

impl Row for ParquetRow<'_> {
    fn line(&self) -> u64 {
        self.number as u64
    }

    fn is_missing(&self, column: usize) -> bool {
        match self.value(column) {
            Value::Null => true,
            Value::Number(number) => number.is_nan(),
            _ => false,
        }
    }

    fn is_missing_number(&self, column: usize) -> bool {
        self.is_missing(column)
    }

    fn seconds(&self, column: usize, _: DateOrder) -> Option<f64> {
        let &Value::Time { ticks, per_day } = self.value(column) else { return None };
        let (days, rest) = (ticks.div_euclid(per_day), ticks.rem_euclid(per_day));
        Some((86_400 * days) as f64 + 86_400. * rest as f64 / per_day as f64)
    }

    fn cell<T: Real>(&self, column: usize) -> Cell {
        let number = match self.value(column) {
            Value::Null => return Cell::Missing,
            Value::Text(_) => return Cell::Text,
            Value::Number(number) => *number,
            Value::Integer(number) | Value::Time { ticks: number, .. } => *number as f64,
        };
        Cell::of::<T>(number)
    }

    fn text(&self, column: usize) -> Cow<'_, str> {
        match self.value(column) {
            Value::Null => "".into(),
            Value::Text(text) => text.into(),
            Value::Number(number) => number.to_string().into(),
            Value::Integer(number) | Value::Time { ticks: number, .. } => number.to_string().into(),
        }
    }

    fn quoted(&self, column: usize) -> String {
        match self.value(column) {
            Value::Null => "null".to_owned(),
            Value::Text(text) => quote(text),
            Value::Number(number) => format!("{number:e}"),
            Value::Integer(number) | Value::Time { ticks: number, .. } => number.to_string(),
        }
    }
}
