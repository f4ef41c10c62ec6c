//! Text files as tables.

use std::borrow::Cow;
use std::collections::HashSet;

use csv::StringRecord;

use super::builder::{Kind, Row, RowBuilder, SAMPLE};
use super::cell::{Cell, Real, has_commas};
use super::choice::Choice;
use super::date_order::DateOrder;
use super::delimited::{Lines, line_of};
use super::markers::{Markers, Notation};
use super::origin::Origin;
use super::raw_table::RawTable;
use super::sniff;
use super::source::Source;
use crate::config::{DateFormat, Dates, FileConfig};
use crate::error::{Error, Result};
use crate::text::{column_argument, quote};

/// How many bytes of the rows that decide which columns are text suffice.
const SAMPLE_BYTES: usize = 1 << 24;

/// Reads a text file with a header, separated by `delimiter` or else by what its header has most of.
pub(super) fn read<T: Real>(
    config: &FileConfig,
    origin: Origin,
    delimiter: Option<u8>,
) -> Result<RawTable<T>> {
    let source = Source::open_once("data.file", &config.file)?;
    let mut lines = Lines::open(&config.file, source, config.dialect, delimiter)?;
    let header = lines.header.clone();
    if let [one] = header.as_slice() {
        let problem = format!(
            "the header has one column, {}, expected a target and features, separated by {}; {}",
            quote(one),
            if delimiter.is_some() { "tabs" } else { "commas, semicolons, tabs, bars or spaces" },
            if one.starts_with('#') {
                "`data.comment=#` leaves out such lines"
            } else {
                "`data.delimiter` says what else is between them, `data.skip_rows` how many lines are before the header"
            }
        );
        return Err(Error::data(&lines.header_place, problem));
    }
    let (mut sample, mut bytes, mut is_done) = (Vec::new(), 0, false);
    let mut record = StringRecord::new();
    while sample.len() < SAMPLE && bytes < SAMPLE_BYTES && !is_done {
        is_done = !lines.next(&mut record)?;
        if !is_done {
            // The text of a row, and where each of its fields ends.
            bytes += record.as_slice().len() + record.len() * size_of::<usize>();
            sample.push(record.clone());
        }
    }
    let row_names: Vec<_> = lines.unnamed.iter().copied().filter(|&i| names_rows(&sample, i)).collect();
    let choice = Choice::new(config, &header, &row_names)?;
    let numbers: Vec<_> =
        choice.features.iter().chain(&choice.targets).chain(&choice.order).copied().collect();
    let numbers: Vec<_> = numbers.into_iter().filter(|column| !choice.text.contains(column)).collect();
    lines.decide_decimals(&sample, &numbers);
    let has_decimal_commas = lines.has_decimal_commas;
    let notation = Notation { markers: Markers::new(&config.na), has_decimal_commas };
    let doubts = numbers.iter().filter(|_| lines.found_decimal_commas());
    let doubts = doubts.filter_map(|&column| doubtful_points(&sample, column, &header[column]));
    let dates = |column| match config.dates {
        Dates::Expand | Dates::Drop => dates(&sample, column, &notation, config.date_format),
        Dates::Text => None,
    };
    let kind = |&column: &usize| dates(column).or_else(|| kind::<T>(&sample, column, &notation));
    let kinds = choice.features.iter().map(kind).collect();
    let used: HashSet<_> = choice.all().collect();
    let note = |&column: &usize| unnamed(column, &header[column], used.contains(&column));
    let is_declared = |column: &usize| choice.text.contains(column) || choice.number.contains(column);
    let codes = choice.features.iter().filter(|column| !is_declared(column));
    let codes = codes.filter_map(|&column| leading_zeros(&sample, column, &header[column]));
    let notes = lines.unnamed.iter().map(note).chain(codes).chain(doubts).collect();
    let mut table = RowBuilder::new(config, origin, header, choice, kinds)?;
    for record in sample {
        table.push(&TextRow { record: &record, notation: &notation })?;
    }
    while !is_done && lines.next(&mut record)? {
        table.push(&TextRow { record: &record, notation: &notation })?;
    }
    lines.finish()?;
    Ok(RawTable { files: vec![lines.into_file()?], notes, ..table.finish()? })
}

/// Whether a column without a name in the header has the names or the numbers of rows, as pandas and R write
/// them, or nothing at all: whether its values are whole numbers that count, or all different texts, or
/// empty.
fn names_rows(sample: &[StringRecord], column: usize) -> bool {
    let fields = || sample.iter().map(|record| field(record, column));
    if fields().all(str::is_empty) {
        return true;
    }
    let numbers: Option<Vec<i64>> = fields().map(|field| field.parse().ok()).collect();
    if let Some(numbers) = numbers {
        return numbers.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1));
    }
    let is_text = |field: &str| !field.is_empty() && field.parse::<f64>().is_err();
    fields().all(is_text) && fields().collect::<HashSet<_>>().len() == sample.len()
}

