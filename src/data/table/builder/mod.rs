//! Rows of decoded fields, put together as a table. The formats decode; what the fields may be is decided
//! here.

mod complaint;
mod dates;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::category::Categories as Codes;
use super::cell::{Cell, Real};
use super::choice::Choice;
use super::columns::{Column, MAX_CATEGORIES, MAX_CODES};
use super::date_order::DateOrder;
use super::dates::DatePart;
use super::expansion::{Expansion, Values, expand};
use super::origin::{Origin, Origins};
use super::raw_table::RawTable;
use super::times::Times;
use crate::config::{Categories, Dates, FileConfig, Missing, MissingTarget};
use crate::error::{Error, Result};
use crate::memory;
use crate::text::{column_argument, quote};
use dates::{DateColumn, Doubtful};

/// How many of the first rows decide which columns are text.
pub(super) const SAMPLE: usize = 1000;

/// The longest text that is a category, in bytes. Longer ones are for people to read.
const LONGEST_TEXT: usize = 10_000;

/// A row as its format decodes it. Columns are numbered as in the file.
pub(super) trait Row {
    /// The line of the row, counted from 1; its number in a file without lines.
    fn line(&self) -> u64;

    /// Whether the field has no value.
    fn is_missing(&self, column: usize) -> bool;

    /// Whether the field has no value where a number is expected.
    fn is_missing_number(&self, column: usize) -> bool;

    /// The seconds from 1970 to the date of the field, if it is one in this order.
    fn seconds(&self, column: usize, order: DateOrder) -> Option<f64>;

    /// The field as a number, or what it is instead.
    fn cell<T: Real>(&self, column: usize) -> Cell;

    /// The field as the name of a group or category.
    fn text(&self, column: usize) -> Cow<'_, str>;

    /// Whether numbers have decimal commas.
    fn has_decimal_commas(&self) -> bool {
        false
    }

    /// The field as messages quote it.
    fn quoted(&self, column: usize) -> String;
}

/// Collects the rows of a file. Text columns hold codes until all categories are known, and those of dates
/// nothing.
pub(super) struct RowBuilder<'a, T> {
    config: &'a FileConfig,
    header: Vec<String>,
    choice: Choice,
    /// The kind of each feature, as far as it is known.
    kinds: Vec<Option<Kind>>,
    /// Whether each feature is missing in a row.
    missing: Vec<bool>,
    groups: HashMap<String, u32>,
    origins: Origins,
    x: Vec<T>,
    y: Vec<f64>,
    group: Vec<u32>,
    times: Times,
    dropped: usize,
}

/// What a column of features holds.
pub(super) enum Kind {
    Numbers,
    Text(TextColumn),
    Dates(DateColumn),
}

/// The categories of a text column, and how many of its fields look like numbers after all.
#[derive(Default)]
pub(super) struct TextColumn {
    categories: Codes,
    numbers: usize,
    texts: usize,
    /// The first of the texts.
    first: Option<(u64, String)>,
    /// Whether the user says that it is text.
    is_declared: bool,
    /// Its dates, if these may become the features instead.
    doubtful: Option<Doubtful>,
}

impl<'a, T: Real> RowBuilder<'a, T> {
    /// Collects the columns of `choice` among those of `header`. A feature that has no kind yet takes that of
    /// its first value. Columns of dates are left out if the configuration says so.
    ///
    /// Fails when that leaves none.
    pub(super) fn new(
        config: &'a FileConfig,
        origin: Origin,
        header: Vec<String>,
        mut choice: Choice,
        kinds: Vec<Option<Kind>>,
    ) -> Result<Self> {
        let (x, y, group) = (Vec::new(), Vec::new(), Vec::new());
        let [text, number] =
            [&choice.text, &choice.number].map(|columns| columns.iter().collect::<HashSet<_>>());
        let declared = |(column, kind): (&usize, _)| {
            if text.contains(column) {
                Some(Kind::Text(TextColumn { is_declared: true, ..TextColumn::default() }))
            } else if number.contains(column) {
                Some(Kind::Numbers)
            } else {
                kind
            }
        };
        let kinds: Vec<_> = choice.features.iter().zip(kinds).map(declared).collect();
        let is_kept =
            |kind: &Option<Kind>| config.dates != Dates::Drop || !kind.as_ref().is_some_and(Kind::has_dates);
        let kept = choice.features.iter().copied().zip(kinds).filter(|(_, kind)| is_kept(kind));
        let (features, kinds): (Vec<_>, Vec<_>) = kept.unzip();
        if features.is_empty() {
            let problem =
                format!("is drop, which leaves no features: {} has dates alone", config.file.display());
            return Err(Error::config("data.dates", problem));
        }
        choice.features = features;
        let origins = Origins::new(origin, kinds.len());
        let (groups, times, dropped) = (HashMap::new(), Times::default(), 0);
        let missing = vec![false; kinds.len()];
        Ok(Self { config, header, choice, kinds, missing, groups, origins, x, y, group, times, dropped })
    }

