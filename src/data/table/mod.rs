//! Data from files.
//!
//! Text is read in one pass straight into the matrix of the features, so that memory is little more than that matrix.

mod arrays;
mod category;
mod cell;
mod choice;
mod delimited;
mod line;
mod matrix;
mod npy;
#[cfg(feature = "parquet")]
mod parquet;
mod parse;
mod quotes;
mod rows;
mod source;

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;
use std::path::Path;

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use crate::config::{FileConfig, FloatType};
use crate::data::Dataset;
use crate::error::{Error, Result};
use cell::Real;
pub use rows::{Block, RowOptions, RowReader, Unknown};

/// The largest number of different values of a text column.
pub const MAX_CATEGORIES: usize = 64;

/// What was read from a file.
#[derive(Debug, Clone)]
pub struct Table {
    /// The rows; a missing feature is NaN.
    pub data: Dataset,
    /// The columns of the features.
    pub features: Vec<Column>,
    /// The names of the targets.
    pub targets: Vec<String>,
    /// The number of rows left out because a value is missing.
    pub dropped: usize,
    /// The number of rows that are equal to one before them, in features and targets.
    pub duplicates: usize,
}

impl Table {
    /// `data` whose columns have no names: the features are `x0`, `x1`, ..., the target is `y`, and several are `y0`, ....
    pub fn unnamed(data: Dataset) -> Self {
        let (features, targets) = (Column::unnamed(data.features()), target_names(data.targets()));
        Self { data, features, targets, dropped: 0, duplicates: 0 }
    }
}

/// The names of `count` targets that have none.
pub(crate) fn target_names(count: usize) -> Vec<String> {
    if count == 1 { vec!["y".to_owned()] } else { (0..count).map(|i| format!("y{i}")).collect() }
}

/// A column of features.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The sorted values of a text column, each of which is a feature that is 1 where the column has that value and 0
    /// where it has another; empty for a column of numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
}

impl Column {
    /// The columns of numbers `x0`, `x1` and so on, as those are called that have no names.
    pub fn unnamed(count: usize) -> Vec<Self> {
        (0..count).map(|i| Self { name: format!("x{i}"), categories: Vec::new() }).collect()
    }

    /// The number of its features: one, or one for each category.
    pub fn width(&self) -> usize {
        self.categories.len().max(1)
    }
}

/// The formats of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// Text, with the delimiter if the ending tells it.
    Text(Option<u8>),
    Npy,
    Safetensors,
    #[cfg(feature = "parquet")]
    Parquet,
}

impl Format {
    /// The format of the file that `data.file` names, by its ending.
    fn of(file: &Path) -> Result<Self> {
        let refused = |problem| Error::config("data.file", format!("is {}, {problem}", file.display()));
        let ending = file.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        match ending.as_str() {
            "csv" | "txt" => Ok(Self::Text(None)),
            "tsv" => Ok(Self::Text(Some(b'\t'))),
            "npy" => Ok(Self::Npy),
            "safetensors" => Ok(Self::Safetensors),
            #[cfg(feature = "parquet")]
            "parquet" => Ok(Self::Parquet),
            #[cfg(not(feature = "parquet"))]
            "parquet" => Err(refused(
                "which this build cannot read; `cargo build --release --features parquet` makes one that can",
            )),
            _ => Err(refused("expected a .csv, .tsv, .txt, .parquet, .npy or .safetensors file")),
        }
    }
}

