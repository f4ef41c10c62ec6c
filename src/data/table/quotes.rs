//! The quotes of a row of text.
//!
//! The csv crate takes a quoted field that nothing closes to the end of the file, and joins what follows a closing quote to
//! its field. Where fields have line breaks, that is how a single lone quote swallows rows.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

/// The state of the quotes in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quotes {
    Right,
    /// The last field has no closing quote.
    Open,
    /// Something other than a separator follows a closing quote.
    Early,
}

/// Where in a row a byte is.
#[derive(Clone, Copy)]
enum At {
    Start,
    Bare,
    Quoted,
    /// Behind a quote in a quoted field, or spaces after it.
    Behind,
}

/// The state of the quotes in the `bytes` of `file`, which are one row, or one row to the end.
pub(super) fn check_quotes(file: &Path, bytes: Range<u64>, delimiter: u8) -> io::Result<Quotes> {
    let mut file = BufReader::new(File::open(file)?);
    file.seek(SeekFrom::Start(bytes.start))?;
    of_row(file.take(bytes.end.saturating_sub(bytes.start)), delimiter)
}

fn of_row(mut row: impl BufRead, delimiter: u8) -> io::Result<Quotes> {
    let mut at = At::Start;
    loop {
        let block = row.fill_buf()?;
        if block.is_empty() {
            return Ok(if matches!(at, At::Quoted) { Quotes::Open } else { Quotes::Right });
        }
        for &byte in block {
            at = match (at, byte) {
                (At::Quoted, b'"') => At::Behind,
                (At::Quoted, _) | (At::Start | At::Behind, b'"') => At::Quoted,
                // A break ends the row, or stands before it: the csv crate has the one of the row before, too.
                (_, b'\n' | b'\r') => At::Start,
                (_, byte) if byte == delimiter => At::Start,
                (At::Behind, b' ' | b'\t') => At::Behind,
                (At::Behind, _) => return Ok(Quotes::Early),
                // Those of the mark of byte order, before the first field.
                (At::Start, 0xef | 0xbb | 0xbf) => At::Start,
                (At::Start | At::Bare, _) => At::Bare,
            };
        }
        let len = block.len();
        row.consume(len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_right_open_or_early() {
        for (row, expected) in [
            ("", Quotes::Right),
            ("1,2\n", Quotes::Right),
            ("\"a\"\"b\nc\",\"\"\r\n", Quotes::Right),
            ("\n\"a\nb\" , 5", Quotes::Right),
            ("\u{feff}\"a\nb\",5\n", Quotes::Right),
            ("5\" pipe,2\n", Quotes::Right),
            ("1,\"2", Quotes::Open),
            ("1,\"2\n3\"\"", Quotes::Open),
            ("1,\"", Quotes::Open),
            ("\"a\n1,\"b\n", Quotes::Early),
            ("\"a\" b,2\n", Quotes::Early),
        ] {
            assert_eq!(of_row(row.as_bytes(), b',').unwrap(), expected, "{row}");
        }
        assert_eq!(of_row("\"a\n\";5".as_bytes(), b';').unwrap(), Quotes::Right);
    }
}
