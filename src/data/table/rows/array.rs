//! Rows of an array.

use std::path::Path;

use super::mark;
use super::options::RowOptions;
use crate::data::table::arrays::{Tensors, X, open_npy};
use crate::data::table::cell::{Cell, Real};
use crate::data::table::columns::Column;
use crate::data::table::format::Format;
use crate::data::table::matrix::Array;
use crate::data::table::npz::Npz;
use crate::data::table::origin::{Origin, Origins};
use crate::data::table::source::Source;
use crate::error::{Error, Result};
use crate::text::list;

/// The rows of a matrix whose columns are the features in order.
pub(super) struct ArrayRows {
    source: Source,
    array: Array,
    options: RowOptions,
    /// Whether a feature beside each column says where it is missing.
    marks: Vec<bool>,
    /// The number of rows read so far.
    at: usize,
    /// The names of other arrays in the file.
    others: Vec<String>,
}

impl ArrayRows {
    pub(super) fn open(file: &Path, format: Format, columns: &[Column], options: RowOptions) -> Result<Self> {
        let (source, array, others) = match format {
            Format::Npy => {
                let (source, array) = open_npy("data.file", file)?;
                (source, array, Vec::new())
            }
            Format::Npz => {
                let mut arrays = Npz::open("data.file", file)?;
                let (name, others) = features_of(file, arrays.names())?;
                let (source, array) = arrays.find(&name)?;
                (source, array, others)
            }
            _ => {
                let tensors = Tensors::open("data.file", file)?;
                let (name, others) = features_of(file, tensors.names())?;
                let array = tensors.find(&name)?;
                (tensors.source, array, others)
            }
        };
        array.check_matrix()?;
        if let Some(name) = options.targets.first() {
            let problem = format!("has no column '{name}': its columns have no names; expected a text file");
            return Err(Error::data(file.display(), problem));
        }
        if let Some(name) = options.keep.first() {
            let problem = format!(
                "is '{name}', which {} does not have: its columns have no names; expected a text file",
                file.display()
            );
            return Err(Error::config("keep", problem));
        }
        if let Some(column) = columns.iter().find(|column| !column.is_number()) {
            let problem = format!(
                "has numbers alone, and '{}', which the model was trained on, is {}; \
                 expected a .csv, .tsv or .txt file",
                column.name,
                if column.dates.is_empty() { "text" } else { "dates" }
            );
            return Err(array.error(&problem));
        }
        if array.columns != columns.len() {
            let names: Vec<_> = columns.iter().map(|column| column.name.clone()).collect();
            let problem = format!(
                "has {} columns, expected {} as the model was trained on: {}",
                array.columns,
                columns.len(),
                list(&names)
            );
            return Err(array.error(&problem));
        }
        let marks = columns.iter().map(|column| column.marks_missing).collect();
        Ok(Self { source, array, options, marks, at: 0, others })
    }

    /// Reads the next rows, at most `rows` of them, in row-major order.
    pub(super) fn read<T: Real>(&mut self, rows: usize) -> Result<Vec<f64>> {
        let end = self.at.saturating_add(rows).min(self.array.rows);
        let mut origins = Origins::new(Origin::Zero, self.array.columns);
        let x: Vec<f64> = self.array.read(&mut self.source, self.at..end, &mut origins)?;
        let place = |place: usize| (self.at + place / self.array.columns, place % self.array.columns);
        if let Some(at) = x.iter().position(|&number| Cell::of::<T>(number) == Cell::TooLarge) {
            let (row, column) = place(at);
            return Err(self.array.infinite(row, column, x[at]));
        }
        if !self.options.allow_missing
            && let Some(at) = x.iter().position(|number| number.is_nan())
        {
            let (row, column) = place(at);
            let problem = "is NaN, a missing value, of which the model has learnt none; `missing=mean` fills the mean of \
                           its training in, `missing=empty` predicts nothing for such rows";
            return Err(Error::data(self.array.place(row, column), problem));
        }
        self.at = end;
        if !self.marks.contains(&true) {
            return Ok(x);
        }
        let features = |(&value, &is_marked): (&f64, &bool)| {
            [Some(value), is_marked.then(|| mark(value))].into_iter().flatten()
        };
        Ok(x.iter().zip(self.marks.iter().cycle()).flat_map(features).collect())
    }

    /// The arrays of the file that are not read.
    pub(super) fn unused(&self) -> Vec<&str> {
        self.others.iter().map(String::as_str).collect()
    }
}

/// The array of the features among those of these `names`: `X`, or the only one; and the names of the others.
fn features_of(file: &Path, names: Vec<String>) -> Result<(String, Vec<String>)> {
    let (mut chosen, others): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| name == X);
    match (chosen.pop(), others) {
        (Some(name), others) => Ok((name, others)),
        (None, mut others) if others.len() == 1 => Ok((others.remove(0), Vec::new())),
        (None, others) => {
            let has = if others.is_empty() { "none".to_owned() } else { list(&others) };
            Err(Error::data(
                file.display(),
                format!("has no array '{X}', expected it or a single one; it has {has}"),
            ))
        }
    }
}
