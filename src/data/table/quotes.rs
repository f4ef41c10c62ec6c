//! The quotes of a row of text.
//!
//! The csv crate extends a field without a closing quote to the end of the file, and appends what follows a
//! closing quote to its field. That way a single stray quote can swallow rows.

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
pub(super) fn of_row(row: &[u8], delimiter: u8) -> Quotes {
    let mut state = State::Start;
    for &byte in row {
        state = match (state, byte) {
            (State::Quoted, b'"') => State::Behind,
            (State::Quoted, _) | (State::Start | State::Behind, b'"') => State::Quoted,
            // A line break ends the row or precedes it: the csv crate includes the one of the row before.
            (_, b'\n' | b'\r') => State::Start,
            (_, byte) if byte == delimiter => State::Start,
            (State::Behind | State::Spaces, b' ' | b'\t') => State::Spaces,
            (State::Behind | State::Spaces, _) => return Quotes::Early,
            (State::Start | State::Bare, _) => State::Bare,
        };
    }
    if matches!(state, State::Quoted) { Quotes::Open } else { Quotes::Right }
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
            ("5\" pipe,2\n", Quotes::Right),
            ("1,\"2", Quotes::Open),
            ("1,\"2\n3\"\"", Quotes::Open),
            ("1,\"", Quotes::Open),
            ("\"a\n1,\"b\n", Quotes::Early),
            ("\"a\" b,2\n", Quotes::Early),
            ("\"a\" \",2\n", Quotes::Early),
        ] {
            assert_eq!(of_row(row.as_bytes(), b','), expected, "{row}");
        }
        assert_eq!(of_row(b"\"a\n\";5", b';'), Quotes::Right);
    }
}
