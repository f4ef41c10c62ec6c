//! What there is in a table, to be looked at before what was learnt from it is trusted.

mod looks;
mod numbers;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::Not;

use candle_core::{DType, Result, WithDType, bail};
use serde::{Deserialize, Serialize};

use self::looks::Looks;
use self::numbers::{Numbers, equal_columns, of_columns};
use super::scaling::with_values;
use super::table::{Column, DateOrder, DatePart, Table, are_doubtful_dates, date_text, odd_date};
use crate::text::{column_argument, list, number, quote, shorten};

/// Of fewer rows nothing is said about their order.
const FEW_ROWS: usize = 10;

/// What there is in a table: its rows, its columns, and what its owner should know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataSummary {
    /// The rows that are learnt from.
    pub rows: usize,
    /// The rows that were left out since a value is missing.
    pub rows_left_out: usize,
    /// The rows that equal an earlier one in all features and targets.
    pub duplicates: usize,
    /// The columns: features, targets, the group and those that are left out.
    pub columns: Vec<ColumnSummary>,
    /// What is suspicious, in sentences that name the column and say what to do.
    pub warnings: Vec<String>,
}

/// What there is in a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnSummary {
    /// Its name.
    pub name: String,
    /// What it is used for.
    pub role: Role,
    /// What it holds; not known of a column that is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<ColumnKind>,
    /// How many of the rows have no value in it.
    pub missing: usize,
    /// The smallest number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The largest number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// The mean of the numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// How many different texts or groups there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub categories: Option<usize>,
    /// The first day of a column of dates, such as 2024-01-31.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
    /// The last day of a column of dates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
    /// The features that a column of dates becomes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dates: Vec<DatePart>,
    /// In which order they are written, where the year is not first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date_order: Option<DateOrder>,
    /// Of how many targets it is the means: those of the rows of each text.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub target_means: usize,
    /// Whether one more feature says where it is missing.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub marks_missing: bool,
}

/// What a column is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// It is predicted from.
    Feature,
    /// It is predicted.
    Target,
    /// Its equal values stay in one fold.
    Group,
    /// It orders the rows.
    Order,
    /// It is not used.
    LeftOut,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ColumnKind {
    /// Numbers.
    Number,
    /// Texts.
    Text,
    /// Dates, with a time of the day or without.
    Dates,
}

/// One line: how many rows and columns there are of each kind.
impl fmt::Display for DataSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |role| self.columns.iter().filter(move |column| column.role == role);
        let of_kind = |kind| of(Role::Feature).filter(move |column| column.kind == Some(kind)).count();
        let kinds: Vec<_> = [(ColumnKind::Text, "text"), (ColumnKind::Dates, "dates")]
            .into_iter()
            .map(|(kind, name)| (of_kind(kind), name))
            .filter(|(count, _)| *count > 0)
            .map(|(count, name)| format!("{count} of {name}"))
            .collect();
        let targets: Vec<_> = of(Role::Target).map(|column| column.name.clone()).collect();
        let features = of(Role::Feature).count();
        write!(
            f,
            "{}, {}",
            counted(self.rows, ROWS),
            counted(features, ["column of features", "columns of features"])
        )?;
        if !kinds.is_empty() {
            write!(f, " ({})", kinds.join(", "))?;
        }
        write!(f, ", target {}", list(&targets))?;
        if let Some(group) = of(Role::Group).next() {
            let groups = group.categories.unwrap_or_default();
            write!(f, ", {} by {}", counted(groups, ["group", "groups"]), shorten(&group.name))?;
        }
        if let Some(order) = of(Role::Order).next() {
            write!(f, ", ordered by {}", shorten(&order.name))?;
        }
        let missing = self.columns.iter().fold(0usize, |sum, column| sum.saturating_add(column.missing));
        if missing > 0 {
            write!(f, ", {}", counted(missing, ["missing value", "missing values"]))?;
        }
        match (self.rows_left_out, of(Role::LeftOut).count()) {
            (0, 0) => Ok(()),
            (rows, 0) => write!(f, "; left out: {}", counted(rows, ROWS)),
            (0, columns) => write!(f, "; left out: {}", counted(columns, COLUMNS)),
            (rows, columns) => {
                write!(f, "; left out: {} and {}", counted(rows, ROWS), counted(columns, COLUMNS))
            }
        }
    }
}

/// `count` things by their names in singular and plural.
fn counted(count: usize, [one, many]: [&str; 2]) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// The names of what is counted.
const ROWS: [&str; 2] = ["row", "rows"];
const COLUMNS: [&str; 2] = ["column", "columns"];

