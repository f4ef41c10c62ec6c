//! The header of a .npy file.

use std::io::Read;

use safetensors::Dtype;

use super::matrix::Array;
use crate::error::{Error, Result};
use crate::text::quote;

/// The longest header that is read; numpy's own are shorter than 200 bytes.
const LONGEST: usize = 1 << 16;

/// The header, which precedes the elements.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) dtype: Dtype,
    /// Whether the first byte of an element is its most significant one.
    pub(super) is_big_endian: bool,
    /// Whether the elements are in column-major order.
    pub(super) is_fortran: bool,
    pub(super) shape: Vec<usize>,
    /// Its length in bytes.
    pub(super) len: u64,
}

impl Header {
    /// The array `name` with this header, which with its elements has `size` bytes from offset `start` on.
    pub(super) fn array(self, name: String, start: u64, size: u64) -> Result<Array> {
        let Self { dtype, is_big_endian, is_fortran, shape, len } = self;
        let elements = shape.iter().try_fold(1usize, |n, &size| n.checked_mul(size));
        let bytes = elements.and_then(|n| n.checked_mul(dtype.bitsize() / 8));
        if bytes.map(|bytes| bytes as u64) != size.checked_sub(len) {
            let problem = format!(
                "has {} bytes after its header, which is not what the shape {shape:?} needs; is it cut off?",
                size.saturating_sub(len)
            );
            return Err(Error::data(name, problem));
        }
        let mut array = Array::new(name, dtype, is_fortran, &shape, start + len)?;
        array.is_big_endian = is_big_endian;
        Ok(array)
    }
}

/// Reads a header: a magic string, the version, a length, and a dictionary in Python's notation, for example
/// `{'descr': '<f8', 'fortran_order': False, 'shape': (128, 3), }`. The error continues a sentence that
/// begins with the file.
pub(super) fn read_header(reader: &mut impl Read) -> Result<Header, String> {
    let mut take = |bytes: &mut [u8]| {
        reader.read_exact(bytes).map_err(|_| "ends within the header of a .npy file".to_owned())
    };
    let mut start = [0; 8];
    take(&mut start)?;
    let mut len = [0; 4];
    let [0x93, b'N', b'U', b'M', b'P', b'Y', version, _] = start else {
        return Err("does not begin like a .npy file".to_owned());
    };
    let bytes_of_len = match version {
        1 => 2,
        2 | 3 => 4,
        _ => return Err(format!("is .npy of version {version}, expected 1, 2 or 3")),
    };
    take(&mut len[..bytes_of_len])?;
    let header_len = u32::from_le_bytes(len) as usize;
    if header_len > LONGEST {
        return Err(format!("has a header of {header_len} bytes, expected at most {LONGEST}"));
    }
    let mut text = vec![0; header_len];
    take(&mut text)?;
    let text = String::from_utf8_lossy(&text);
    let (descr, is_fortran, shape) = dictionary(text.trim()).ok_or_else(|| {
        // A list of names and types in place of a type.
        let is_structured = text.contains("'descr': [(");
        let instead = "; `pandas.DataFrame(X).to_csv` makes a text file of columns of several types, which has their names and dates";
        let instead = if is_structured { instead } else { "" };
        format!("has the header {}, expected numbers in an array{instead}", quote(text.trim()))
    })?;
    let dtype = dtype(descr).ok_or_else(|| {
        let expected = if descr.trim_start_matches(['<', '>']).starts_with("M8") {
            "which are dates, expected numbers: `(X - numpy.datetime64(0, 's')) / numpy.timedelta64(1, 'D')` makes days of \
             them, NaN of NaT, and of columns of dates in text files taper makes the year, the season, the weekday and the hour"
        } else {
            "expected numbers, such as '<f4' or '<f8'"
        };
        format!("has elements of type {}, {expected}", quote(descr))
    })?;
    let is_big_endian = descr.starts_with('>');
    Ok(Header { dtype, is_big_endian, is_fortran, shape, len: (8 + bytes_of_len + header_len) as u64 })
}

/// The values of `descr`, `fortran_order` and `shape` in a Python dictionary with these keys alone.
fn dictionary(text: &str) -> Option<(&str, bool, Vec<usize>)> {
    let (mut descr, mut is_fortran, mut shape) = (None, None, None);
    let mut literal = Literal(text);
    literal.items("{", "}", |literal| {
        let key = literal.string()?;
        literal.token(":")?;
        match key {
            "descr" => descr = Some(literal.string()?),
            "fortran_order" => is_fortran = Some(literal.boolean()?),
            "shape" => {
                let sizes = shape.insert(Vec::new());
                literal.items("(", ")", |literal| literal.number().map(|size| sizes.push(size)))?;
            }
            _ => return None,
        }
        Some(())
    })?;
    literal.0.is_empty().then_some((descr?, is_fortran?, shape?))
}

/// The rest of a Python literal. Each method takes one token or value off its start, or gives `None` if it
/// has another.
struct Literal<'a>(&'a str);

impl<'a> Literal<'a> {
    fn token(&mut self, token: &str) -> Option<()> {
        self.0 = self.0.trim_start().strip_prefix(token)?;
        Some(())
    }

