//! Parquet files. Their columns say of what type they are, so nothing is guessed.

mod column;
mod file;
mod pages;

use std::collections::HashMap;

use self::column::Value;
use self::file::ParquetFile;
use super::category::{Categories, one_hot};
use super::cell::Real;
use super::choice::Choice;
use super::{Column, MAX_CATEGORIES, Rows};
use crate::config::{FileConfig, Missing};
use crate::error::{Error, Result};
use crate::text::quote;

/// The rows that are decoded at a time.
const BLOCK: usize = 4096;

/// Reads the columns of `config.file` that `config` names.
pub(super) fn read<T: Real>(config: &FileConfig) -> Result<Rows<T>> {
    let mut file = ParquetFile::open(&config.file)?;
    let choice = Choice::new(config, &file.names)?;
    file.choose(choice.all())?;
    let mut table = Builder::new(config, &choice, &file);
    loop {
        let start = file.row;
        let block = file.next(BLOCK)?;
        if block.is_empty() {
            return table.finish();
        }
        for row in 0..block[0].len() {
            table.add(&block, row, start + row + 1)?;
        }
    }
}

/// Puts rows together. A text column has codes until the end.
struct Builder<'a, T> {
    config: &'a FileConfig,
    features: Vec<Feature>,
    groups: HashMap<String, u32>,
    x: Vec<T>,
    y: Vec<T>,
    group: Vec<u32>,
    dropped: usize,
}

struct Feature {
    name: String,
    /// Those of a text column.
    categories: Option<Categories>,
    /// Whether it has a value in any row.
    is_there: bool,
}

impl<'a, T: Real> Builder<'a, T> {
    fn new(config: &'a FileConfig, choice: &Choice, file: &ParquetFile) -> Self {
        let feature = |&column: &usize| Feature {
            name: file.names[column].clone(),
            categories: file.is_text(column).then(Categories::default),
            is_there: false,
        };
        Self {
            config,
            features: choice.features.iter().map(feature).collect(),
            groups: HashMap::new(),
            x: Vec::new(),
            y: Vec::new(),
            group: Vec::new(),
            dropped: 0,
        }
    }

    /// Adds row `at` of a block of columns, those of the targets, the group and the features, or leaves it out; `number` is
    /// that of the row in the file, counted from 1.
    fn add(&mut self, block: &[Vec<Value>], at: usize, number: usize) -> Result<()> {
        let config = self.config;
        let mut fields = block.iter().map(|column| &column[at]);
        if config.missing == Missing::Drop && fields.clone().any(|field| *field == Value::Missing) {
            self.dropped += 1;
            return Ok(());
        }
        let refused = |name: &str, problem: String| {
            Error::data(format!("{}:{number}:{name}", config.file.display()), problem)
        };
        if self.x.try_reserve(self.features.len()).and(self.y.try_reserve(config.target.len())).is_err() {
            let place = format!("{}:{number}", config.file.display());
            return Err(Error::data(place, "does not fit in memory with the rows before it"));
        }
        for (name, field) in config.target.iter().zip(&mut fields) {
            if *field == Value::Missing {
                let problem = "is a missing value, and a target cannot be filled; `data.missing=drop` leaves out such rows";
                return Err(refused(name, problem.to_owned()));
            }
            self.y.push(finite(field).map_err(|problem| refused(name, problem))?);
        }
        if let Some(name) = &config.group {
            let next = self.groups.len() as u32;
            let group = match fields.next() {
                None | Some(Value::Missing) => {
                    let problem =
                        "is a missing value, expected a group; `data.missing=drop` leaves out such rows";
                    return Err(refused(name, problem.to_owned()));
                }
                Some(Value::Text(text)) => text.clone(),
                Some(Value::Number(number)) => number.to_string(),
                Some(Value::Integer(number)) => number.to_string(),
            };
            self.group.push(*self.groups.entry(group).or_insert(next));
        }
        for (feature, field) in self.features.iter_mut().zip(fields) {
            let value = match (field, &mut feature.categories) {
                (Value::Missing, _) if config.missing == Missing::Mean => T::from_f64(f64::NAN),
                (Value::Text(text), Some(categories)) => match categories.code(text) {
                    Some(code) => T::from_f64(code as f64),
                    None => return Err(refused(&feature.name, one_too_many(text, &feature.name))),
                },
                _ => finite(field).map_err(|problem| refused(&feature.name, problem))?,
            };
            feature.is_there |= *field != Value::Missing;
            self.x.push(value);
        }
        Ok(())
    }

    /// The rows that were added.
    fn finish(self) -> Result<Rows<T>> {
        let (mut features, mut places) = (Vec::new(), Vec::new());
        for Feature { name, categories, is_there } in self.features {
            if !is_there && !self.y.is_empty() {
                let problem = format!("is missing in every row; `data.drop={name}` leaves the column out");
                return Err(Error::data(format!("{}:{name}", self.config.file.display()), problem));
            }
            let (categories, places_of_codes) = categories.map(Categories::sorted).unzip();
            features.push(Column { name, categories: categories.unwrap_or_default() });
            places.push(places_of_codes);
        }
        Ok(Rows {
            x: one_hot(&self.config.file, self.x, &places)?,
            y: self.y,
            features,
            targets: self.config.target.clone(),
            groups: self.config.group.as_ref().map(|_| self.group),
            dropped: self.dropped,
        })
    }
}

/// A field as a finite number, or what is wrong with it.
fn finite<T: Real>(field: &Value) -> std::result::Result<T, String> {
    let exact = match field {
        Value::Number(number) => *number,
        Value::Integer(number) => *number as f64,
        Value::Text(text) => {
            return Err(format!("{} is not a number, expected one in a target", quote(text)));
        }
        Value::Missing => {
            return Err("is a missing value; `data.missing=drop` leaves out such rows, `data.missing=mean` fills the mean in"
                .to_owned());
        }
    };
    let value = T::from_f64(exact);
    if value.to_f64().is_finite() {
        Ok(value)
    } else if exact.is_infinite() {
        Err(format!("{exact} is infinite, expected a finite number"))
    } else {
        Err(format!("{exact:e} is too large for f32, expected at most 3.4e38; `dtype=f64` has room"))
    }
}

fn one_too_many(text: &str, name: &str) -> String {
    let text = quote(text);
    format!(
        "{text} is one value too many for a text column, expected at most {MAX_CATEGORIES}; `data.drop={name}` leaves the \
         column out"
    )
}
