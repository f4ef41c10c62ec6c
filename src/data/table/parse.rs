//! The values of a text file's rows.

use std::collections::HashMap;

use candle_core::DType;
use csv::{Position, StringRecord};

use super::category::{Categories, one_hot};
use super::cell::{Cell, Real, has_commas, is_missing};
use super::choice::Choice;
use super::line::{line_of, place_of};
use super::{Column, MAX_CATEGORIES, Rows};
use crate::config::{FileConfig, Missing};
use crate::error::{Error, Result};
use crate::text::quote;

/// Turns rows of text into rows of numbers. A text column has codes until the end.
pub(super) struct Parser<'a, T> {
    config: &'a FileConfig,
    header: Vec<String>,
    choice: Choice,
    /// What each feature's column is, if it is known yet.
    kinds: Vec<Option<Kind>>,
    groups: HashMap<String, u32>,
    x: Vec<T>,
    y: Vec<T>,
    group: Vec<u32>,
    dropped: usize,
}

/// What a column of features is.
enum Kind {
    Numbers,
    Text(Text),
}

/// A text column, and how much in it looks like numbers.
#[derive(Default)]
struct Text {
    categories: Categories,
    numbers: usize,
    /// The other values, and the first of them with its place.
    others: usize,
    first: Option<(Option<Position>, String)>,
}

impl<'a, T: Real> Parser<'a, T> {
    /// Prepares the reading of the columns of `choice`; `sample` decides which of them are text.
    pub(super) fn new(
        config: &'a FileConfig,
        header: Vec<String>,
        choice: Choice,
        sample: &[StringRecord],
    ) -> Self {
        let kind = |&column: &usize| {
            let (mut texts, mut values) = (0, 0);
            for text in sample.iter().map(|record| field(record, column)) {
                let cell = Cell::<T>::parse(text);
                values += usize::from(cell != Cell::Missing);
                // A column of `1,5` is one of numbers in another notation, and is to be refused as such.
                texts += usize::from(cell == Cell::Text && !has_commas(text));
            }
            (values > 0)
                .then(|| if 2 * texts >= values { Kind::Text(Text::default()) } else { Kind::Numbers })
        };
        let kinds = choice.features.iter().map(kind).collect();
        Self {
            config,
            header,
            choice,
            kinds,
            groups: HashMap::new(),
            x: Vec::new(),
            y: Vec::new(),
            group: Vec::new(),
            dropped: 0,
        }
    }

    /// Adds a row, or leaves it out.
    pub(super) fn add(&mut self, record: &StringRecord) -> Result<()> {
        let missing = self.config.missing;
        if missing == Missing::Drop && self.choice.all().any(|column| is_missing(field(record, column))) {
            self.dropped += 1;
            return Ok(());
        }
        let room = self.x.try_reserve(self.kinds.len()).and(self.y.try_reserve(self.choice.targets.len()));
        if room.is_err() {
            return Err(self.error(record, None, "does not fit in memory with the rows before it"));
        }
        for i in 0..self.choice.targets.len() {
            let column = self.choice.targets[i];
            let text = field(record, column);
            let target = match Cell::parse(text) {
                Cell::Number(number) => number,
                Cell::Missing => {
                    let problem = format!(
                        "{} is a missing value, and a target cannot be filled; `data.missing=drop` leaves out such rows",
                        quote(text)
                    );
                    return Err(self.error(record, Some(column), &problem));
                }
                cell => return Err(self.refuse(record, column, cell)),
            };
            self.y.push(target);
        }
        if let Some(column) = self.choice.group {
            let name = field(record, column);
            if is_missing(name) {
                let problem = format!(
                    "{} is a missing value, expected a group; `data.missing=drop` leaves out such rows",
                    quote(name)
                );
                return Err(self.error(record, Some(column), &problem));
            }
            let next = self.groups.len() as u32;
            let number = self.groups.get(name).copied();
            self.group.push(number.unwrap_or_else(|| *self.groups.entry(name.to_owned()).or_insert(next)));
        }
        for i in 0..self.kinds.len() {
            let value = self.feature(record, i)?;
            self.x.push(value);
        }
        Ok(())
    }

