//! Arrays of one or two dimensions in binary files.

use std::io::Read;

use half::{bf16, f16};
use safetensors::Dtype;

use super::cell::Real;
use super::source::Source;
use crate::error::{Error, Result};

/// The elements that are read at a time.
const BLOCK: usize = 1 << 15;

/// What is known of an array before it is read.
pub(super) struct Array {
    pub(super) name: String,
    pub(super) dtype: Dtype,
    pub(super) is_fortran: bool,
    pub(super) shape: Vec<usize>,
}

/// An array of one or two dimensions; one is a column.
pub(super) struct Matrix<T> {
    pub(super) name: String,
    pub(super) is_column: bool,
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) values: Vec<T>,
}

impl<T: Real> Matrix<T> {
    /// Reads the elements of `array`, of which the file is known to have all.
    pub(super) fn read(source: &mut Source, array: Array) -> Result<Self> {
        let Array { name, dtype, is_fortran, shape } = array;
        let (rows, columns) = match shape[..] {
            [rows] => (rows, 1),
            [rows, columns] => (rows, columns),
            _ => {
                let problem = format!("has the shape {shape:?}, expected a matrix [rows, columns]");
                return Err(Error::data(name, problem));
            }
        };
        let mut matrix = Self { name, is_column: shape.len() == 1, rows, columns, values: Vec::new() };
        let Some(decode) = decoder(dtype) else {
            return Err(matrix.error(&format!("has elements of type {dtype}, expected real numbers")));
        };
        let (count, size) = (rows * columns, dtype.bitsize() / 8);
        if matrix.values.try_reserve_exact(count).is_err() {
            return Err(matrix.error("does not fit in memory"));
        }
        matrix.values.resize(count, T::zero());
        let mut bytes = vec![0; BLOCK.min(count) * size];
        let mut at = 0;
        while at < count {
            let block = &mut bytes[..BLOCK.min(count - at) * size];
            source.read_exact(block).map_err(|error| matrix.error(&format!("cannot be read: {error}")))?;
            for element in block.chunks_exact(size) {
                let (row, column) =
                    if is_fortran { (at % rows, at / rows) } else { (at / columns, at % columns) };
                let (exact, place) = (decode(element), row * columns + column);
                let value = T::from_f64(exact);
                if value.to_f64().is_infinite() {
                    let problem = if exact.is_infinite() {
                        format!("is {exact}, expected a finite number")
                    } else {
                        format!(
                            "is {exact:e}, too large for f32, expected at most 3.4e38; `--dtype f64` has room"
                        )
                    };
                    return Err(Error::data(matrix.place(row, column), problem));
                }
                matrix.values[place] = value;
                at += 1;
            }
        }
        Ok(matrix)
    }

    pub(super) fn error(&self, problem: &str) -> Error {
        Error::data(&self.name, problem)
    }

    /// An element as numpy writes its index.
    fn place(&self, row: usize, column: usize) -> String {
        if self.is_column {
            format!("{}[{row}]", self.name)
        } else {
            format!("{}[{row}, {column}]", self.name)
        }
    }

    /// The first missing value.
    pub(super) fn missing(&self) -> Option<String> {
        let at = self.values.iter().position(|value| value.to_f64().is_nan())?;
        Some(self.place(at / self.columns, at % self.columns))
    }

    pub(super) fn row_is_missing(&self, row: usize) -> bool {
        self.values[row * self.columns..][..self.columns].iter().any(|value| value.to_f64().is_nan())
    }

    /// Leaves out the rows that are not to be kept.
    pub(super) fn keep(&mut self, keep: &[bool]) {
        let columns = self.columns;
        let mut at = 0;
        self.values.retain(|_| {
            at += 1;
            keep[(at - 1) / columns]
        });
    }
}

/// The function that reads a little-endian element, if its type is one of real numbers.
fn decoder(dtype: Dtype) -> Option<fn(&[u8]) -> f64> {
    /// The bytes of an element, of which there are as many as its type has.
    fn bytes<const N: usize>(element: &[u8]) -> [u8; N] {
        let mut bytes = [0; N];
        bytes.copy_from_slice(element);
        bytes
    }
    Some(match dtype {
        Dtype::F16 => |element| f16::from_le_bytes(bytes(element)).to_f64(),
        Dtype::BF16 => |element| bf16::from_le_bytes(bytes(element)).to_f64(),
        Dtype::F32 => |element| f32::from_le_bytes(bytes(element)).into(),
        Dtype::F64 => |element| f64::from_le_bytes(bytes(element)),
        Dtype::I8 => |element| i8::from_le_bytes(bytes(element)).into(),
        Dtype::I16 => |element| i16::from_le_bytes(bytes(element)).into(),
        Dtype::I32 => |element| i32::from_le_bytes(bytes(element)).into(),
        Dtype::I64 => |element| i64::from_le_bytes(bytes(element)) as f64,
        Dtype::U8 | Dtype::BOOL => |element| element[0].into(),
        Dtype::U16 => |element| u16::from_le_bytes(bytes(element)).into(),
        Dtype::U32 => |element| u32::from_le_bytes(bytes(element)).into(),
        Dtype::U64 => |element| u64::from_le_bytes(bytes(element)) as f64,
        _ => return None,
    })
}
