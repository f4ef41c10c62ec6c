//! Text that is read, of which the last part can be looked at again.

use std::io::{self, Read};

use memchr::memchr_iter;

/// How much of what is no longer needed may be kept.
const SPARE: usize = 1 << 20;

/// The most bytes of a row: a quote that is not closed makes one row of all of a file.
const LONGEST_ROW: usize = 1 << 28;

/// A reader that keeps what it has read from the start of the current row on, and counts the lines before it.
/// So the raw text and the line of a row are known, whatever the text comes from.
pub(super) struct Window<R> {
    from: R,
    kept: Vec<u8>,
    /// Where in `kept` the row starts.
    row: usize,
    /// The place of the row in the text, in bytes.
    place: u64,
    /// The number of line breaks before the row.
    breaks: u64,
    /// The byte before the row.
    last: u8,
    /// What begins a line that is no row.
    comment: Option<u8>,
}

impl<R: Read> Window<R> {
    /// Reads `from`, before which there were so many `lines`. Lines that begin with `comment` are no rows.
    pub(super) fn new(from: R, lines: u64, comment: Option<u8>) -> Self {
        Self { from, kept: Vec::new(), row: 0, place: 0, breaks: lines, last: 0, comment }
    }

    /// Begins a row at `place` in the text, which is not before the last one: what is before it is not needed
    /// any more. The line of the row, counted from 1, is that of its first byte that is not part of a line
    /// break, since the csv crate has rows begin with the rest of one and with empty lines.
    pub(super) fn begin_row(&mut self, place: u64) -> u64 {
        let before = usize::try_from(place.saturating_sub(self.place))
            .unwrap_or(usize::MAX)
            .min(self.kept.len() - self.row);
        let empty = self.empty_lines(&self.kept[self.row + before..]);
        let passed = &self.kept[self.row..][..before + empty];
        self.breaks += breaks(self.last, passed);
        self.last = passed.last().copied().unwrap_or(self.last);
        self.row += passed.len();
        self.place += passed.len() as u64;
        if self.row > SPARE {
            self.kept.drain(..self.row);
            self.row = 0;
        }
        self.breaks + 1
    }

    /// How many bytes of `text` are the rest of a line break, empty lines and comments.
    fn empty_lines(&self, text: &[u8]) -> usize {
        let is_break = |byte: &u8| matches!(byte, b'\n' | b'\r');
        let mut at = 0;
        loop {
            at += text[at..].iter().take_while(|byte| is_break(byte)).count();
            if text.get(at).is_none_or(|byte| Some(*byte) != self.comment) {
                return at;
            }
            at += text[at..].iter().take_while(|byte| !is_break(byte)).count();
        }
    }

    /// The line of the byte at `place`, which is in the row or after it.
    pub(super) fn line_at(&self, place: u64) -> u64 {
        let before = usize::try_from(place.saturating_sub(self.place)).unwrap_or(usize::MAX);
        let row = self.row();
        1 + self.breaks + breaks(self.last, &row[..before.min(row.len())])
    }

    /// The text from the start of the row on, as far as it was read.
    pub(super) fn row(&self) -> &[u8] {
        &self.kept[self.row..]
    }

    /// The text from the start of the row to `end`.
    pub(super) fn row_until(&self, end: u64) -> &[u8] {
        let row = self.row();
        let len = usize::try_from(end.saturating_sub(self.place)).unwrap_or(usize::MAX);
        &row[..len.min(row.len())]
    }
}

impl<R: Read> Read for Window<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.kept.extend_from_slice(&buffer[..read]);
        if self.row().len() > LONGEST_ROW {
            let problem = format!("a row has more than {LONGEST_ROW} bytes; is a quote not closed?");
            return Err(io::Error::other(problem));
        }
        Ok(read)
    }
}

/// The number of line breaks in `text` after the byte `last`: `\n`, `\r` or `\r\n`, which counts once.
fn breaks(last: u8, text: &[u8]) -> u64 {
    let mut count = memchr_iter(b'\n', text).count() as u64;
    for at in memchr_iter(b'\r', text) {
        count += u64::from(text.get(at + 1) != Some(&b'\n'));
    }
    // Of `\r\n` the first was counted as a break of its own, since the text ended with it.
    count - u64::from(last == b'\r' && text.first() == Some(&b'\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_however_they_end() {
        for (text, expected) in
            [("", 0), ("a", 0), ("a\nb", 1), ("a\r\nb\r\n", 2), ("a\rb\r", 2), ("\n\n\r\n\r", 4)]
        {
            for split in 0..=text.len() {
                let (first, second) = text.as_bytes().split_at(split);
                let last = first.last().copied().unwrap_or_default();
                assert_eq!(breaks(0, first) + breaks(last, second), expected, "{text:?} {split}");
            }
        }
    }

    #[test]
    fn rows_know_their_text_and_line() {
        let text = "a,b\r\n1,2\r\n\r\n3,\"x\ny\"\r\nlast";
        let mut window = Window::new(text.as_bytes(), 3, Some(b'#'));
        window.read_to_end(&mut Vec::new()).unwrap();
        assert_eq!((window.begin_row(0), window.row_until(5)), (4, &b"a,b\r\n"[..]));
        // The csv crate begins rows after the carriage return.
        assert_eq!((window.begin_row(4), window.row_until(9)), (5, &b"1,2\r"[..]));
        assert_eq!((window.begin_row(9), window.row()), (7, &b"3,\"x\ny\"\r\nlast"[..]));
        assert_eq!((window.line_at(16), window.line_at(17)), (7, 8));
        assert_eq!((window.begin_row(21), window.row()), (9, &b"last"[..]));
        let mut window = Window::new(&b"a,y\n# one\n\n#\"two\n1,2\n"[..], 0, Some(b'#'));
        window.read_to_end(&mut Vec::new()).unwrap();
        assert_eq!((window.begin_row(4), window.row()), (5, &b"1,2\n"[..]));
    }
}