/// What is said of a column without a name.
fn unnamed(column: usize, name: &str, is_used: bool) -> String {
    let name = quote(name);
    let number = column + 1;
    if is_used {
        return format!("column {number} has no name in the header and is called {name}");
    }
    format!(
        "column {number} has no name in the header and is left out; if it does not just count or name the rows, \
         `data.features` can name it as {name}"
    )
}

/// The kind of a column by its values in `sample`, if it has any there.
fn kind<T: Real>(sample: &[StringRecord], column: usize, notation: &Notation) -> Option<Kind> {
    let (mut texts, mut values) = (0, 0);
    for text in sample.iter().map(|record| field(record, column)) {
        let cell = Cell::parse::<T>(text, notation);
        if cell == Cell::Text && notation.markers.contain_number(text) {
            // Among numbers a missing value, and among texts one more of them.
            continue;
        }
        values += usize::from(cell != Cell::Missing);
        // A column of `1,5` holds numbers in another notation, to be rejected as such.
        texts += usize::from(cell == Cell::Text && !has_commas(text));
    }
    (values > 0).then(|| if 2 * texts >= values { Kind::text() } else { Kind::Numbers })
}

/// The kind of a column whose values in `sample`, of which there are some, are all dates in one order and not
/// numbers.
fn dates(sample: &[StringRecord], column: usize, notation: &Notation, format: DateFormat) -> Option<Kind> {
    let fields = sample.iter().map(|record| field(record, column));
    let values = || fields.clone().filter(|field| !notation.markers.contain_number(field));
    let are_in = |order: DateOrder| {
        values().all(|field| order.seconds(field).is_some() && field.parse::<f64>().is_err())
    };
    values().next()?;
    if are_in(DateOrder::YearFirst) {
        return Some(Kind::dates(DateOrder::YearFirst));
    }
    if format == DateFormat::YearFirst {
        return None;
    }
    match (DateOrder::YEAR_LAST.map(are_in), format) {
        ([false, false], _) => None,
        ([true, true], DateFormat::DayFirst) | ([true, false], _) => Some(Kind::dates(DateOrder::DayFirst)),
        ([true, true], DateFormat::MonthFirst) | ([false, true], _) => {
            Some(Kind::dates(DateOrder::MonthFirst))
        }
        ([true, true], _) => Some(Kind::doubtful_dates()),
    }
}

/// What is said of a column whose points are taken to be between thousands, since others have decimal commas.
fn doubtful_points(sample: &[StringRecord], column: usize, name: &str) -> Option<String> {
    let number = sniff::doubtful_points(sample.iter().map(|record| field(record, column)))?;
    let read = sniff::decimal_comma(number)?.parse::<f64>().ok()?;
    Some(format!(
        "column {} has numbers such as {}, which is read as {read}, since numbers of other columns have decimal commas; \
         `data.decimal=point` reads points before decimals",
        quote(name),
        quote(number)
    ))
}

/// What is said of a column whose whole numbers have leading zeros, as zip codes have: read as numbers they
/// lose them.
fn leading_zeros(sample: &[StringRecord], column: usize, name: &str) -> Option<String> {
    let is_digits = |field: &str| field.bytes().all(|byte| byte.is_ascii_digit());
    let mut fields = sample.iter().map(|record| field(record, column));
    let code = fields.find(|field| field.len() > 1 && field.starts_with('0') && is_digits(field))?;
    let argument = column_argument(name);
    Some(format!(
        "column {} has numbers with leading zeros, such as {}, which look like codes and are read as numbers; \
         `data.text={argument}` reads them as text, `data.number={argument}` says that they are numbers",
        quote(name),
        quote(code)
    ))
}

/// A field without the spaces around it.
pub(super) fn field(record: &StringRecord, column: usize) -> &str {
    record.get(column).unwrap_or_default().trim()
}

/// A row of a text file.
struct TextRow<'a> {
    record: &'a StringRecord,
    notation: &'a Notation,
}

impl Row for TextRow<'_> {
    fn line(&self) -> u64 {
        line_of(self.record)
    }

    fn is_missing(&self, column: usize) -> bool {
        self.notation.markers.contain(field(self.record, column))
    }

    fn is_missing_number(&self, column: usize) -> bool {
        self.notation.markers.contain_number(field(self.record, column))
    }

    fn has_decimal_commas(&self) -> bool {
        self.notation.has_decimal_commas
    }

    fn seconds(&self, column: usize, order: DateOrder) -> Option<f64> {
        order.seconds(field(self.record, column))
    }

    fn cell<T: Real>(&self, column: usize) -> Cell {
        Cell::parse::<T>(field(self.record, column), self.notation)
    }

    fn text(&self, column: usize) -> Cow<'_, str> {
        field(self.record, column).into()
    }

    fn quoted(&self, column: usize) -> String {
        quote(field(self.record, column))
    }
}