    /// The value or the code of feature `i` of a row.
    fn feature(&mut self, record: &StringRecord, i: usize) -> Result<T> {
        let column = self.choice.features[i];
        let text = field(record, column);
        // All that is known of a text column's field is whether it is missing; parsing it is for the count alone.
        let cell = Cell::parse(text);
        let kind = match cell {
            Cell::Missing if self.config.missing == Missing::Mean => return Ok(T::from_f64(f64::NAN)),
            Cell::Missing => return Err(self.refuse(record, column, cell)),
            Cell::Text => self.kinds[i].get_or_insert_with(|| Kind::Text(Text::default())),
            _ => self.kinds[i].get_or_insert(Kind::Numbers),
        };
        match (kind, cell) {
            (Kind::Numbers, Cell::Number(number)) => Ok(number),
            (Kind::Numbers, _) => Err(self.refuse(record, column, cell)),
            (Kind::Text(values), _) => {
                let code = values.add(text, cell == Cell::Text, record);
                code.map(|code| T::from_f64(code as f64)).ok_or_else(|| self.refuse_category(record, column))
            }
        }
    }

    /// The rows that were added.
    pub(super) fn finish(self) -> Result<Rows<T>> {
        let (mut features, mut places) = (Vec::new(), Vec::new());
        let has_rows = !self.y.is_empty();
        for (kind, &column) in self.kinds.into_iter().zip(&self.choice.features) {
            let name = self.header[column].clone();
            let at = |line: &str| format!("{}:{line}{name}", self.config.file.display());
            let text = match kind {
                Some(Kind::Text(text)) => text,
                None if has_rows => {
                    let problem =
                        format!("is missing in every row; `data.drop={name}` leaves the column out");
                    return Err(Error::data(at(""), problem));
                }
                _ => {
                    features.push(Column { name, categories: Vec::new() });
                    places.push(None);
                    continue;
                }
            };
            if let Some((position, value)) = text.first.filter(|_| text.numbers > text.others) {
                let problem = format!("{value} is not a number, as most values of the column are");
                let line = line_of(&self.config.file, position.as_ref());
                return Err(Error::data(at(&format!("{line}:")), problem));
            }
            let (categories, places_of_codes) = text.categories.sorted();
            features.push(Column { name, categories });
            places.push(Some(places_of_codes));
        }
        Ok(Rows {
            x: one_hot(&self.config.file, self.x, &places)?,
            y: self.y,
            features,
            targets: self.config.target.clone(),
            groups: self.choice.group.map(|_| self.group),
            dropped: self.dropped,
        })
    }

    /// The error of a field that is not the number that it should be.
    fn refuse(&self, record: &StringRecord, column: usize, cell: Cell<T>) -> Error {
        let (text, name) = (quote(field(record, column)), &self.header[column]);
        let problem = match cell {
            Cell::Missing => format!(
                "{text} is a missing value; `data.missing=drop` leaves out such rows, `data.missing=mean` fills the mean in"
            ),
            Cell::Infinite => format!("{text} is infinite, expected a finite number"),
            Cell::TooLarge if T::DTYPE == DType::F32 && fits_f64(field(record, column)) => {
                format!("{text} is too large for f32, expected at most 3.4e38; `dtype=f64` has room")
            }
            Cell::TooLarge => format!("{text} is too large for f64, expected at most 1.8e308"),
            _ if has_commas(field(record, column)) => {
                format!(
                    "{text} has a comma, expected a number with a decimal point and no other mark, such as 1234.5"
                )
            }
            _ if self.choice.targets.contains(&column) => {
                format!("{text} is not a number, expected one in a target")
            }
            _ => format!(
                "{text} is not a number, as most values of the column are; `data.drop={name}` leaves the column out"
            ),
        };
        self.error(record, Some(column), &problem)
    }

    /// The error of a value that is one too many.
    fn refuse_category(&self, record: &StringRecord, column: usize) -> Error {
        let (text, name) = (quote(field(record, column)), &self.header[column]);
        let problem = format!(
            "{text} is one value too many for a text column, expected at most {MAX_CATEGORIES}; `data.drop={name}` leaves \
             the column out"
        );
        self.error(record, Some(column), &problem)
    }

    fn error(&self, record: &StringRecord, column: Option<usize>, problem: &str) -> Error {
        let column = column.map(|column| self.header[column].as_str());
        Error::data(place_of(&self.config.file, record, column), problem)
    }
}

impl Text {
    /// The code of `value`, or `None` when it is one too many.
    fn add(&mut self, value: &str, is_text: bool, record: &StringRecord) -> Option<usize> {
        if is_text {
            self.others += 1;
            self.first.get_or_insert_with(|| (record.position().cloned(), quote(value)));
        } else {
            self.numbers += 1;
        }
        self.categories.code(value)
    }
}

fn fits_f64(field: &str) -> bool {
    field.parse::<f64>().is_ok_and(f64::is_finite)
}

/// A field without the spaces around it.
pub(super) fn field(record: &StringRecord, column: usize) -> &str {
    record.get(column).unwrap_or_default().trim()
}
