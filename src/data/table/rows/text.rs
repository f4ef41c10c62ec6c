//! Rows of a text file.

use std::collections::HashSet;
use std::path::Path;

use candle_core::DType;
use csv::StringRecord;

use super::mark;
use super::options::{RowOptions, Unknown};
use crate::data::table::cell::{Cell, Real};
use crate::data::table::choice::{self, find, nearest};
use crate::data::table::columns::Column;
use crate::data::table::delimited::Lines;
use crate::data::table::markers::{Markers, Notation};
use crate::data::table::source::Source;
use crate::data::table::text::field;
use crate::error::{Error, Result};
use crate::memory;
use crate::text::{list, quote};

/// The rows of a text file whose columns are known.
pub(super) struct TextRows<'a> {
    lines: Lines<'a>,
    columns: &'a [Column],
    options: RowOptions,
    notation: Notation,
    /// The index of each column in the header.
    places: Vec<usize>,
    /// The indices of the columns to keep.
    keep: Vec<usize>,
    /// The indices of the targets.
    targets: Vec<usize>,
    record: StringRecord,
    /// How many texts were not among the categories of their columns.
    pub(super) unknown: usize,
}

impl<'a> TextRows<'a> {
    pub(super) fn open(
        file: &'a Path,
        delimiter: Option<u8>,
        columns: &'a [Column],
        options: RowOptions,
    ) -> Result<Self> {
        let source = Source::open_once("data.file", file)?;
        let mut lines = Lines::open(file, source, options.dialect, delimiter)?;
        let places = places(file, columns, &lines.header)?;
        let keep = find("keep", &options.keep, &lines.header, file)?;
        let targets = find("data.target", &options.targets, &lines.header, file)?;
        let is_number = |(place, column): (&usize, &Column)| column.is_number().then_some(*place);
        let numbers: Vec<_> =
            places.iter().zip(columns).filter_map(is_number).chain(targets.iter().copied()).collect();
        lines.decide_decimals_ahead(&numbers)?;
        let has_decimal_commas = lines.has_decimal_commas;
        let notation = Notation { markers: Markers::new(&options.na), has_decimal_commas };
        let record = StringRecord::new();
        Ok(Self { lines, columns, options, notation, places, keep, targets, record, unknown: 0 })
    }

    /// The features of the next rows, at most `rows` of them, in row-major order. Their targets are appended
    /// to `y`, and their fields in the columns to keep to `kept`.
    pub(super) fn read<T: Real>(
        &mut self,
        rows: usize,
        y: &mut Vec<f64>,
        kept: &mut Vec<Vec<String>>,
    ) -> Result<Vec<f64>> {
        let width: usize = self.columns.iter().map(Column::width).sum();
        let mut x = Vec::new();
        for _ in 0..rows {
            if !self.lines.next(&mut self.record)? {
                self.lines.finish()?;
                break;
            }
            if memory::grow(&mut x, width).is_err() {
                let problem = format!(
                    "does not fit in memory with the rows before it, which take {}",
                    memory::shown(size_of_val(&*x) as u64)
                );
                return Err(self.lines.error(&self.record, None, &problem));
            }
            for i in 0..self.columns.len() {
                let start = x.len();
                self.push::<T>(i, &mut x)?;
                if self.columns[i].marks_missing {
                    x.push(mark(x[start]));
                }
            }
            for &place in &self.targets {
                y.push(self.target(place)?);
            }
            if !self.keep.is_empty() {
                let field = |&place: &usize| self.record.get(place).unwrap_or_default().to_owned();
                kept.push(self.keep.iter().map(field).collect());
            }
        }
        Ok(x)
    }

    /// The target in column `place`, NaN where it is missing.
    fn target(&self, place: usize) -> Result<f64> {
        let text = field(&self.record, place);
        let problem = match Cell::parse::<f64>(text, &self.notation) {
            Cell::Number(number) => return Ok(number),
            Cell::Text if !self.notation.markers.contain_number(text) => {
                "is not a number, expected one in a target"
            }
            Cell::Missing | Cell::Text if self.options.allow_missing_target => return Ok(f64::NAN),
            Cell::Missing | Cell::Text => {
                "is a missing value, and a target is needed; `missing_target=drop` leaves out such rows"
            }
            Cell::Infinite | Cell::TooLarge => "is infinite or too large, expected a finite number",
        };
        Err(self.lines.error(&self.record, Some(place), &format!("{} {problem}", quote(text))))
    }

