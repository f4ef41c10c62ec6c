//! Rows of a file in blocks, for columns that are known in advance.

mod array;
mod options;
mod text;

use std::path::Path;

use candle_core::{Device, Tensor};

use self::array::ArrayRows;
use self::text::TextRows;
use super::cell::Real;
use super::columns::Column;
use super::format::Format;
use crate::config::FloatType;
#[cfg(feature = "parquet")]
use crate::error::Error;
use crate::error::Result;

pub use options::{RowOptions, Unknown};

/// Reads the rows of a file of any size in blocks, in the memory of one block.
///
/// The columns are those that a model was trained on, as [`read`](crate::data::read) found them. In a text
/// file they are found by name, in any order and among others. Arrays (.npy, the tensor `X` of .safetensors)
/// have no names: their columns must be the features in order. Fields are parsed as by
/// [`read`](crate::data::read).
///
/// # Examples
///
/// ```
/// use taper::config::FloatType;
/// use taper::data::{Column, RowOptions, RowReader};
///
/// let file = std::env::temp_dir().join(format!("taper-rows-{}.csv", std::process::id()));
/// std::fs::write(&file, "town,id,size\nUlm,a,10\nBonn,b,20\nUlm,c,30\n")?;
/// let number = Column { name: "size".into(), ..Column::default() };
/// let text = Column { name: "town".into(), categories: vec!["Bonn".into(), "Ulm".into()], ..Column::default() };
/// let columns = [number, text];
///
/// let options = RowOptions { keep: vec!["id".into()], ..RowOptions::default() };
/// let mut rows = RowReader::open(&file, &columns, FloatType::F32, options)?;
/// let block = rows.next_block(2)?.unwrap();
/// assert_eq!(block.x.to_vec2::<f64>()?, [[10., 0., 1.], [20., 1., 0.]]);
/// assert_eq!(block.kept, [["a"], ["b"]]);
/// assert_eq!(rows.next_block(2)?.unwrap().x.to_vec2::<f64>()?, [[30., 0., 1.]]);
/// assert!(rows.next_block(2)?.is_none());
/// # std::fs::remove_file(file)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RowReader<'a> {
    rows: Rows<'a>,
    dtype: FloatType,
    width: usize,
}

/// The feature that says where a column is missing, beside a `value` of it.
fn mark(value: f64) -> f64 {
    if value.is_nan() { value } else { 0. }
}

/// Some rows of a file.
#[derive(Debug, Clone)]
pub struct Block {
    /// The features, (n, features) in f64, text columns one-hot encoded; a missing value is NaN.
    pub x: Tensor,
    /// The targets in row-major order, NaN where one is missing; empty if none are read.
    pub y: Vec<f64>,
    /// For each row its fields in the columns to keep, as they are in the file; empty if none are kept.
    pub kept: Vec<Vec<String>>,
}

enum Rows<'a> {
    Text(Box<TextRows<'a>>),
    Array(Box<ArrayRows>),
}

impl<'a> RowReader<'a> {
    /// Opens `file` and finds `columns` in it, for a network of `dtype`, in whose range their numbers must
    /// be.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Config`](crate::Error::Config) when there is no such file or it lacks one of
    /// `options.keep`, and with [`Error::Data`](crate::Error::Data) when it lacks one of `columns`.
    pub fn open(
        file: &'a Path,
        columns: &'a [Column],
        dtype: FloatType,
        options: RowOptions,
    ) -> Result<Self> {
        let rows = match Format::of(file)? {
            Format::Text(delimiter) => {
                Rows::Text(Box::new(TextRows::open(file, delimiter, columns, options)?))
            }
            #[cfg(feature = "parquet")]
            Format::Parquet => {
                let problem =
                    format!("is {}, expected a .csv, .tsv, .txt, .npy or .safetensors file", file.display());
                return Err(Error::config("data.file", problem));
            }
            format => Rows::Array(Box::new(ArrayRows::open(file, format, columns, options)?)),
        };
        Ok(Self { rows, dtype, width: columns.iter().map(Column::width).sum() })
    }

    /// Reads the next rows, at most `rows` of them and at least one, or `None` at the end of the file.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Data`](crate::Error::Data), which names the place, when a row or a field is
    /// invalid or the rows do not fit in memory.
    pub fn next_block(&mut self, rows: usize) -> Result<Option<Block>> {
        match self.dtype {
            FloatType::F32 => self.next_of::<f32>(rows),
            FloatType::F64 => self.next_of::<f64>(rows),
        }
    }

    fn next_of<T: Real>(&mut self, rows: usize) -> Result<Option<Block>> {
        let (mut y, mut kept) = (Vec::new(), Vec::new());
        let x = match &mut self.rows {
            Rows::Text(text) => text.read::<T>(rows.max(1), &mut y, &mut kept)?,
            Rows::Array(array) => array.read::<T>(rows.max(1))?,
        };
        if x.is_empty() {
            return Ok(None);
        }
        let shape = (x.len() / self.width, self.width);
        Ok(Some(Block { x: Tensor::from_vec(x, shape, &Device::Cpu)?, y, kept }))
    }

    /// The columns of a text file, or the tensors of a .safetensors file, that are not read.
    pub fn unused(&self) -> Vec<&str> {
        match &self.rows {
            Rows::Text(text) => text.unused(),
            Rows::Array(array) => array.unused(),
        }
    }

    /// Whether the columns of the file have names.
    pub fn has_names(&self) -> bool {
        matches!(self.rows, Rows::Text(_))
    }

    /// How many texts so far were not among the categories of their columns.
    pub fn unknown(&self) -> usize {
        match &self.rows {
            Rows::Text(text) => text.unknown,
            Rows::Array(_) => 0,
        }
    }
}