impl Table {
    /// Summarises what there is in the table.
    ///
    /// # Errors
    ///
    /// Fails when Candle cannot read a tensor.
    pub fn summary(&self) -> Result<DataSummary> {
        let y = self.data.y().to_dtype(DType::F64)?;
        let (features, targets) = with_values::<f64, _>(&y, |y| -> Result<_> {
            let features = match self.data.x().dtype() {
                DType::F32 => self.features_of::<f32>(y)?,
                DType::F64 => self.features_of::<f64>(y)?,
                dtype => bail!("Table: x is {dtype:?}, expected F32 or F64"),
            };
            Ok((features, of_columns(y, self.data.targets(), None)))
        })??;
        Ok(DataSummary {
            rows: self.data.rows(),
            rows_left_out: self.dropped,
            duplicates: self.duplicates,
            columns: self.columns(&features, &targets),
            warnings: self.warnings(&features),
        })
    }

    fn features_of<T: WithDType>(&self, y: &[f64]) -> Result<Features> {
        let (columns, targets, origins) = (self.data.features(), self.data.targets(), self.data.origins());
        with_values::<T, _>(self.data.x(), |x| Features {
            numbers: of_columns(x, columns, origins),
            equal: equal_columns(x, columns, origins, y, targets),
        })
    }

    /// The columns of features, each with the index of its first feature.
    fn feature_columns(&self) -> impl Iterator<Item = (usize, &Column)> {
        let starts = self.features.iter().scan(0, |at, column| {
            *at += column.width();
            Some(*at - column.width())
        });
        starts.zip(&self.features)
    }

    fn columns(&self, features: &Features, targets: &[Numbers]) -> Vec<ColumnSummary> {
        let feature = |(at, column): (usize, &Column)| {
            let numbers = &features.numbers[at];
            let summary = match column.categories.len() {
                0 if column.is_number() => ColumnSummary::numbers(&column.name, Role::Feature, numbers),
                0 => ColumnSummary::dates(column, numbers),
                categories => ColumnSummary {
                    kind: Some(ColumnKind::Text),
                    missing: numbers.missing,
                    categories: Some(categories),
                    ..ColumnSummary::unknown(&column.name, Role::Feature)
                },
            };
            ColumnSummary {
                target_means: column.target_means,
                marks_missing: column.marks_missing,
                ..summary
            }
        };
        let target = |(name, numbers): (&String, _)| ColumnSummary::numbers(name, Role::Target, numbers);
        let group = self.group.as_ref().map(|name| {
            let groups: HashSet<_> = self.data.groups().unwrap_or_default().iter().collect();
            ColumnSummary { categories: Some(groups.len()), ..ColumnSummary::unknown(name, Role::Group) }
        });
        let order = self.order.as_ref().map(|name| ColumnSummary::unknown(name, Role::Order));
        let left_out = self.left_out.iter().map(|name| ColumnSummary::unknown(name, Role::LeftOut));
        self.feature_columns()
            .map(feature)
            .chain(self.data.target_names().iter().zip(targets).map(target))
            .chain(group)
            .chain(order)
            .chain(left_out)
            .collect()
    }

    fn warnings(&self, features: &Features) -> Vec<String> {
        let rows = self.data.rows();
        let of_column = |(at, column): (usize, &Column)| match column.categories.as_slice() {
            [] if !column.dates.is_empty() => of_dates(&column.name, &features.numbers[at], rows),
            [] => of_numbers(&column.name, &features.numbers[at], rows),
            _ => of_texts(column, rows - features.numbers[at].missing),
        };
        let of_columns = self.feature_columns().filter_map(of_column);
        let mut warnings: Vec<_> = self.notes.iter().cloned().chain(of_columns).collect();
        // Features of zeros and ones have no column to themselves.
        let has_own =
            |(at, column): &(usize, &Column)| column.is_number() && !features.numbers[*at].is_constant();
        let column_of: HashMap<_, _> = self.feature_columns().filter(has_own).collect();
        for &(feature, target) in &features.equal {
            if let Some(column) = column_of.get(&feature) {
                warnings.push(format!(
                    "column {} equals the target {} in every row, so the network is told the answer; {}",
                    quote(&column.name),
                    quote(&self.data.target_names()[target]),
                    leave_out(&column.name)
                ));
            }
        }
        if self.duplicates > 0 {
            let advice = match (&self.group, &self.order) {
                (Some(_), _) => "where their groups differ",
                (None, Some(_)) => "where their times differ",
                (None, None) => "a column that tells their origin would keep them together as the group",
            };
            let equal = match self.duplicates {
                1 => "1 row equals an earlier row".to_owned(),
                rows => format!("{rows} rows equal earlier rows"),
            };
            warnings.push(format!("{equal}: a fold may be tested on what it was trained on, {advice}"));
        }
        warnings
    }
}

/// What the features are like.
struct Features {
    numbers: Vec<Numbers>,
    /// The pairs of a feature and a target that are equal in every row.
    equal: Vec<(usize, usize)>,
}

