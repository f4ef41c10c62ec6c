//! Text files as tables.

use std::borrow::Cow;

use csv::StringRecord;

use super::builder::{Kind, Row, RowBuilder};
use super::cell::{Cell, Real, has_commas, is_missing};
use super::choice::Choice;
use super::delimited::Lines;
use super::line::RowStart;
use super::origin::Origin;
use super::raw_table::RawTable;
use super::source::Source;
use crate::config::FileConfig;
use crate::error::{Error, Result};
use crate::text::quote;

/// The rows that decide which columns are text, and how many bytes of them suffice.
const SAMPLE: usize = 1000;
const SAMPLE_BYTES: usize = 1 << 24;

/// Reads a text file with a header, separated by `delimiter` or else by what its header has most of.
pub(super) fn read<T: Real>(
    config: &FileConfig,
    origin: Origin,
    delimiter: Option<u8>,
) -> Result<RawTable<T>> {
    let mut lines = Lines::open(&config.file, Source::open("data.file", &config.file)?, delimiter)?;
    let header = lines.header.clone();
    if let [one] = header.as_slice() {
        let problem = format!(
            "the header has one column, {}, expected a target and features, separated by {}",
            quote(one),
            if delimiter.is_some() { "tabs" } else { "commas, semicolons or tabs" }
        );
        return Err(Error::data(&lines.header_place, problem));
    }
    let choice = Choice::new(config, &header)?;
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
    let kinds = choice.features.iter().map(|&column| kind::<T>(&sample, column)).collect();
    let mut table = RowBuilder::new(config, origin, header, choice, kinds);
    for record in sample {
        table.push(&TextRow(&record))?;
    }
    while !is_done && lines.next(&mut record)? {
        table.push(&TextRow(&record))?;
    }
    lines.finish()?;
    table.finish()
}

/// The kind of a column by its values in `sample`, if it has any there.
fn kind<T: Real>(sample: &[StringRecord], column: usize) -> Option<Kind> {
    let (mut texts, mut values) = (0, 0);
    for text in sample.iter().map(|record| field(record, column)) {
        let cell = Cell::parse::<T>(text);
        values += usize::from(cell != Cell::Missing);
        // A column of `1,5` holds numbers in another notation, to be rejected as such.
        texts += usize::from(cell == Cell::Text && !has_commas(text));
    }
    (values > 0).then(|| if 2 * texts >= values { Kind::text() } else { Kind::Numbers })
}

/// A field without the spaces around it.
pub(super) fn field(record: &StringRecord, column: usize) -> &str {
    record.get(column).unwrap_or_default().trim()
}

/// A row of a text file.
struct TextRow<'a>(&'a StringRecord);

impl Row for TextRow<'_> {
    fn start(&self) -> RowStart {
        RowStart::of_record(self.0)
    }

    fn is_missing(&self, column: usize) -> bool {
        is_missing(field(self.0, column))
    }

    fn cell<T: Real>(&self, column: usize) -> Cell {
        Cell::parse::<T>(field(self.0, column))
    }

    fn text(&self, column: usize) -> Cow<'_, str> {
        field(self.0, column).into()
    }

    fn quoted(&self, column: usize) -> String {
        quote(field(self.0, column))
    }
}
