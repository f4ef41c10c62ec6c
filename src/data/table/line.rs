//! The lines of rows in their file, as messages tell them.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::Path;

use csv::{Position, StringRecord};

/// Where a row begins.
#[derive(Debug, Clone)]
pub(super) enum RowStart {
    /// A position in a text file; the header is at none in an empty one.
    Text(Option<Position>),
    /// The number of the row, counted from 1.
    #[cfg(feature = "parquet")]
    Row(usize),
}

impl RowStart {
    /// Where a row of a text file begins.
    pub(super) fn of_record(record: &StringRecord) -> Self {
        Self::Text(record.position().cloned())
    }

    /// The place of the row, or of its field in `column`, as messages name it: `houses.csv:17:price`.
    pub(super) fn place(&self, file: &Path, column: Option<&str>) -> String {
        let line = self.line(file);
        match column {
            Some(column) => format!("{}:{line}:{column}", file.display()),
            None => format!("{}:{line}", file.display()),
        }
    }

    /// The line of the row, counted from 1.
    ///
    /// The csv crate stops counting before the line feed of the row before and before empty lines, so that
    /// its line is too small in Windows files; it serves where the file cannot be read again. Lines are
    /// counted only for messages.
    pub(super) fn line(&self, file: &Path) -> u64 {
        match self {
            Self::Text(None) => 1,
            Self::Text(Some(position)) => line_at(file, position.byte()).unwrap_or(position.line()),
            #[cfg(feature = "parquet")]
            Self::Row(number) => *number as u64,
        }
    }
}

/// The line of the first byte at or after `offset` that is not part of a line break.
fn line_at(file: &Path, offset: u64) -> io::Result<u64> {
    // A pipe has nothing more to read, and opening it again would block for ever.
    if !fs::metadata(file)?.is_file() {
        return Err(ErrorKind::Unsupported.into());
    }
    let mut reader = BufReader::with_capacity(1 << 16, File::open(file)?);
    let (mut breaks, mut last) = (0u64, 0);
    let mut before = reader.by_ref().take(offset);
    loop {
        let block = before.fill_buf()?;
        if block.is_empty() {
            break;
        }
        for &byte in block {
            breaks += u64::from(is_break(last, byte));
            last = byte;
        }
        let len = block.len();
        before.consume(len);
    }
    for byte in reader.bytes() {
        let byte = byte?;
        if !matches!(byte, b'\n' | b'\r') {
            break;
        }
        breaks += u64::from(is_break(last, byte));
        last = byte;
    }
    Ok(breaks + 1)
}

/// Whether `byte` after `last` begins a line break: `\n`, `\r` or `\r\n`, which counts once.
fn is_break(last: u8, byte: u8) -> bool {
    byte == b'\r' || (byte == b'\n' && last != b'\r')
}
