//! Delimited text, row by row.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use csv::{ErrorKind, Reader, ReaderBuilder, StringRecord};

use super::choice::twice;
use super::line::place;
use super::quotes::{self, Quotes};
use super::sniff;
use super::source::Source;
use super::spaces::Spaces;
use super::unpack::{Shared, text};
use super::window::Window;
use crate::config::{Decimal, Dialect, Encoding, Mark};
use crate::data::file::DataFile;
use crate::error::{Error, Result};
use crate::text::quote;

/// The number of bytes read at a time.
const BUFFER: usize = 1 << 18;
/// The longest name of a column, in bytes. A longer one is rather a quote that is not closed.
const LONGEST_NAME: usize = 10_000;
const OPEN: &str = "begins a quoted field that runs to the end of the file, expected a quote that closes it";

/// What is wrong with a file that begins like one of another format.
fn other_format(start: &[u8]) -> Option<&'static str> {
    Some(match start {
        [b'P', b'K', 3, 4, ..] => "is a zip archive, as spreadsheets are, expected text such as CSV",
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => {
            "is an array of numpy, expected text such as CSV, or a name that ends in .npy"
        }
        [b'P', b'A', b'R', b'1', ..] => {
            "is Parquet, expected text such as CSV, or a name that ends in .parquet"
        }
        _ => return None,
    })
}

/// The rows of a text file, each with as many fields as the header.
pub(super) struct Lines<'a> {
    reader: Reader<Window<Box<dyn Read>>>,
    source: Shared,
    pub(super) file: &'a Path,
    /// The names of the columns, and the place of the header.
    pub(super) header: Vec<String>,
    pub(super) header_place: String,
    /// The columns that have no name in the header; they are called `unnamed_1` and so on, by their places.
    pub(super) unnamed: Vec<usize>,
    pub(super) delimiter: u8,
    /// Whether numbers have decimal commas: as the dialect says, or as
    /// [`decide_decimals`](Self::decide_decimals) finds.
    pub(super) has_decimal_commas: bool,
    /// Whether the dialect leaves that open.
    decides_decimals: bool,
    /// The next rows, where they were looked at before.
    ahead: VecDeque<StringRecord>,
    /// Where the last row ends.
    end: u64,
    /// The encoding that the text is decoded from, if it is given.
    encoding: Option<Encoding>,
}

impl<'a> Lines<'a> {
    /// Reads `source`, the open `file`, as text in `dialect`, separated by `delimiter` if the dialect does
    /// not say by what, or else by what its first rows agree on.
    pub(super) fn open(
        file: &'a Path,
        source: Source,
        dialect: Dialect,
        delimiter: Option<u8>,
    ) -> Result<Self> {
        let cannot = |error: io::Error| cannot_read(file, &error);
        let source = Shared::new(source);
        let text = text(source.clone(), dialect.encoding).map_err(cannot)?;
        let mut text = BufReader::with_capacity(BUFFER, text);
        let mut skipped_lines = 0;
        while skipped_lines < dialect.skip_rows && text.skip_until(b'\n').map_err(cannot)? > 0 {
            skipped_lines += 1;
        }
        let mut start = Vec::new();
        text.by_ref().take(BUFFER as u64).read_to_end(&mut start).map_err(cannot)?;
        if let Some(problem) = other_format(&start) {
            return Err(Error::data(file.display(), problem));
        }
        let is_whole = start.len() < BUFFER;
        let comment = dialect.comment.map(Mark::byte);
        let first = start.split_inclusive(|byte| *byte == b'\n').next().map_or(0, <[u8]>::len);
        let told = sniff::told_delimiter(&start[..first]);
        if told.is_some() {
            start.drain(..first);
            skipped_lines += 1;
        }
        let delimiter = dialect.delimiter.map(Mark::byte).or(told).or(delimiter);
        let delimiter = delimiter.unwrap_or_else(|| sniff::delimiter(&start, is_whole, comment));
        let text = Cursor::new(start).chain(text);
        let text: Box<dyn Read> =
            if delimiter == b' ' { Box::new(Spaces::new(text, comment)) } else { Box::new(text) };
        let reader = ReaderBuilder::new()
            .delimiter(delimiter)
            .comment(comment)
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(BUFFER)
            .from_reader(Window::new(text, skipped_lines as u64, comment));
        let mut lines = Self {
            reader,
            source,
            file,
            header: Vec::new(),
            header_place: String::new(),
            unnamed: Vec::new(),
            delimiter,
            has_decimal_commas: dialect.decimal == Decimal::Comma,
            decides_decimals: dialect.decimal == Decimal::Auto && delimiter != b',',
            ahead: VecDeque::new(),
            end: 0,
            encoding: dialect.encoding,
        };
        lines.read_header(dialect.no_header)?;
        Ok(lines)
    }

