//! What was read from a file, before and after its values are checked.

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;
use std::path::Path;

use candle_core::{Device, Tensor};

use super::cell::Real;
use super::columns::Column;
use crate::data::dataset::Dataset;
use crate::data::feature::FeatureKind;
use crate::data::file::DataFile;
use crate::error::{Error, Result};
use crate::memory;

/// What was read from a file.
#[derive(Debug, Clone)]
pub struct Table {
    /// The files that were read; none where the data are made up.
    pub files: Vec<DataFile>,
    /// The rows; a missing feature is NaN. Targets are as in the file, in `f64`.
    pub data: Dataset,
    /// The columns of the features.
    pub features: Vec<Column>,
    /// The column whose equal values are a group.
    pub group: Option<String>,
    /// The column that orders the rows.
    pub order: Option<String>,
    /// The columns of the file that are not used.
    pub left_out: Vec<String>,
    /// What was noticed while reading, in sentences.
    pub notes: Vec<String>,
    /// The number of rows dropped because a value is missing.
    pub dropped: usize,
    /// The number of rows that equal an earlier one in all features and targets.
    pub duplicates: usize,
}

impl Table {
    /// `data` whose features have no names: they become `x0`, `x1`, ....
    pub fn unnamed(data: Dataset) -> Self {
        let features = Column::unnamed(data.features());
        Self {
            files: Vec::new(),
            data,
            features,
            group: None,
            order: None,
            left_out: Vec::new(),
            notes: Vec::new(),
            dropped: 0,
            duplicates: 0,
        }
    }
}

/// The decoded rows of a file in row-major order.
pub(super) struct RawTable<T> {
    pub(super) files: Vec<DataFile>,
    /// Relative to `origins`.
    pub(super) x: Vec<T>,
    /// What each feature is stored relative to.
    pub(super) origins: Vec<f64>,
    pub(super) y: Vec<f64>,
    pub(super) features: Vec<Column>,
    pub(super) targets: Vec<String>,
    /// The group column, and the group of each row.
    pub(super) groups: Option<(String, Vec<u32>)>,
    /// The column that orders the rows, and the rank of each row.
    pub(super) order: Option<(String, Vec<u32>)>,
    pub(super) left_out: Vec<String>,
    /// What was noticed while reading.
    pub(super) notes: Vec<String>,
    pub(super) dropped: usize,
}

impl<T: Real> RawTable<T> {
    /// The table of these rows of `file`, unless there is nothing in them to learn.
    pub(super) fn check(self, file: &Path) -> Result<Table> {
        let Self {
            files,
            mut x,
            origins,
            y,
            features,
            targets,
            groups,
            order: ranks,
            left_out,
            notes,
            dropped,
        } = self;
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
            let mut values = y.iter().skip(column).step_by(targets.len()).copied();
            let first = values.next().unwrap_or_default();
            if rows > 1 && values.all(|value| value == first) {
                let problem = format!("is {first} in every row, expected a target that varies");
                return Err(Error::data(format!("{}:{name}", file.display()), problem));
            }
        }
        x.shrink_to_fit();
        let duplicates = duplicates(&x, &y, rows);
        let duplicates = duplicates
            .map_err(|problem| Error::data(file.display(), format!("to look for equal rows {problem}")))?;
        let x_shape = (rows, x.len() / rows);
        let x = Tensor::from_vec(x, x_shape, &Device::Cpu)?;
        let y = Tensor::from_vec(y, (rows, targets.len()), &Device::Cpu)?;
        let mut data = Dataset::new(x, y)?.with_origins(origins)?.with_target_names(targets)?;
        let kinds: Vec<_> = features.iter().flat_map(Column::kinds).collect();
        if kinds.iter().any(|kind| *kind != FeatureKind::Number) {
            data = data.with_kinds(kinds)?;
        }
        let (mut group, mut order) = (None, None);
        if let Some((name, groups)) = groups {
            data = data.with_groups(groups)?;
            group = Some(name);
        }
        if let Some((name, ranks)) = ranks {
            data = data.with_order(ranks)?;
            order = Some(name);
        }
        Ok(Table { files, data, features, group, order, left_out, notes, dropped, duplicates })
    }
}

/// The number of rows that share the 64-bit hash of an earlier one: the chance that any two of ten million
/// different rows do is 3e-6.
///
/// The hashes are sorted in parts, each of which takes at most a third of the memory of the rows, however
/// narrow they are.
fn duplicates<T: Real>(x: &[T], y: &[f64], rows: usize) -> Result<usize, String> {
    let hash = |(x, y): (&[T], &[f64])| {
        let mut hasher = DefaultHasher::new();
        for value in x.iter().map(|x| x.to_f64()).chain(y.iter().copied()) {
            hasher.write_u64(value.to_bits());
        }
        hasher.finish()
    };
    let width = (size_of_val(x) + size_of_val(y)) / rows;
    let parts = (3 * size_of::<u64>()).div_ceil(width) as u64;
    let duplicates = |part| {
        let all = x.chunks(x.len() / rows).zip(y.chunks(y.len() / rows)).map(hash);
        let mut hashes: Vec<u64> = Vec::new();
        for hash in all.filter(|hash| hash % parts == part) {
            memory::grow(&mut hashes, 1)?;
            hashes.push(hash);
        }
        hashes.sort_unstable();
        Ok(hashes.windows(2).filter(|pair| pair[0] == pair[1]).count())
    };
    (0..parts).map(duplicates).sum()
}
