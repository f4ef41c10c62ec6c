//! Data from files.
//!
//! Rows are read in one pass straight into the matrix of the features, so that peak memory is little more
//! than that matrix.

mod arrays;
mod builder;
mod category;
mod cell;
mod choice;
mod columns;
mod date_order;
mod dates;
mod delimited;
mod expansion;
mod format;
mod line;
mod markers;
mod matrix;
mod npy;
mod npz;
mod origin;
#[cfg(feature = "parquet")]
mod parquet;
mod quotes;
mod raw_table;
mod rows;
mod sniff;
mod source;
mod spaces;
mod text;
mod times;
mod unpack;
mod window;

use self::arrays::Tensors;
use self::cell::Real;
use self::format::Format;
use self::npz::Npz;
use self::origin::Origin;
use self::raw_table::RawTable;
use crate::config::{FileConfig, FloatType};
#[cfg(doc)]
use crate::data::Dataset;
use crate::error::Result;

pub use columns::{Column, MAX_CATEGORIES, MAX_CODES};
pub use date_order::DateOrder;
pub(crate) use date_order::{are_doubtful_dates, odd_date};
pub use dates::DatePart;
pub(crate) use dates::{date_text, days_of, first_of_month, month_number, time_text};
pub(crate) use markers::missing_texts;
pub use raw_table::Table;
pub use rows::{Block, RowOptions, RowReader, Unknown};

/// Reads the file that `config` names into a data set on the CPU: features of `dtype`, and targets of f64 as
/// they are in the file.
///
/// By its extension the file is
///
/// - text (.csv, .txt: separated by the comma, semicolon, tab or bar on which the first rows agree, .tsv: by
///   tabs), see [`Dialect`](crate::config::Dialect). A column of features is text if at most half of its
///   values in the first 1000 rows are numbers, or if [`FileConfig::text`] names it; up to
///   [`MAX_CATEGORIES`] different values are one-hot encoded, and more are codes, as
///   [`FileConfig::categories`] says; dates are as [`FileConfig::dates`] and [`FileConfig::date_format`] say.
///   Spaces around fields are ignored;
/// - .parquet, in builds with the feature `parquet`: numbers, booleans, texts, dates and times; null and NaN
///   are missing values;
/// - a numpy matrix (.npy), whose `target` is another such file;
/// - .npz or .safetensors with the arrays that `features` and `target` name, by default `X` and `y`.
///
/// In the latter three the columns have no names, and NaN is a missing value.
///
/// # Errors
///
/// Fails with [`Error::Config`](crate::Error::Config) when there is no such file or column, and with
/// [`Error::Data`](crate::Error::Data) for anything in the file that cannot be learnt from.
///
/// # Examples
///
/// ```
/// use taper::config::{FileConfig, FloatType};
/// use taper::data::read;
///
/// let file = std::env::temp_dir().join(format!("taper-example-{}.csv", std::process::id()));
/// std::fs::write(&file, "size,town,price\n10,Ulm,1.5\n20,Bonn,2.5\n30,Ulm,3.5\n")?;
/// let config = FileConfig { file: file.clone(), target: vec!["price".into()], ..FileConfig::default() };
/// let table = read(&config, FloatType::F32)?;
/// std::fs::remove_file(file)?;
///
/// assert_eq!(table.features[1].categories, ["Bonn", "Ulm"]);
/// assert_eq!(table.data.x().to_vec2::<f32>()?, [[10., 0., 1.], [20., 1., 0.], [30., 0., 1.]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read(config: &FileConfig, dtype: FloatType) -> Result<Table> {
    read_from(config, dtype, Origin::Zero)
}

/// As [`read`], for features that will be scaled: those of f32 are kept relative to the first number of their
/// column, so that a large number that all rows have in common costs no digits. See [`Dataset::origins`].
///
/// # Errors
///
/// As [`read`].
pub fn read_relative(config: &FileConfig, dtype: FloatType) -> Result<Table> {
    let origin = match dtype {
        FloatType::F32 => Origin::First,
        FloatType::F64 => Origin::Zero,
    };
    read_from(config, dtype, origin)
}

fn read_from(config: &FileConfig, dtype: FloatType, origin: Origin) -> Result<Table> {
    match dtype {
        FloatType::F32 => read_as::<f32>(config, origin),
        FloatType::F64 => read_as::<f64>(config, origin),
    }
}

fn read_as<T: Real>(config: &FileConfig, origin: Origin) -> Result<Table> {
    let table: RawTable<T> = match Format::of(&config.file)? {
        Format::Text(delimiter) => text::read(config, origin, delimiter)?,
        Format::Npy => arrays::read_npy(config, origin)?,
        Format::Npz => arrays::read_archive(config, origin, Npz::open("data.file", &config.file)?)?,
        Format::Safetensors => {
            arrays::read_archive(config, origin, Tensors::open("data.file", &config.file)?)?
        }
        #[cfg(feature = "parquet")]
        Format::Parquet => parquet::read(config, origin)?,
    };
    table.check(&config.file)
}
