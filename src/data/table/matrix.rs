//! Arrays of one or two dimensions in binary files.

use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use half::{bf16, f16};
use safetensors::Dtype;

use super::cell::{Cell, Real};
use super::origin::{Origin, Origins};
use super::source::Source;
use crate::error::{Error, Result};
use crate::memory;

/// The number of elements read at a time.
const BLOCK: usize = 1 << 15;

/// An array in a file that has all its elements, so that there are no more than the file has room for. One
/// dimension is a column.
pub(super) struct Array {
    pub(super) name: String,
    pub(super) is_column: bool,
    pub(super) rows: usize,
    pub(super) columns: usize,
    dtype: Dtype,
    /// Whether the first byte of an element is its most significant one.
    pub(super) is_big_endian: bool,
    /// Whether the elements are in column-major order.
    is_fortran: bool,
    /// The offset of the first element in the file.
    start: u64,
}

/// An array and its elements in row-major order.
pub(super) struct Matrix<T> {
    pub(super) array: Array,
    /// Relative to `origins`.
    pub(super) values: Vec<T>,
    pub(super) origins: Vec<f64>,
}

impl Array {
    /// The array `name`, whose elements begin at offset `start`.
    pub(super) fn new(
        name: String,
        dtype: Dtype,
        is_fortran: bool,
        shape: &[usize],
        start: u64,
    ) -> Result<Self> {
        let (rows, columns) = match *shape {
            [rows] => (rows, 1),
            [rows, columns] => (rows, columns),
            _ => {
                let problem = format!("has the shape {shape:?}, expected a matrix [rows, columns]");
                return Err(Error::data(name, problem));
            }
        };
        let array = Self {
            name,
            is_column: shape.len() == 1,
            rows,
            columns,
            dtype,
            is_big_endian: false,
            is_fortran,
            start,
        };
        match decoder(dtype) {
            Some(_) => Ok(array),
            None => Err(array.error(&format!("has elements of type {dtype}, expected real numbers"))),
        }
    }

    /// Rejects a column, which is not a matrix of features.
    pub(super) fn check_matrix(&self) -> Result<()> {
        if self.is_column {
            return Err(
                self.error(&format!("has the shape [{}], expected a matrix [rows, columns]", self.rows))
            );
        }
        Ok(())
    }

    /// Rejects an array without elements. Its other size may be any number, and is not to be believed.
    fn check_not_empty(&self) -> Result<()> {
        match (self.rows, self.columns) {
            (_, 0) => Err(self.error("has no columns, expected at least one")),
            (0, _) => Err(self.error("has no rows, expected at least one")),
            _ => Ok(()),
        }
    }

    /// Reads `rows`, which must be in range, in row-major order and relative to `origins`.
    pub(super) fn read<T: Real>(
        &self,
        source: &mut Source,
        rows: Range<usize>,
        origins: &mut Origins,
    ) -> Result<Vec<T>> {
        let zeros = |len| -> Result<Vec<T>> {
            let mut zeros = memory::reserve(len).map_err(|problem| self.error(&problem))?;
            zeros.resize(len, T::zero());
            Ok(zeros)
        };
        let mut values = zeros(rows.len() * self.columns)?;
        if !self.is_fortran {
            self.read_elements(source, rows.start * self.columns, &mut values, origins)?;
            return Ok(values);
        }
        let mut elements = zeros(rows.len())?;
        for column in 0..self.columns {
            self.read_elements(source, column * self.rows + rows.start, &mut elements, origins)?;
            for (row, &element) in values.chunks_exact_mut(self.columns).zip(&elements) {
                row[column] = element;
            }
        }
        Ok(values)
    }

    /// Fills `values` with consecutive elements of the file, from element `first`.
    fn read_elements<T: Real>(
        &self,
        source: &mut Source,
        first: usize,
        values: &mut [T],
        origins: &mut Origins,
    ) -> Result<()> {
        let cannot = |error| self.error(&format!("cannot be read: {error}"));
        let Some(decode) = decoder(self.dtype) else { return Ok(()) };
        let size = self.dtype.bitsize() / 8;
        source.seek(SeekFrom::Start(self.start + (first * size) as u64)).map_err(cannot)?;
        let longest = BLOCK.min(values.len());
        let (mut bytes, mut exact) = (vec![0; longest * size], vec![0.; longest]);
        for (i, block) in values.chunks_mut(BLOCK).enumerate() {
            let (bytes, exact) = (&mut bytes[..block.len() * size], &mut exact[..block.len()]);
            source.read_exact(bytes).map_err(cannot)?;
            if self.is_big_endian {
                bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
            }
            decode(bytes, exact);
            for (at, (value, &exact)) in block.iter_mut().zip(&*exact).enumerate() {
                let (row, column) = self.place_of(first + i * BLOCK + at);
                match Cell::of::<T>(exact) {
                    Cell::Infinite | Cell::TooLarge => return Err(self.infinite(row, column, exact)),
                    _ => *value = origins.relative(column, exact),
                }
            }
        }
        Ok(())
    }