/// Reads the file that `config` names into a data set of `dtype` on the CPU.
///
/// By its ending the file is
///
/// - text with a header (.csv, .txt: separated by the comma, semicolon or tab that the header has most of, .tsv: by tabs).
///   A column of the features is text if no more than half of the values in its first 1000 rows are numbers, and then
///   each of its values, at most [`MAX_CATEGORIES`], becomes a feature of zeros and ones. Spaces around fields do not count;
/// - .parquet, in builds with the feature `parquet`: numbers, booleans and texts, of which null and NaN are missing values;
/// - a matrix of numpy (.npy), whose `target` is another such file;
/// - .safetensors with the matrix `X` and a tensor named as `target` says, or else `y`.
///
/// In the latter two the columns have no names, and NaN is a missing value.
///
/// # Errors
///
/// Fails with [`Error::Config`] when there is no such file or column, and with [`Error::Data`] for anything in the file
/// that cannot be learnt from.
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
    let table = match dtype {
        FloatType::F32 => read_as::<f32>(config)?,
        FloatType::F64 => read_as::<f64>(config)?,
    };
    let (rows, features, dropped) = (table.data.rows(), table.data.features(), table.dropped);
    info!(rows, features, dropped, "data read");
    if table.duplicates > 0 {
        let advice = match config.group {
            Some(_) => "where their groups differ",
            None => "a column that tells their origin would keep them together as the group",
        };
        warn!(
            duplicates = table.duplicates,
            "rows are equal to rows before them: a fold may be tested on what it was trained on, {advice}"
        );
    }
    Ok(table)
}

fn read_as<T: Real>(config: &FileConfig) -> Result<Table> {
    let rows: Rows<T> = match Format::of(&config.file)? {
        Format::Text(delimiter) => delimited::read(config, delimiter)?,
        Format::Npy => arrays::read_npy(config)?,
        Format::Safetensors => arrays::read_safetensors(config)?,
        #[cfg(feature = "parquet")]
        Format::Parquet => parquet::read(config)?,
    };
    rows.into_table(&config.file)
}

/// The rows of a file, one after the other.
struct Rows<T> {
    x: Vec<T>,
    y: Vec<T>,
    features: Vec<Column>,
    targets: Vec<String>,
    groups: Option<Vec<u32>>,
    dropped: usize,
}

impl<T: Real> Rows<T> {
    /// The table of these rows, if they can be learnt from.
    fn into_table(self, file: &Path) -> Result<Table> {
        let Self { mut x, y, features, targets, groups, dropped } = self;
        let rows = y.len() / targets.len();
        if rows == 0 {
            let problem = match dropped {
                0 => "has no rows, expected at least one".to_owned(),
                _ => format!(
                    "has a missing value in each of its {dropped} rows; `data.missing=mean` fills features"
                ),
            };
            return Err(Error::data(file.display(), problem));
        }
        for (column, name) in targets.iter().enumerate() {
            let mut values = y.iter().skip(column).step_by(targets.len()).map(|y| y.to_f64());
            let first = values.next().unwrap_or_default();
            if rows > 1 && values.all(|value| value == first) {
                let problem = format!("is {first} in every row, expected a target that varies");
                return Err(Error::data(format!("{}:{name}", file.display()), problem));
            }
        }
        x.shrink_to_fit();
        let duplicates = duplicates(&x, &y, rows);
        let x_shape = (rows, x.len() / rows);
        let x = Tensor::from_vec(x, x_shape, &Device::Cpu)?;
        let mut data = Dataset::new(x, Tensor::from_vec(y, (rows, targets.len()), &Device::Cpu)?)?;
        if let Some(groups) = groups {
            data = data.with_groups(groups)?;
        }
        Ok(Table { data, features, targets, dropped, duplicates })
    }
}

/// The number of rows whose 64-bit hash a row before them has: the chance that two of ten million different rows share one
/// is 3e-6.
///
/// The hashes are sorted part by part, so that those of a part take no more than a third of the room of the rows, however
/// narrow these are.
fn duplicates<T: Real>(x: &[T], y: &[T], rows: usize) -> usize {
    let hash = |(x, y): (&[T], &[T])| {
        let mut hasher = DefaultHasher::new();
        for value in x.iter().chain(y) {
            hasher.write_u64(value.to_f64().to_bits());
        }
        hasher.finish()
    };
    let width = (x.len() + y.len()) / rows * size_of::<T>();
    let parts = (3 * size_of::<u64>()).div_ceil(width) as u64;
    let duplicates = |part| {
        let hashes = x.chunks(x.len() / rows).zip(y.chunks(y.len() / rows)).map(hash);
        let mut hashes: Vec<u64> = hashes.filter(|hash| hash % parts == part).collect();
        hashes.sort_unstable();
        hashes.windows(2).filter(|pair| pair[0] == pair[1]).count()
    };
    (0..parts).map(duplicates).sum()
}
