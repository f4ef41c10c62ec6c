//! Text whose fields are separated by any number of spaces and tabs.

use std::io::{self, Read};

/// A reader that makes one space of each run of spaces and tabs between fields, and none of those at the
/// start and the end of a line. Within quotes they stay.
pub(super) struct Spaces<R> {
    from: R,
    /// What begins a line that is left as it is.
    comment: Option<u8>,
    state: State,
    /// Whether the line has a field yet.
    has_field: bool,
    /// Whether spaces follow the last field.
    is_behind: bool,
    /// What was read and is not given yet, from `start` on.
    ready: Vec<u8>,
    start: usize,
}

/// Where the next byte is.
#[derive(Clone, Copy, PartialEq)]
enum State {
    /// At the start of a line or between fields.
    Between,
    /// In a field without quotes.
    Bare,
    /// Between the quotes of a field.
    Quoted,
    /// After the quote that closes a field, or the first of two that stand for one.
    Closed,
    /// In a comment.
    Comment,
}

/// The number of bytes read at a time.
const BLOCK: usize = 1 << 13;

impl<R: Read> Spaces<R> {
    pub(super) fn new(from: R, comment: Option<u8>) -> Self {
        let state = State::Between;
        Self { from, comment, state, has_field: false, is_behind: false, ready: Vec::new(), start: 0 }
    }

    fn take(&mut self, byte: u8) {
        match (self.state, byte) {
            (State::Between | State::Bare | State::Closed, b' ' | b'\t') => {
                self.state = State::Between;
                self.is_behind = self.has_field;
                return;
            }
            (State::Quoted, _) => self.state = if byte == b'"' { State::Closed } else { State::Quoted },
            (_, b'\n' | b'\r') => {
                (self.state, self.has_field, self.is_behind) = (State::Between, false, false);
            }
            (State::Comment, _) => {}
            (State::Between, _) if !self.has_field && Some(byte) == self.comment => {
                self.state = State::Comment;
            }
            (State::Between | State::Closed, b'"') => self.state = State::Quoted,
            _ => self.state = State::Bare,
        }
        if !matches!(byte, b'\n' | b'\r') || self.state == State::Quoted {
            if self.is_behind {
                self.ready.push(b' ');
            }
            (self.has_field, self.is_behind) = (true, false);
        }
        self.ready.push(byte);
    }
}

impl<R: Read> Read for Spaces<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut block = [0; BLOCK];
        while self.start == self.ready.len() {
            (self.start, self.ready) = (0, Vec::with_capacity(BLOCK));
            let read = self.from.read(&mut block)?;
            if read == 0 {
                return Ok(0);
            }
            block[..read].iter().for_each(|&byte| self.take(byte));
        }
        let ready = &self.ready[self.start..];
        let given = ready.len().min(buffer.len());
        buffer[..given].copy_from_slice(&ready[..given]);
        self.start += given;
        Ok(given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_spaces_are_one() {
        for (text, expected) in [
            ("a b\n", "a b\n"),
            ("  a \t b  \r\n\t1   2\n", "a b\r\n1 2\n"),
            ("\"a  b\"   c\n", "\"a  b\" c\n"),
            ("\"a \n  b\" c", "\"a \n  b\" c"),
            ("   \n  ", "\n"),
            // A quote within a field is one of inches, and two are one.
            ("5\"   3\n6\"  4\n", "5\" 3\n6\" 4\n"),
            ("\"a\"\"  b\"   3\n", "\"a\"\"  b\" 3\n"),
            ("#  it's  \"\na   b\n", "#  it's  \"\na b\n"),
        ] {
            let mut found = String::new();
            Spaces::new(text.as_bytes(), Some(b'#')).read_to_string(&mut found).unwrap();
            assert_eq!(found, expected, "{text:?}");
        }
    }
}