    /// The row and the column of element `at` in the file.
    fn place_of(&self, at: usize) -> (usize, usize) {
        if self.is_fortran {
            (at % self.rows, at / self.rows)
        } else {
            (at / self.columns, at % self.columns)
        }
    }

    /// The error of an element that is not a finite number of the type to read.
    pub(super) fn infinite(&self, row: usize, column: usize, exact: f64) -> Error {
        let problem = if exact.is_infinite() {
            format!("is {exact}, expected a finite number")
        } else {
            format!("is {exact:e}, too large for f32, expected at most 3.4e38; `dtype=f64` has room")
        };
        Error::data(self.place(row, column), problem)
    }

    pub(super) fn error(&self, problem: &str) -> Error {
        Error::data(&self.name, problem)
    }

    /// The place of an element in numpy's notation.
    pub(super) fn place(&self, row: usize, column: usize) -> String {
        if self.is_column {
            format!("{}[{row}]", self.name)
        } else {
            format!("{}[{row}, {column}]", self.name)
        }
    }
}

impl<T: Real> Matrix<T> {
    /// Reads all of `array`, which must have elements.
    pub(super) fn read(source: &mut Source, array: Array, origin: Origin) -> Result<Self> {
        array.check_not_empty()?;
        let mut origins = Origins::new(origin, array.columns);
        let values = array.read(source, 0..array.rows, &mut origins)?;
        let origins = (0..array.columns).map(|column| origins.of(column)).collect();
        Ok(Self { array, values, origins })
    }

    /// The place of the first missing value.
    pub(super) fn missing(&self) -> Option<String> {
        let at = self.values.iter().position(|value| value.to_f64().is_nan())?;
        Some(self.array.place(at / self.array.columns, at % self.array.columns))
    }

    /// The first column without any value, if there are rows.
    pub(super) fn column_without_values(&self) -> Option<usize> {
        // Only those that begin with NaN are candidates.
        let first = self.values.get(..self.array.columns)?;
        let mut columns: Vec<_> =
            (0..self.array.columns).filter(|&column| first[column].to_f64().is_nan()).collect();
        for row in self.values.chunks_exact(self.array.columns) {
            if columns.is_empty() {
                break;
            }
            columns.retain(|&column| row[column].to_f64().is_nan());
        }
        columns.first().copied()
    }

    /// Whether each column has a missing value.
    pub(super) fn columns_with_missing(&self) -> Vec<bool> {
        let mut has_missing = vec![false; self.array.columns];
        for row in self.values.chunks_exact(self.array.columns) {
            for (has_missing, value) in has_missing.iter_mut().zip(row) {
                *has_missing |= value.to_f64().is_nan();
            }
        }
        has_missing
    }

    pub(super) fn row_is_missing(&self, row: usize) -> bool {
        let columns = self.array.columns;
        self.values[row * columns..][..columns].iter().any(|value| value.to_f64().is_nan())
    }

    /// Drops all rows but those to keep.
    pub(super) fn keep(&mut self, keep: &[bool]) {
        let columns = self.array.columns;
        let mut at = 0;
        self.values.retain(|_| {
            at += 1;
            keep[(at - 1) / columns]
        });
    }
}

/// A function that reads little-endian elements.
type Decoder = fn(&[u8], &mut [f64]);

/// The decoder of elements of `dtype`, if these are real numbers.
fn decoder(dtype: Dtype) -> Option<Decoder> {
    /// Decodes each element of `N` bytes.
    fn each<const N: usize>(bytes: &[u8], values: &mut [f64], decode: impl Fn([u8; N]) -> f64) {
        for (value, &element) in values.iter_mut().zip(bytes.as_chunks().0) {
            *value = decode(element);
        }
    }
    Some(match dtype {
        Dtype::F16 => |bytes, values| each(bytes, values, |element| f16::from_le_bytes(element).to_f64()),
        Dtype::BF16 => |bytes, values| each(bytes, values, |element| bf16::from_le_bytes(element).to_f64()),
        Dtype::F32 => |bytes, values| each(bytes, values, |element| f32::from_le_bytes(element).into()),
        Dtype::F64 => |bytes, values| each(bytes, values, f64::from_le_bytes),
        Dtype::I8 => |bytes, values| each(bytes, values, |element| i8::from_le_bytes(element).into()),
        Dtype::I16 => |bytes, values| each(bytes, values, |element| i16::from_le_bytes(element).into()),
        Dtype::I32 => |bytes, values| each(bytes, values, |element| i32::from_le_bytes(element).into()),
        Dtype::I64 => |bytes, values| each(bytes, values, |element| i64::from_le_bytes(element) as f64),
        Dtype::U8 | Dtype::BOOL => |bytes, values| each(bytes, values, |[byte]| byte.into()),
        Dtype::U16 => |bytes, values| each(bytes, values, |element| u16::from_le_bytes(element).into()),
        Dtype::U32 => |bytes, values| each(bytes, values, |element| u32::from_le_bytes(element).into()),
        Dtype::U64 => |bytes, values| each(bytes, values, |element| u64::from_le_bytes(element) as f64),
        _ => return None,
    })
}
