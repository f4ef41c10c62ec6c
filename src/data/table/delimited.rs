//! Delimited text, row by row.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use csv::{ErrorKind, Position, Reader, ReaderBuilder, StringRecord};

use super::line::RowStart;
use super::quotes::{self, Quotes};
use super::sniff;
use super::source::Source;
use crate::config::{Decimal, Dialect, Mark};
use crate::data::file::DataFile;
use crate::error::{Error, Result};
use crate::text::quote;

/// The number of bytes read at a time.
const BUFFER: usize = 1 << 18;
const OPEN: &str = "begins a quoted field that runs to the end of the file, expected a quote that closes it";

/// What is wrong with a file that begins like one of another format.
fn other_format(start: &[u8]) -> Option<&'static str> {
    Some(match start {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "is text in UTF-16, expected UTF-8",
        [0x1f, 0x8b, ..] => "is compressed by gzip, expected the text itself",
        [b'P', b'K', 3, 4, ..] => "is a zip archive, as spreadsheets are, expected text such as CSV",
        _ => return None,
    })
}

/// The rows of a text file, each with as many fields as the header.
pub(super) struct Lines<'a> {
    reader: Reader<BufReader<Source>>,
    pub(super) file: &'a Path,
    /// The names of the columns, and the place of the header.
    pub(super) header: Vec<String>,
    pub(super) header_place: String,
    /// The columns that have no name in the header; they are called `unnamed_1` and so on, by their places.
    pub(super) unnamed: Vec<usize>,
    pub(super) delimiter: u8,
    /// Whether numbers have decimal commas.
    pub(super) has_decimal_commas: bool,
    /// The next rows, where they were looked at before.
    ahead: VecDeque<StringRecord>,
    /// The bytes and lines before what is read as rows.
    skipped: (u64, u64),
    /// The file opened again, to look at the raw text of rows; a pipe has only one reader.
    again: Option<File>,
    /// Where the last row begins.
    last: Option<Position>,
}

