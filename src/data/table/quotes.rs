//! The quotes of a row of text.
//!
//! The csv crate extends a field without a closing quote to the end of the file, and appends what follows a
//! closing quote to its field. That way a single stray quote can swallow rows.

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

/// The state of the scanner.
#[derive(Clone, Copy)]
enum State {
    Start,
    Bare,
    Quoted,
    /// After a quote in a quoted field, which closes the field unless another quote follows.
    Behind,
    /// In spaces after a closing quote.
    Spaces,
}

/// The state of the quotes in the raw text of a row.
pub(super) fn of_row(mut row: impl BufRead, delimiter: u8) -> io::Result<Quotes> {
    let mut state = State::Start;
    loop {
        let block = row.fill_buf()?;
        if block.is_empty() {
            return Ok(if matches!(state, State::Quoted) { Quotes::Open } else { Quotes::Right });
        }
        for &byte in block {
            state = match (state, byte) {
                (State::Quoted, b'"') => State::Behind,
                (State::Quoted, _) | (State::Start | State::Behind, b'"') => State::Quoted,
                // A line break ends the row or precedes it: the csv crate includes the one of the row before.
                (_, b'\n' | b'\r') => State::Start,
                (_, byte) if byte == delimiter => State::Start,
                (State::Behind | State::Spaces, b' ' | b'\t') => State::Spaces,
                (State::Behind | State::Spaces, _) => return Ok(Quotes::Early),
                // A byte order mark, before the first field.
                (State::Start, 0xef | 0xbb | 0xbf) => State::Start,
                (State::Start | State::Bare, _) => State::Bare,
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
