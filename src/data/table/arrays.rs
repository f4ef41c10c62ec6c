//! Matrices in .npy, .npz and .safetensors files.

use std::fs;
use std::io::Read;
use std::path::Path;

use safetensors::tensor::Metadata;

use super::cell::Real;
use super::columns::Column;
use super::expansion::{Expansion, Values, expand};
use super::matrix::{Array, Matrix};
use super::npy;
use super::npz::Npz;
use super::origin::Origin;
use super::raw_table::RawTable;
use super::source::Source;
use crate::config::{FileConfig, Missing, MissingTarget};
use crate::data::dataset::target_names;
use crate::data::file::DataFile;
use crate::error::{Error, Result};
use crate::text::{list, quote};

/// The longest header that the .safetensors format allows.
const LONGEST_HEADER: u64 = 100_000_000;
/// The tensor of the features.
pub(super) const X: &str = "X";

/// Reads `config.file`, and the targets from the file that `config.target` names.
pub(super) fn read_npy<T: Real>(config: &FileConfig, origin: Origin) -> Result<RawTable<T>> {
    check_names(config, ".npy")?;
    if !config.features.is_empty() {
        let problem =
            format!("is {}, expected none: the columns of .npy files have no names", shown(&config.features));
        return Err(Error::config("data.features", problem));
    }
    let [target] = config.target.as_slice() else {
        let problem = format!("is {}, expected the .npy file of the targets", shown(&config.target));
        return Err(Error::config("data.target", problem));
    };
    if !Path::new(target).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npy")) {
        return Err(Error::config(
            "data.target",
            format!("is {target}, expected the .npy file of the targets"),
        ));
    }
    if let (Ok(x), Ok(y)) = (fs::canonicalize(&config.file), fs::canonicalize(target))
        && x == y
    {
        return Err(Error::config("data.target", format!("is {target}, which is the file of the features")));
    }
    // One after the other, to show one progress bar at a time.
    let (x, x_file) = {
        let (mut source, array) = open_npy("data.file", &config.file)?;
        (Matrix::read(&mut source, array, origin)?, source.finish()?)
    };
    let (mut source, array) = open_npy("data.target", Path::new(target))?;
    let y = Matrix::read(&mut source, array, Origin::Zero)?;
    join::<T>(config, x, y, vec![x_file, source.finish()?])
}

/// A file of several arrays by name.
pub(super) trait Archive {
    /// The names of all arrays, sorted.
    fn names(&self) -> Vec<String>;

    /// Reads the array `name`, which is there.
    fn read<T: Real>(&mut self, name: &str, origin: Origin) -> Result<Matrix<T>>;

    /// The file by its content, when its arrays have been read.
    fn into_file(self) -> Result<DataFile>;
}

/// Reads the arrays `X` and `y` of `config.file`, or those that `config.features` and `config.target` name
/// instead.
pub(super) fn read_archive<T: Real>(
    config: &FileConfig,
    origin: Origin,
    mut archive: impl Archive,
) -> Result<RawTable<T>> {
    check_names(config, "such")?;
    let names = archive.names();
    let x = one_name("data.features", &config.features, X, config, &names)?;
    let y = one_name("data.target", &config.target, "y", config, &names)?;
    if x == y {
        return Err(Error::config(
            "data.target",
            format!("is {}, which is the array of the features", quote(y)),
        ));
    }
    let x = archive.read(x, origin)?;
    let y = archive.read(y, Origin::Zero)?;
    join::<T>(config, x, y, vec![archive.into_file()?])
}

/// The name of the array that the setting `key` chooses among `names`, or `default`.
fn one_name<'a>(
    key: &'static str,
    chosen: &'a [String],
    default: &'a str,
    config: &FileConfig,
    names: &[String],
) -> Result<&'a str> {
    let name = match chosen {
        [] => default,
        [name] => name,
        several => {
            let problem = format!("is {}, expected the name of one array", shown(several));
            return Err(Error::config(key, problem));
        }
    };
    if names.iter().any(|there| there == name) {
        return Ok(name);
    }
    let (file, has) = (config.file.display(), if names.is_empty() { "none".to_owned() } else { list(names) });
    Err(if chosen.is_empty() {
        Error::data(
            file,
            format!("has no array '{name}', expected one, or its name in `{key}`; it has {has}"),
        )
    } else {
        Error::config(key, format!("is {}, which {file} does not have; it has {has}", quote(name)))
    })
}

impl Archive for Tensors<'_> {
    fn names(&self) -> Vec<String> {
        Tensors::names(self)
    }

    fn read<T: Real>(&mut self, name: &str, origin: Origin) -> Result<Matrix<T>> {
        let array = self.find(name)?;
        Matrix::read(&mut self.source, array, origin)
    }

    fn into_file(self) -> Result<DataFile> {
        self.source.finish()
    }
}

impl Archive for Npz<'_> {
    fn names(&self) -> Vec<String> {
        Npz::names(self)
    }

    fn read<T: Real>(&mut self, name: &str, origin: Origin) -> Result<Matrix<T>> {
        let (mut source, array) = self.find(name)?;
        Matrix::read(&mut source, array, origin)
    }

    fn into_file(self) -> Result<DataFile> {
        Npz::into_file(self)
    }
}

/// Opens the .npy file that the setting `key` names, and reads its header.
pub(super) fn open_npy(key: &'static str, path: &Path) -> Result<(Source, Array)> {
    let mut source = Source::open(key, path)?;
    let header = npy::read_header(&mut source).map_err(|problem| Error::data(path.display(), problem))?;
    let size = source.len;
    Ok((source, header.array(path.display().to_string(), 0, size)?))
}