    /// Reads the names of the columns, which must be unique, or makes them up if there is no header.
    fn read_header(&mut self, no_header: bool) -> Result<()> {
        let mut record = StringRecord::new();
        if !self.read(&mut record)? {
            let problem = "is empty, expected a header with the names of the columns, and rows";
            return Err(Error::data(self.file.display(), problem));
        }
        if no_header {
            self.check_quotes(&record)?;
            self.header = (1..=record.len()).map(|i| format!("column_{i}")).collect();
            self.header_place = place(self.file, line_of(&record), None);
            self.ahead.push_back(record);
            return Ok(());
        }
        let place = place(self.file, line_of(&record), None);
        if let Some((i, name)) = record.iter().enumerate().find(|(_, name)| name.len() > LONGEST_NAME) {
            let problem = format!(
                "the name of column {} has {} bytes, {}, expected at most {LONGEST_NAME}",
                i + 1,
                name.len(),
                quote(name)
            );
            return Err(Error::data(place, problem));
        }
        let mut header: Vec<_> = record.iter().map(|name| name.trim().to_owned()).collect();
        if header.iter().any(|name| name.contains('\0')) {
            let problem = "has zero bytes, as UTF-16 and binary files have, expected text in UTF-8; \
                           `data.encoding=utf-16le` reads UTF-16 without a mark";
            return Err(Error::data(place, problem));
        }
        if header.iter().all(|name| name.parse::<f64>().is_ok()) {
            let problem = format!(
                "begins with numbers, {}, expected a header with the names of the columns; `data.no_header` reads \
                 it as a row and calls the columns column_1, column_2 and so on",
                quote(&header.join(","))
            );
            return Err(Error::data(place, problem));
        }
        for (i, name) in header.iter_mut().enumerate().filter(|(_, name)| name.is_empty()) {
            self.unnamed.push(i);
            *name = format!("unnamed_{}", i + 1);
        }
        if let Some((first, second)) = twice(&header) {
            let problem = format!(
                "the header has this name in columns {} and {}, expected each name once",
                first + 1,
                second + 1
            );
            return Err(Error::data(format!("{place}:{}", header[first]), problem));
        }
        self.check_quotes(&record)?;
        (self.header, self.header_place) = (header, place);
        Ok(())
    }

    /// Reads the next row; false when there is none.
    pub(super) fn next(&mut self, record: &mut StringRecord) -> Result<bool> {
        if let Some(next) = self.ahead.pop_front() {
            *record = next;
            return Ok(true);
        }
        self.read_row(record)
    }

    /// Finds out from the first of `rows` whether the numbers in `columns` have decimal commas, if the
    /// dialect does not say.
    pub(super) fn decide_decimals(&mut self, rows: &[StringRecord], columns: &[usize]) {
        if self.decides_decimals {
            let rows = &rows[..rows.len().min(sniff::ROWS)];
            self.has_decimal_commas = sniff::has_decimal_commas(rows, columns);
        }
    }

    /// As [`decide_decimals`](Self::decide_decimals), from the rows that follow, which are read again.
    pub(super) fn decide_decimals_ahead(&mut self, columns: &[usize]) -> Result<()> {
        let mut record = StringRecord::new();
        while self.ahead.len() < sniff::ROWS && self.read_row(&mut record)? {
            self.ahead.push_back(record.clone());
        }
        let rows: Vec<_> = self.ahead.iter().cloned().collect();
        self.decide_decimals(&rows, columns);
        Ok(())
    }

    /// Whether the notation of numbers was found out and not told.
    pub(super) fn found_decimal_commas(&self) -> bool {
        self.decides_decimals && self.has_decimal_commas
    }

