//! The lines of a text file's rows.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::Path;

use csv::{Position, StringRecord};

/// The place of a row, or of its field in `column`, as messages name it: `houses.csv:17:price`.
pub(super) fn place_of(file: &Path, record: &StringRecord, column: Option<&str>) -> String {
    let line = line_of(file, record.position());
    match column {
        Some(column) => format!("{}:{line}:{column}", file.display()),
        None => format!("{}:{line}", file.display()),
    }
}

/// The line, counted from 1, of the row that `position` says to begin there.
///
/// The csv crate's own count is that before the line feed of the row before and before empty lines, so that it is too
/// small in files of Windows; it serves where the file cannot be read again. That is done for a message alone.
pub(super) fn line_of(file: &Path, position: Option<&Position>) -> u64 {
    let Some(position) = position else { return 1 };
    line_at(file, position.byte()).unwrap_or(position.line())
}

/// The line of the first byte at `offset` or later that is no line break.
fn line_at(file: &Path, offset: u64) -> io::Result<u64> {
    // A pipe has nothing more to read, and to open it once more would wait for ever.
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

/// Whether `byte` after `last` is a line break: a line feed, or a carriage return, or the first of both together.
fn is_break(last: u8, byte: u8) -> bool {
    byte == b'\r' || (byte == b'\n' && last != b'\r')
}