    /// Appends the features of column `i` of the row.
    fn push<T: Real>(&mut self, i: usize, x: &mut Vec<f64>) -> Result<()> {
        let categories = &self.columns[i].categories;
        let text = field(&self.record, self.places[i]);
        if !self.columns[i].dates.is_empty() {
            return self.push_date(i, x);
        }
        if categories.is_empty() {
            let cell = match Cell::parse::<T>(text, &self.notation) {
                Cell::Text if self.notation.markers.contain_number(text) => Cell::Missing,
                cell => cell,
            };
            match cell {
                Cell::Number(number) => x.push(number),
                Cell::Missing if self.options.allow_missing => x.push(f64::NAN),
                cell => return Err(self.refuse::<T>(i, cell)),
            }
            return Ok(());
        }
        // Categories are sorted.
        let place = categories.binary_search_by(|category| category.as_str().cmp(text)).ok();
        let others = match place {
            Some(_) => 0.,
            None if self.notation.markers.contain(text) => f64::NAN,
            None => {
                self.unknown += 1;
                match self.options.unknown {
                    Unknown::Error => return Err(self.refuse_category(i)),
                    Unknown::Zeros => 0.,
                    Unknown::Missing => f64::NAN,
                }
            }
        };
        if others.is_nan() && !self.options.allow_missing {
            return Err(self.refuse::<T>(i, Cell::Missing));
        }
        let start = x.len();
        if self.columns[i].target_means > 0 {
            // A code that is none of theirs is of none of them.
            let code = place.unwrap_or(categories.len()) as f64 + others;
            x.resize(start + self.columns[i].target_means, code);
            return Ok(());
        }
        x.resize(start + categories.len(), others);
        if let Some(place) = place {
            x[start + place] = 1.;
        }
        Ok(())
    }

    /// Appends the features of column `i` of the row, which is one of dates.
    fn push_date(&self, i: usize, x: &mut Vec<f64>) -> Result<()> {
        let text = field(&self.record, self.places[i]);
        let time = match self.columns[i].date_order.seconds(text) {
            Some(time) => time,
            None if !self.notation.markers.contain_number(text) => return Err(self.refuse_date(i)),
            None if self.options.allow_missing => f64::NAN,
            None => return Err(self.refuse::<f64>(i, Cell::Missing)),
        };
        x.extend(self.columns[i].dates.iter().map(|part| part.of(time)));
        Ok(())
    }

    /// The columns that are not read.
    pub(super) fn unused(&self) -> Vec<&str> {
        let header = self.lines.header.iter().enumerate();
        let used: HashSet<_> = self.places.iter().chain(&self.keep).collect();
        let unused = header.filter(|(i, _)| !used.contains(i));
        unused.map(|(_, name)| name.as_str()).collect()
    }

    /// The error of a field of column `i` that should be a number.
    fn refuse<T: Real>(&self, i: usize, cell: Cell) -> Error {
        let text = quote(field(&self.record, self.places[i]));
        let problem = match cell {
            Cell::Missing => format!(
                "{text} is a missing value, of which the model has learnt none; `missing=mean` fills the mean of its \
                 training in, `missing=empty` predicts nothing for such rows"
            ),
            Cell::Infinite => format!("{text} is infinite, expected a finite number"),
            Cell::TooLarge if T::DTYPE == DType::F32 => {
                format!("{text} is too large for f32, the type of the model, expected at most 3.4e38")
            }
            Cell::TooLarge => format!("{text} is too large for f64, expected at most 1.8e308"),
            _ => format!("{text} is not a number, as the values were that the model has learnt"),
        };
        self.lines.error(&self.record, Some(self.places[i]), &problem)
    }

    /// The error of a field of column `i` that should be a date.
    fn refuse_date(&self, i: usize) -> Error {
        let example = self.columns[i].date_order.example();
        let problem =
            format!("is not a date such as {example}, as the values were that the model has learnt");
        let text = quote(field(&self.record, self.places[i]));
        self.lines.error(&self.record, Some(self.places[i]), &format!("{text} {problem}"))
    }

    /// The error of a field of text column `i` that is not among its categories.
    fn refuse_category(&self, i: usize) -> Error {
        let text = quote(field(&self.record, self.places[i]));
        let problem = format!(
            "{text} is a value that the model has not learnt, expected one of {}; `unknown=zeros` takes it for none of \
             them, `unknown=missing` for a missing value",
            list(&self.columns[i].categories)
        );
        self.lines.error(&self.record, Some(self.places[i]), &problem)
    }
}

/// The index in `header` of each of `columns`.
fn places(file: &Path, columns: &[Column], header: &[String]) -> Result<Vec<usize>> {
    let in_header = choice::places(header);
    let places: Vec<_> = columns.iter().map(|column| in_header.get(column.name.as_str()).copied()).collect();
    let missing: Vec<_> = columns
        .iter()
        .zip(&places)
        .filter(|(_, place)| place.is_none())
        .map(|(c, _)| c.name.clone())
        .collect();
    let problem = match missing.as_slice() {
        [] => return Ok(places.into_iter().flatten().collect()),
        [name] => {
            let advice = nearest(name, header).map_or_else(
                || format!("it has {}", list(header)),
                |column| format!("is it the one named '{column}'?"),
            );
            format!("has no column '{name}', which the model was trained on; {advice}")
        }
        names => format!(
            "has none of the columns {}, which the model was trained on; it has {}",
            list(names),
            list(header)
        ),
    };
    Err(Error::data(file.display(), problem))
}