    /// Reads the next row of the file, which has as many fields as the header.
    fn read_row(&mut self, record: &mut StringRecord) -> Result<bool> {
        if !self.read(record)? {
            return Ok(false);
        }
        if record.len() == self.header.len() + 1 && record.iter().next_back().is_some_and(str::is_empty) {
            // A delimiter at the end of each line.
            record.truncate(self.header.len());
        }
        if record.len() != self.header.len() {
            let fields =
                if record.len() == 1 { "1 field".to_owned() } else { format!("{} fields", record.len()) };
            let quoted = if record.iter().any(|field| field.contains('\n')) {
                ", of which one has line breaks: is its quote closed?"
            } else {
                ""
            };
            let problem = format!("has {fields}, expected {} as in the header{quoted}", self.header.len());
            return Err(self.error(record, None, &problem));
        }
        self.check_quotes(record)?;
        Ok(true)
    }

    /// The error of a row, or of its field in `column`.
    pub(super) fn error(&self, record: &StringRecord, column: Option<usize>, problem: &str) -> Error {
        let column = column.map(|column| self.header[column].as_str());
        Error::data(place(self.file, line_of(record), column), problem)
    }

    /// Rejects a row of several lines with misplaced quotes, since it may well be several rows.
    fn check_quotes(&self, record: &StringRecord) -> Result<()> {
        if !(record.as_slice().contains('\n') || record.as_slice().contains('\r')) {
            return Ok(());
        }
        match quotes::of_row(self.reader.get_ref().row_until(self.end), self.delimiter) {
            Quotes::Right => Ok(()),
            Quotes::Open => Err(self.error(record, None, OPEN)),
            Quotes::Early => {
                let problem = "has line breaks within quotes and more than a separator after the quote that closes \
                               them: is a quote missing, or one of a field not written twice?";
                Err(self.error(record, None, problem))
            }
        }
    }

    /// Reads a record, whose position then has its line.
    fn read(&mut self, record: &mut StringRecord) -> Result<bool> {
        let is_read = self.reader.read_record(record).map_err(|error| {
            let at = error.position().map_or(0, csv::Position::byte);
            let place = place(self.file, self.reader.get_ref().line_at(at), None);
            match error.kind() {
                ErrorKind::Utf8 { err, .. } => {
                    let column = match self.header.get(err.field()) {
                        Some(name) => format!("{place}:{name}"),
                        None => format!("{place}:{}", err.field() + 1),
                    };
                    let problem = "is not UTF-8, expected text in that encoding; `data.encoding=windows-1252` reads \
                                   what older programs write in Western Europe and America";
                    Error::data(column, problem)
                }
                ErrorKind::Io(error) => cannot_read(self.file, error),
                _ => Error::data(place, error.to_string()),
            }
        })?;
        if let Some(at) = record.position().filter(|_| is_read) {
            let mut at = at.clone();
            at.set_line(self.reader.get_mut().begin_row(at.byte()));
            record.set_position(Some(at));
            self.end = self.reader.position().byte();
        }
        if let Some(encoding) = self.encoding
            && let Some(column) = record
                .iter()
                .position(|field| field.contains(char::REPLACEMENT_CHARACTER))
                .filter(|_| is_read)
        {
            let line = place(self.file, line_of(record), None);
            let column = self.header.get(column).cloned().unwrap_or_else(|| (column + 1).to_string());
            let problem =
                format!("has bytes that are no text in {encoding}, expected a file in that encoding");
            return Err(Error::data(format!("{line}:{column}"), problem));
        }
        Ok(is_read)
    }

    /// The file by its content, when its rows have been read.
    pub(super) fn into_file(self) -> Result<DataFile> {
        let Self { reader, source, file, .. } = self;
        drop(reader);
        let source = source.into_source();
        source.ok_or_else(|| Error::data(file.display(), "is still being read"))?.finish()
    }

    /// Rejects a file whose last field has no closing quote.
    pub(super) fn finish(&self) -> Result<()> {
        let text = self.reader.get_ref();
        match quotes::of_row(text.row_until(self.end), self.delimiter) {
            Quotes::Open => Err(Error::data(place(self.file, text.line_at(0), None), OPEN)),
            Quotes::Right | Quotes::Early => Ok(()),
        }
    }
}

/// The line of a record, counted from 1.
pub(super) fn line_of(record: &StringRecord) -> u64 {
    record.position().map_or(1, csv::Position::line)
}

fn cannot_read(file: &Path, error: &io::Error) -> Error {
    Error::data(file.display(), format!("cannot be read: {error}"))
}