    /// Items between brackets, separated by commas, with an optional one after the last.
    fn items(
        &mut self,
        open: &str,
        close: &str,
        mut item: impl FnMut(&mut Self) -> Option<()>,
    ) -> Option<()> {
        self.token(open)?;
        let mut is_separated = true;
        while self.token(close).is_none() {
            if !is_separated {
                return None;
            }
            item(self)?;
            is_separated = self.token(",").is_some();
        }
        Some(())
    }

    fn string(&mut self) -> Option<&'a str> {
        let quote = if self.token("'").is_some() { '\'' } else { self.token("\"").map(|()| '"')? };
        let (string, rest) = self.0.split_once(quote)?;
        self.0 = rest;
        Some(string)
    }

    fn boolean(&mut self) -> Option<bool> {
        self.token("True").map(|()| true).or_else(|| self.token("False").map(|()| false))
    }

    fn number(&mut self) -> Option<usize> {
        self.token("")?;
        let end = self.0.find(|c: char| !c.is_ascii_digit())?;
        let (digits, rest) = self.0.split_at(end);
        self.0 = rest;
        digits.parse().ok()
    }
}

/// The type that numpy calls `descr`, after the order of its bytes.
fn dtype(descr: &str) -> Option<Dtype> {
    Some(match descr.strip_prefix(['<', '>']) {
        Some("f2") => Dtype::F16,
        Some("f4") => Dtype::F32,
        Some("f8") => Dtype::F64,
        Some("i2") => Dtype::I16,
        Some("i4") => Dtype::I32,
        Some("i8") => Dtype::I64,
        Some("u2") => Dtype::U16,
        Some("u4") => Dtype::U32,
        Some("u8") => Dtype::U64,
        _ => match descr {
            "|i1" => Dtype::I8,
            "|u1" => Dtype::U8,
            "|b1" => Dtype::BOOL,
            _ => return None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(dictionary: &str) -> Result<Header, String> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((dictionary.len() as u16).to_le_bytes());
        bytes.extend(dictionary.as_bytes());
        read_header(&mut bytes.as_slice())
    }

    #[test]
    fn dictionaries_of_numpy_are_read() {
        let read = header("{'descr': '<f8', 'fortran_order': False, 'shape': (128, 3), }   \n").unwrap();
        let (dtype, shape) = (Dtype::F64, vec![128, 3]);
        assert_eq!(read, Header { dtype, is_big_endian: false, is_fortran: false, shape, len: 75 });
        let read = header("{'descr': '>i4', 'fortran_order': False, 'shape': (3,), }").unwrap();
        assert_eq!((read.dtype, read.is_big_endian), (Dtype::I32, true));
        let read = header("{'descr': '|u1', 'fortran_order': True, 'shape': (5,), }\n").unwrap();
        assert_eq!((read.dtype, read.is_fortran, read.shape), (Dtype::U8, true, vec![5]));
        assert!(header("{'descr': '<f4', 'fortran_order': False, 'shape': (), }").unwrap().shape.is_empty());
        let other_spelling = header("{\"shape\":(2,3),\"descr\":\"<i4\",\"fortran_order\":True}").unwrap();
        assert_eq!((other_spelling.dtype, other_spelling.shape), (Dtype::I32, vec![2, 3]));
    }

    #[test]
    fn other_headers_are_refused() {
        for (dictionary, message) in [
            (
                "{'descr': '>c8', 'fortran_order': False, 'shape': (1,), }",
                "has elements of type '>c8', expected numbers",
            ),
            (
                "{'descr': '<M8[ns]', 'fortran_order': False, 'shape': (3, 1), }",
                "has elements of type '<M8[ns]', which are dates, expected numbers: `(X - numpy.datetime64(0, 's'))",
            ),
            ("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "has elements of type '|O'"),
            (
                "{'descr': [('a', '<f8'), ('d', '<M8[D]')], 'fortran_order': False, 'shape': (1,), }",
                "expected numbers in an array; `pandas.DataFrame(X).to_csv` makes a text file",
            ),
            ("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }", "expected numbers in an array"),
            ("{'descr': '<f8', 'fortran_order': False, 'shape': (1 2), }", "expected numbers in an array"),
            ("{'descr': '<f8', 'fortran_order': False, 'shape': (1,,), }", "expected numbers in an array"),
            ("{'descr': '<f8', 'fortran_order': False 'shape': (1,), }", "expected numbers in an array"),
            ("{'descr': '<f8', 'fortran_order': false, 'shape': (1,), }", "expected numbers in an array"),
            ("{'descr': '<f8', 'fortran_order': False, 'shape': (1,)", "expected numbers in an array"),
            ("{'descr': '<f8', 'fortran_order': False, }", "expected numbers in an array"),
            (
                "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'x': 1}",
                "expected numbers in an array",
            ),
            ("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), } }", "expected numbers in an array"),
            ("{'descr': '(<f8)', 'fortran_order': False, 'shape': (1,), }", "has elements of type '(<f8)'"),
            ("", "has the header ''"),
        ] {
            let error = header(dictionary).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
        assert!(read_header(&mut b"PK\x03\x04....".as_slice()).unwrap_err().contains("does not begin"));
        assert!(read_header(&mut b"\x93NUM".as_slice()).unwrap_err().contains("ends within the header"));
    }
}
