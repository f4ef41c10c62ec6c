//! The quotes of a row of text.
//!
//! The csv crate takes a quoted field that nothing closes to the end of the file, and joins what follows a closing quote to
//! its field. Where fields have line breaks, that is how a single lone quote swallows rows.

use std::io::{self, BufRead};

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
    /// Behind a quote in a quoted field, which closes it if no other follows.
    Behind,
    /// In spaces after a closing quote.
    Spaces,
}

/// The state of the quotes in a row as it stands in a file.
pub(super) fn of_row(mut row: impl BufRead, delimiter: u8) -> io::Result<Quotes> {
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
                (At::Behind | At::Spaces, b' ' | b'\t') => At::Spaces,
                (At::Behind | At::Spaces, _) => return Ok(Quotes::Early),
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
            ("\"a\" \",2\n", Quotes::Early),
        ] {
            assert_eq!(of_row(row.as_bytes(), b',').unwrap(), expected, "{row}");
        }
        assert_eq!(of_row("\"a\n\";5".as_bytes(), b';').unwrap(), Quotes::Right);
    }
}