/// An open .safetensors file.
pub(super) struct Tensors<'a> {
    pub(super) source: Source,
    file: &'a Path,
    metadata: Metadata,
    /// The offset of the first tensor.
    start: u64,
}

impl<'a> Tensors<'a> {
    /// Opens the file that the setting `key` names, and reads its header.
    pub(super) fn open(key: &'static str, file: &'a Path) -> Result<Self> {
        let mut source = Source::open(key, file)?;
        let failed = |problem: String| Error::data(file.display(), problem);
        let mut start = [0; 8];
        source
            .read_exact(&mut start)
            .map_err(|_| failed("ends within the header of a .safetensors file".to_owned()))?;
        let len = u64::from_le_bytes(start);
        if len > LONGEST_HEADER || len > source.len {
            return Err(failed(format!("does not begin like a .safetensors file: a header of {len} bytes")));
        }
        let mut header = vec![0; len as usize];
        source.read_exact(&mut header).map_err(|error| failed(format!("cannot be read: {error}")))?;
        let metadata: Metadata = serde_json::from_slice(&header)
            .map_err(|error| failed(format!("has a header that is not one of .safetensors: {error}")))?;
        if (8 + len).checked_add(metadata.data_len() as u64) != Some(source.len) {
            let problem = format!(
                "has {} bytes after its header, which says {}; is it cut off?",
                source.len - 8 - len,
                metadata.data_len()
            );
            return Err(failed(problem));
        }
        Ok(Self { source, file, metadata, start: 8 + len })
    }

    /// Finds the tensor `name` without reading it.
    pub(super) fn find(&self, name: &str) -> Result<Array> {
        let file = self.file.display();
        let Some(info) = self.metadata.info(name) else {
            let names = self.names();
            let names = if names.is_empty() { "none".to_owned() } else { list(&names) };
            return Err(Error::data(file, format!("has no tensor '{name}', expected one; it has {names}")));
        };
        let start = self.start + info.data_offsets.0 as u64;
        Array::new(format!("{file}:{name}"), info.dtype, false, &info.shape, start)
    }

    /// The names of all tensors, sorted.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names = self.metadata.offset_keys();
        names.sort_unstable();
        names
    }
}

/// Rejects column names for files whose columns have none.
fn check_names(config: &FileConfig, format: &str) -> Result<()> {
    let (group, order) = (config.group.as_slice(), config.order.as_slice());
    for (key, names) in [("data.drop", config.drop.as_slice()), ("data.group", group), ("data.order", order)]
    {
        if !names.is_empty() {
            let problem =
                format!("is {}, expected none: the columns of {format} files have no names", shown(names));
            return Err(Error::config(key, problem));
        }
    }
    Ok(())
}

fn shown(names: &[String]) -> String {
    if names.is_empty() { "missing".to_owned() } else { list(names) }
}

/// Joins features and targets, and handles missing values as configured.
fn join<T: Real>(
    config: &FileConfig,
    mut x: Matrix<T>,
    mut y: Matrix<f64>,
    files: Vec<DataFile>,
) -> Result<RawTable<T>> {
    x.array.check_matrix()?;
    let (rows, expected) = (y.array.rows, x.array.rows);
    if rows != expected {
        let problem = format!("has {rows} rows, expected {expected} as in {}", x.array.name);
        return Err(y.array.error(&problem));
    }
    let mut dropped = 0;
    if config.missing == Missing::Drop || config.missing_target == MissingTarget::Drop {
        let has_features = |row| config.missing != Missing::Drop || !x.row_is_missing(row);
        let keep: Vec<_> = (0..rows).map(|row| has_features(row) && !y.row_is_missing(row)).collect();
        dropped = keep.iter().filter(|&&keep| !keep).count();
        x.keep(&keep);
        y.keep(&keep);
    }
    if let Some(place) = y.missing() {
        let problem = "is NaN, a missing value, and a target cannot be filled; `data.missing_target=drop` leaves out such \
                       rows";
        return Err(Error::data(place, problem));
    }
    if config.missing == Missing::Error
        && let Some(place) = x.missing()
    {
        let problem = "is NaN, a missing value; `data.missing=drop` leaves out such rows, `data.missing=mean` fills the mean in";
        return Err(Error::data(place, problem));
    }
    if let Some(column) = x.column_without_values() {
        let place = format!("{}[:, {column}]", x.array.name);
        return Err(Error::data(place, "is NaN in every row, expected a value in at least one"));
    }
    let mut features = Column::unnamed(x.array.columns);
    if config.missing_indicator {
        for (column, is_missing) in features.iter_mut().zip(x.columns_with_missing()) {
            column.marks_missing = is_missing;
        }
    }
    let expansion =
        |column: &Column| Expansion { values: Values::Number, marks_missing: column.marks_missing };
    let expansions: Vec<_> = features.iter().map(expansion).collect();
    let with_marks = |(origin, column): (f64, &Column)| {
        [Some(origin), column.marks_missing.then_some(0.)].into_iter().flatten()
    };
    let origins = x.origins.into_iter().zip(&features).flat_map(with_marks).collect();
    let x = expand(&config.file, x.values, &expansions)?;
    let targets = target_names(y.array.columns);
    let (left_out, notes) = (Vec::new(), Vec::new());
    Ok(RawTable {
        files,
        x,
        origins,
        y: y.values,
        features,
        targets,
        groups: None,
        order: None,
        left_out,
        notes,
        dropped,
    })
}