    /// Appends a row, or drops it if a value is missing and the configuration says so.
    pub(super) fn push(&mut self, row: &impl Row) -> Result<()> {
        if self.is_left_out(row) {
            self.dropped += 1;
            return Ok(());
        }
        let (more_x, more_y) = (self.kinds.len(), self.choice.targets.len());
        if memory::grow(&mut self.x, more_x).and(memory::grow(&mut self.y, more_y)).is_err() {
            let before = size_of_val(&*self.x) + size_of_val(&*self.y);
            let problem = format!(
                "does not fit in memory with the rows before it, which take {}",
                memory::shown(before as u64)
            );
            return Err(self.error(row, None, &problem));
        }
        for i in 0..self.choice.targets.len() {
            self.y.push(self.target(row, self.choice.targets[i])?);
        }
        if let Some(column) = self.choice.group {
            let group = self.group(row, column)?;
            self.group.push(group);
        }
        if let Some(column) = self.choice.order {
            self.time(row, column)?;
        }
        for i in 0..self.kinds.len() {
            let value = self.feature(row, i)?;
            self.x.push(value);
        }
        Ok(())
    }

    /// Whether the row is left out since a value is missing.
    fn is_left_out(&self, row: &impl Row) -> bool {
        let Choice { features, targets, group, order, .. } = &self.choice;
        let has_no_target = || targets.iter().any(|&column| row.is_missing_number(column));
        let has_no_feature = || {
            features.iter().zip(&self.kinds).any(|(&column, kind)| match kind {
                Some(Kind::Numbers) => row.is_missing_number(column),
                Some(kind) if kind.has_dates() => row.is_missing_number(column),
                _ => row.is_missing(column),
            })
        };
        match (self.config.missing, self.config.missing_target) {
            (Missing::Drop, _) => {
                let mut marks = group.iter().chain(order);
                marks.any(|&column| row.is_missing(column)) || has_no_target() || has_no_feature()
            }
            (_, MissingTarget::Drop) => has_no_target(),
            (_, MissingTarget::Error) => false,
        }
    }

    fn target(&self, row: &impl Row, column: usize) -> Result<f64> {
        if row.is_missing_number(column) {
            let problem = "is a missing value, and a target cannot be filled; \
                           `data.missing_target=drop` leaves out such rows";
            return Err(self.refuse(row, column, problem));
        }
        match row.cell::<T>(column) {
            Cell::Number(number) => Ok(number),
            cell => Err(self.not_a_number(row, column, cell)),
        }
    }

    /// The number of the row's group.
    fn group(&mut self, row: &impl Row, column: usize) -> Result<u32> {
        if row.is_missing(column) {
            let problem = "is a missing value, expected a group; `data.missing=drop` leaves out such rows";
            return Err(self.refuse(row, column, problem));
        }
        let (name, next) = (row.text(column), self.groups.len() as u32);
        let known = self.groups.get(name.as_ref()).copied();
        Ok(known.unwrap_or_else(|| *self.groups.entry(name.into_owned()).or_insert(next)))
    }

    /// Notes where the row is in the order.
    fn time(&mut self, row: &impl Row, column: usize) -> Result<()> {
        if row.is_missing(column) {
            let problem =
                "is a missing value, expected a number or a date; `data.missing=drop` leaves out such rows";
            return Err(self.refuse(row, column, problem));
        }
        let pushed = self.times.push(row.cell::<f64>(column), &row.text(column));
        pushed.map_err(|problem| self.refuse(row, column, &problem))
    }

    /// The value or the code of feature `i`.
    fn feature(&mut self, row: &impl Row, i: usize) -> Result<T> {
        let column = self.choice.features[i];
        let mut cell = row.cell::<T>(column);
        let is_number = match &self.kinds[i] {
            Some(Kind::Numbers | Kind::Dates(_)) => true,
            // What is filled in may yet be a text.
            Some(kind) => kind.has_dates() && self.config.missing.fill().is_none(),
            None => false,
        };
        if is_number && row.is_missing_number(column) {
            cell = Cell::Missing;
        }
        if cell != Cell::Missing {
            self.settle(row, i)?;
        }
        let most = if self.config.categories == Categories::OneHot { MAX_CATEGORIES } else { MAX_CODES };
        let kind = match cell {
            Cell::Missing if self.config.missing.fill().is_some() => {
                self.missing[i] = true;
                self.date(row, i, [f64::NAN; 2])?;
                return Ok(T::from_f64(f64::NAN));
            }
            Cell::Missing => return Err(self.not_a_number(row, column, cell)),
            Cell::Text => self.kinds[i].get_or_insert_with(Kind::text),
            _ => self.kinds[i].get_or_insert(Kind::Numbers),
        };
        match (kind, cell) {
            (Kind::Numbers, Cell::Number(number)) => Ok(self.origins.relative(i, number)),
            (Kind::Numbers, _) => Err(self.not_a_number(row, column, cell)),
            (Kind::Dates(DateColumn { order, .. }), _) => {
                let order = *order;
                match row.seconds(column, order) {
                    Some(time) => self.date(row, i, [time; 2]).map(|()| T::zero()),
                    None => Err(self.refuse(row, column, &self.no_date(column, order))),
                }
            }
            (Kind::Text(_), _) if row.text(column).len() > LONGEST_TEXT => {
                Err(self.refuse(row, column, &self.too_long(row, column)))
            }
            (Kind::Text(values), _) => match values.code(row, column, cell == Cell::Text, most) {
                Some(code) => Ok(T::from_f64(code as f64)),
                None => Err(self.refuse(row, column, &self.one_too_many(column))),
            },
        }
    }