impl<'a> Lines<'a> {
    /// Reads `source`, the open `file`, as text in `dialect`, separated by `delimiter` if the dialect does not say
    /// by what, or else by what its first rows agree on.
    pub(super) fn open(
        file: &'a Path,
        source: Source,
        dialect: Dialect,
        delimiter: Option<u8>,
    ) -> Result<Self> {
        let cannot = |error: io::Error| Error::data(file.display(), format!("cannot be read: {error}"));
        let again = file.is_file().then(|| File::open(file)).transpose().map_err(cannot)?;
        let len = source.len;
        let mut source = BufReader::with_capacity(BUFFER, source);
        let start = source.fill_buf().map_err(cannot)?;
        if let Some(problem) = other_format(start) {
            return Err(Error::data(file.display(), problem));
        }
        let is_whole = (start.len() as u64) == len;
        let comment = dialect.comment.map(Mark::byte);
        let line = |start: &[u8]| start.split_inclusive(|byte| *byte == b'\n').next().map_or(0, <[u8]>::len);
        let (mut skipped, mut skipped_lines) = (0, 0);
        while skipped_lines < dialect.skip_rows && skipped < start.len() {
            skipped += line(&start[skipped..]);
            skipped_lines += 1;
        }
        let told = sniff::told_delimiter(&start[skipped..][..line(&start[skipped..])]);
        if told.is_some() {
            skipped += line(&start[skipped..]);
            skipped_lines += 1;
        }
        let delimiter = dialect.delimiter.map(Mark::byte).or(told).or(delimiter);
        let delimiter = delimiter.unwrap_or_else(|| sniff::delimiter(&start[skipped..], is_whole, comment));
        source.consume(skipped);
        let reader = ReaderBuilder::new()
            .delimiter(delimiter)
            .comment(comment)
            .has_headers(false)
            .flexible(true)
            .from_reader(source);
        let mut lines = Self {
            reader,
            file,
            header: Vec::new(),
            header_place: String::new(),
            unnamed: Vec::new(),
            delimiter,
            has_decimal_commas: dialect.decimal == Decimal::Comma,
            ahead: VecDeque::new(),
            skipped: (skipped as u64, skipped_lines as u64),
            again,
            last: None,
        };
        lines.read_header(dialect.no_header)?;
        if dialect.decimal == Decimal::Auto && delimiter != b',' {
            lines.look_ahead()?;
            lines.has_decimal_commas = sniff::has_decimal_commas(lines.ahead.make_contiguous());
        }
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
            self.header_place = RowStart::of_record(&record).place(self.file, None);
            self.ahead.push_back(record);
            return Ok(());
        }
        let mut header: Vec<_> = record.iter().map(|name| name.trim().to_owned()).collect();
        let place = RowStart::of_record(&record).place(self.file, None);
        if header.iter().any(|name| name.contains('\0')) {
            let problem = "has zero bytes, as UTF-16 and binary files have, expected text in UTF-8";
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
        for (i, name) in header.iter().enumerate() {
            if let Some(before) = header[..i].iter().position(|other| other == name) {
                let problem = format!(
                    "the header has this name in columns {} and {}, expected each name once",
                    before + 1,
                    i + 1
                );
                return Err(Error::data(format!("{place}:{name}"), problem));
            }
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

    /// Reads the rows that tell how numbers are written.
    fn look_ahead(&mut self) -> Result<()> {
        let mut record = StringRecord::new();
        while self.ahead.len() < sniff::ROWS && self.read_row(&mut record)? {
            self.ahead.push_back(record.clone());
        }
        Ok(())
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
        Error::data(RowStart::of_record(record).place(self.file, column), problem)
    }

    /// Rejects a row of several lines with misplaced quotes, since it may well be several rows.
    fn check_quotes(&mut self, record: &StringRecord) -> Result<()> {
        self.last = record.position().cloned();
        if !(record.as_slice().contains('\n') || record.as_slice().contains('\r')) {
            return Ok(());
        }
        let end = self.skipped.0 + self.reader.position().byte();
        match self.quotes(record.position(), Some(end))? {
            Quotes::Right => Ok(()),
            Quotes::Open => Err(self.error(record, None, OPEN)),
            Quotes::Early => {
                let problem = "has line breaks within quotes and more than a separator after the quote that closes \
                               them: is a quote missing, or one of a field not written twice?";
                Err(self.error(record, None, problem))
            }
        }
    }

    /// The state of the quotes in the raw text of a row; those of a pipe are taken to be right.
    fn quotes(&self, start: Option<&Position>, end: Option<u64>) -> Result<Quotes> {
        let (Some(start), Some(mut file)) = (start, self.again.as_ref()) else { return Ok(Quotes::Right) };
        let len = end.unwrap_or(u64::MAX).saturating_sub(start.byte());
        let row = file.seek(SeekFrom::Start(start.byte())).map(|_| {
            let buffer = usize::try_from(len).unwrap_or(BUFFER).clamp(1, BUFFER);
            BufReader::with_capacity(buffer, file.take(len))
        });
        row.and_then(|row| quotes::of_row(row, self.delimiter))
            .map_err(|error| Error::data(self.file.display(), format!("cannot be read: {error}")))
    }

    fn read(&mut self, record: &mut StringRecord) -> Result<bool> {
        let is_read = self.reader.read_record(record).map_err(|error| {
            let place = RowStart::Text(error.position().map(|at| self.in_file(at))).place(self.file, None);
            match error.kind() {
                ErrorKind::Utf8 { err, .. } => {
                    let column = match self.header.get(err.field()) {
                        Some(name) => format!("{place}:{name}"),
                        None => format!("{place}:{}", err.field() + 1),
                    };
                    Error::data(column, "is not UTF-8, expected a file in that encoding")
                }
                ErrorKind::Io(error) => Error::data(self.file.display(), format!("cannot be read: {error}")),
                _ => Error::data(place, error.to_string()),
            }
        })?;
        let at = record.position().map(|at| self.in_file(at));
        record.set_position(at);
        Ok(is_read)
    }

    /// A position among the rows as one in the file.
    fn in_file(&self, at: &Position) -> Position {
        let (bytes, lines) = self.skipped;
        let mut in_file = at.clone();
        in_file.set_byte(bytes + at.byte()).set_line(lines + at.line());
        in_file
    }

    /// The file by its content, when its rows have been read.
    pub(super) fn into_file(self) -> Result<DataFile> {
        self.reader.into_inner().into_inner().finish()
    }

    /// Rejects a file whose last field has no closing quote.
    pub(super) fn finish(&self) -> Result<()> {
        match self.quotes(self.last.as_ref(), None)? {
            Quotes::Open => {
                let place = RowStart::Text(self.last.clone()).place(self.file, None);
                Err(Error::data(place, OPEN))
            }
            Quotes::Right | Quotes::Early => Ok(()),
        }
    }
}