impl ColumnSummary {
    /// A column of which nothing more is known.
    fn unknown(name: &str, role: Role) -> Self {
        let (min, max, mean, categories) = (None, None, None, None);
        let (first, last, dates) = (None, None, Vec::new());
        let name = name.to_owned();
        Self {
            name,
            role,
            kind: None,
            missing: 0,
            min,
            max,
            mean,
            categories,
            first,
            last,
            dates,
            date_order: None,
            target_means: 0,
            marks_missing: false,
        }
    }

    /// A column of dates whose days are `days`.
    fn dates(column: &Column, days: &Numbers) -> Self {
        let day = |days: f64| days.is_finite().then(|| date_text(days));
        Self {
            kind: Some(ColumnKind::Dates),
            missing: days.missing,
            first: day(days.min),
            last: day(days.max),
            dates: column.dates.clone(),
            date_order: Some(column.date_order).filter(|order| *order != DateOrder::YearFirst),
            ..Self::unknown(&column.name, Role::Feature)
        }
    }

    fn numbers(name: &str, role: Role, numbers: &Numbers) -> Self {
        let known = |number: f64| number.is_finite().then_some(number);
        Self {
            kind: Some(ColumnKind::Number),
            missing: numbers.missing,
            min: known(numbers.min),
            max: known(numbers.max),
            mean: numbers.mean(),
            ..Self::unknown(name, role)
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// What is suspicious about a column of numbers.
fn of_numbers(name: &str, numbers: &Numbers, rows: usize) -> Option<String> {
    let (column, leave_out) = (quote(name), leave_out(name));
    if rows > 1 && numbers.is_constant() {
        let value = number(numbers.min);
        return Some(format!("column {column} is {value} in every row and tells nothing; {leave_out}"));
    }
    if rows < FEW_ROWS || !numbers.rises {
        return None;
    }
    let what = if numbers.counts { "counts the rows" } else { "rises from row to row, as identifiers do" };
    Some(format!(
        "column {column} {what}: what is learnt from it is the order of the file, which new rows do not have; \
         {leave_out}"
    ))
}

/// What is suspicious about a column of dates, whose days these are.
fn of_dates(name: &str, days: &Numbers, rows: usize) -> Option<String> {
    let (column, day, leave_out) = (quote(name), date_text(days.min), leave_out(name));
    (rows > 1 && days.is_constant())
        .then(|| format!("column {column} is {day} in every row and tells nothing; {leave_out}"))
}

/// What is suspicious about a column of texts, of which `values` rows have one.
fn of_texts(column: &Column, values: usize) -> Option<String> {
    let Column { name, categories, target_means, .. } = column;
    let (column, leave_out) = (quote(name), leave_out(name));
    if let [only] = categories.as_slice()
        && values > 1
    {
        let value = quote(only);
        return Some(format!("column {column} is {value} in every row and tells nothing; {leave_out}"));
    }
    let features = match target_means {
        0 => format!("each of its {} values a feature of zeros and ones", categories.len()),
        _ => format!("its {} values means of the target", categories.len()),
    };
    let instead_of_dates = of_near_dates(categories);
    for (looks, what, instead) in [
        (Looks::Number, "numbers", "without marks they would be read as numbers"),
        (Looks::Date, "dates or times", instead_of_dates.as_str()),
    ] {
        let mut such = categories.iter().filter(|text| Looks::of(text) == Some(looks));
        let first = such.clone().next();
        if let Some(first) = first.filter(|_| 2 * such.by_ref().count() >= categories.len()) {
            return Some(format!(
                "column {column} is text, {features}, but they look like {what}, such as {}: {instead}; {leave_out}",
                quote(first)
            ));
        }
    }
    let is_different_in_each = values >= FEW_ROWS && categories.len() == values;
    is_different_in_each.then(|| {
        format!(
            "column {column} is another text in each row, which tells nothing about other rows; {leave_out}"
        )
    })
}

/// What would make dates of these texts, which look like dates.
fn of_near_dates(texts: &[String]) -> String {
    if are_doubtful_dates(texts) {
        return "none says whether its day or its month is first; `data.date_format=day-first` or \
                `data.date_format=month-first` makes the day, the season, the weekday and the hour of them"
            .to_owned();
    }
    let what = "they would become the day, the season, the weekday and the hour";
    match odd_date(texts) {
        Some((odd, order)) => {
            format!("if {} were one such as {}, as most are, {what}", quote(odd), order.example())
        }
        None => format!("written as 2024-01-31 or 2024-01-31 17:30 {what}"),
    }
}

/// How a column is left out.
fn leave_out(name: &str) -> String {
    format!("`data.drop={}` leaves it out", column_argument(name))
}
