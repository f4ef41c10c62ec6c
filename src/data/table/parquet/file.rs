//! A Parquet file, read in blocks of rows.

use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::column::reader::ColumnReader;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};

use super::column::{Kind, Value, read};
use super::pages;
use crate::data::file::DataFile;
use crate::data::table::choice::twice;
use crate::data::table::source::Source;
use crate::error::{Error, Result};

/// An open file.
pub(super) struct ParquetFile {
    path: PathBuf,
    reader: SerializedFileReader<File>,
    source: Source,
    /// The names of all columns; a nested one has its path.
    pub(super) names: Vec<String>,
    /// The columns to read, by index.
    columns: Vec<(usize, Kind)>,
    /// The readers of `columns` in the current row group.
    readers: Vec<ColumnReader>,
    /// The number of row groups opened so far.
    groups: usize,
    /// The number of rows read so far.
    pub(super) row: usize,
}

impl ParquetFile {
    /// Opens the file that `data.file` names.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let source = Source::open("data.file", path)?;
        let file = source
            .file
            .try_clone()
            .map_err(|error| Error::data(path.display(), format!("cannot be read: {error}")))?;
        let reader = SerializedFileReader::new(file).map_err(|error| damaged(path.display(), &error))?;
        let schema = reader.metadata().file_metadata().schema_descr();
        let names: Vec<_> = schema.columns().iter().map(|column| column.path().string()).collect();
        let path = path.to_owned();
        if let Some((name, _)) = twice(&names) {
            let problem = format!("has the column '{}' twice, expected different names", names[name]);
            return Err(Error::data(path.display(), problem));
        }
        Ok(Self { path, reader, source, names, columns: Vec::new(), readers: Vec::new(), groups: 0, row: 0 })
    }

    /// Whether a column has dates or times.
    pub(super) fn has_dates(&self, index: usize) -> bool {
        let schema = self.reader.metadata().file_metadata().schema_descr_ptr();
        matches!(Kind::of(&schema.column(index)), Ok(Kind::Time(_)))
    }

    /// Chooses the columns to read, by their indices; that of `order` may have dates or times, and those for
    /// which `may_have_dates`.
    pub(super) fn choose(
        &mut self,
        columns: impl IntoIterator<Item = usize>,
        order: Option<usize>,
        may_have_dates: impl Fn(usize) -> bool,
    ) -> Result<()> {
        let schema = self.reader.metadata().file_metadata().schema_descr_ptr();
        for index in columns {
            let name = &self.names[index];
            let problem = match Kind::of(&schema.column(index)) {
                Ok(Kind::Time(_)) if order != Some(index) && !may_have_dates(index) => format!(
                    "has dates or times, expected numbers or text; `data.drop={name}` leaves the column out, \
                     `data.dates=expand` makes features of it, `data.order={name}` orders the rows by it"
                ),
                Ok(kind) => {
                    self.columns.push((index, kind));
                    continue;
                }
                Err(has) => {
                    format!("has {has}, expected numbers or text; `data.drop={name}` leaves the column out")
                }
            };
            return Err(Error::data(format!("{}:{name}", self.path.display()), problem));
        }
        Ok(())
    }

    /// The values of the next rows, at most `count` of them, column by column; empty where a column is not
    /// chosen, and at the end of the file.
    pub(super) fn next(&mut self, count: usize) -> Result<Vec<Vec<Value>>> {
        loop {
            let mut values = vec![Vec::new(); self.names.len()];
            for (reader, &(index, kind)) in self.readers.iter_mut().zip(&self.columns) {
                values[index] = read(reader, kind, count).map_err(|error| {
                    damaged(format!("{}:{}", self.path.display(), self.names[index]), &error)
                })?;
            }
            let mut lengths = self.columns.iter().map(|&(index, _)| values[index].len());
            let rows = lengths.next().unwrap_or(0);
            if lengths.any(|length| length != rows) {
                let problem = "is damaged: its columns have different numbers of rows";
                return Err(Error::data(self.path.display(), problem));
            }
            if rows > 0 {
                self.row += rows;
                self.show_progress(rows);
                return Ok(values);
            }
            if self.groups == self.reader.num_row_groups() {
                return Ok(values);
            }
            let group = self
                .reader
                .get_row_group(self.groups)
                .map_err(|error| damaged(self.path.display(), &error))?;
            let open = |&(index, _): &(usize, Kind)| pages::open(&*group, index);
            let readers: Result<_, _> = self.columns.iter().map(open).collect();
            self.readers = readers.map_err(|error| damaged(self.path.display(), &error))?;
            self.groups += 1;
        }
    }

    /// The file by its content, when its rows have been read.
    pub(super) fn into_file(self) -> Result<DataFile> {
        self.source.finish()
    }

    /// Advances the progress in bytes in proportion to the `rows` just read.
    fn show_progress(&self, rows: usize) {
        let all = self.reader.metadata().file_metadata().num_rows().max(1).cast_unsigned();
        let bytes = |row: usize| u128::from(self.source.len) * row as u128 / u128::from(all);
        self.source.advance((bytes(self.row) - bytes(self.row - rows)) as usize);
    }
}

fn damaged(place: impl ToString, error: &ParquetError) -> Error {
    let error = error.to_string();
    Error::data(place, format!("cannot be read as Parquet: {}", error.lines().next().unwrap_or_default()))
}