    /// The table of all rows.
    pub(super) fn finish(mut self) -> Result<RawTable<T>> {
        let (mut features, mut expansions, mut origins) = (Vec::new(), Vec::new(), Vec::new());
        let has_rows = !self.y.is_empty();
        for (i, (kind, &column)) in self.kinds.into_iter().zip(&self.choice.features).enumerate() {
            let name = self.header[column].clone();
            let has_missing = match &kind {
                Some(Kind::Dates(dates)) => dates.times.iter().any(|time| time.is_nan()),
                _ => self.missing[i],
            };
            let marks_missing = has_missing && self.config.missing_indicator;
            let at = |line: &str| format!("{}:{line}{name}", self.config.file.display());
            let is_empty = match &kind {
                None => has_rows,
                Some(Kind::Dates(dates)) => has_rows && dates.times.iter().all(|time| time.is_nan()),
                _ => false,
            };
            if is_empty {
                let problem = format!("is missing in every row; `data.drop={name}` leaves the column out");
                return Err(Error::data(at(""), problem));
            }
            let text = match kind {
                Some(Kind::Text(text)) => text,
                Some(Kind::Dates(DateColumn { order: date_order, times })) => {
                    let dates = DatePart::varying(&times);
                    let first = times.iter().find(|time| !time.is_nan());
                    let first = first.map_or(0., |&time| DatePart::Days.of(time));
                    let _: T = self.origins.relative(i, first);
                    let origin = self.origins.of(i);
                    let is_days = |part: &DatePart| *part == DatePart::Days;
                    origins.extend(dates.iter().map(|part| if is_days(part) { origin } else { 0. }));
                    origins.extend(marks_missing.then_some(0.));
                    let values = Values::Dates { times, parts: dates.clone(), origin };
                    expansions.push(Expansion { values, marks_missing });
                    features.push(Column { name, dates, date_order, marks_missing, ..Column::default() });
                    continue;
                }
                _ => {
                    features.push(Column { name, marks_missing, ..Column::default() });
                    expansions.push(Expansion { values: Values::Number, marks_missing });
                    origins.push(self.origins.of(i));
                    origins.extend(marks_missing.then_some(0.));
                    continue;
                }
            };
            let is_doubtful = text.numbers > text.texts && !text.is_declared;
            if let Some((start, value)) = text.first.filter(|_| is_doubtful) {
                let problem = format!(
                    "{value} is not a number, as most values of the column are, though not of its first {SAMPLE}; \
                     `data.text={}` reads all as text",
                    column_argument(&name)
                );
                return Err(Error::data(at(&format!("{start}:")), problem));
            }
            let has_means = match self.config.categories {
                Categories::Auto => text.categories.len() > MAX_CATEGORIES,
                Categories::OneHot => false,
                Categories::Target => true,
            };
            let target_means = if has_means { self.choice.targets.len() } else { 0 };
            let (categories, places) = text.categories.sorted();
            let values = match target_means {
                0 => Values::OneHot(places),
                targets => Values::Codes { places, targets },
            };
            expansions.push(Expansion { values, marks_missing });
            features.push(Column { name, categories, target_means, marks_missing, ..Column::default() });
            origins.resize(features.iter().map(Column::width).sum(), 0.);
        }
        let used: HashSet<_> = self.choice.all().collect();
        let left_out = self.header.iter().enumerate().filter(|(i, _)| !used.contains(i));
        let left_out = left_out.map(|(_, name)| name.clone()).collect();
        Ok(RawTable {
            files: Vec::new(),
            x: expand(&self.config.file, self.x, &expansions)?,
            origins,
            y: self.y,
            features,
            targets: self.config.target.clone(),
            groups: self.choice.group.map(|column| (self.header[column].clone(), self.group)),
            order: self.choice.order.map(|column| (self.header[column].clone(), self.times.ranks())),
            left_out,
            notes: Vec::new(),
            dropped: self.dropped,
        })
    }
}

impl Kind {
    /// A text column without values yet.
    pub(super) fn text() -> Self {
        Self::Text(TextColumn::default())
    }
}

impl TextColumn {
    /// The code of a field, or `None` when it is one category more than `most`.
    fn code(&mut self, row: &impl Row, column: usize, is_text: bool, most: usize) -> Option<usize> {
        let value = row.text(column);
        if is_text {
            self.texts += 1;
            self.first.get_or_insert_with(|| (row.line(), quote(&value)));
        } else {
            self.numbers += 1;
        }
        self.categories.code(&value, most)
    }
}
