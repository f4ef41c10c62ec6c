//! Arrays of numpy in a zip archive, as `numpy.savez` writes them.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::matrix::Array;
use super::npy;
use super::source::Source;
use crate::data::file::DataFile;
use crate::error::{Error, Result};

/// How the names of members end.
const ENDING: &str = ".npy";

/// An open .npz file.
pub(super) struct Npz<'a> {
    source: Source,
    file: &'a Path,
    archive: ZipArchive<File>,
}

impl<'a> Npz<'a> {
    /// Opens the file that the setting `key` names, and reads the names of its arrays.
    pub(super) fn open(key: &'static str, file: &'a Path) -> Result<Self> {
        let source = Source::open(key, file)?;
        let clone = source.file.try_clone().map_err(|error| cannot_read(file, error))?;
        let archive = ZipArchive::new(clone).map_err(|error| damaged(file, &error))?;
        Ok(Self { source, file, archive })
    }

    /// The names of all arrays, sorted.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self
            .archive
            .file_names()
            .filter_map(|name| Some(name.ok()?.strip_suffix(ENDING)?.to_owned()))
            .collect();
        names.sort_unstable();
        names
    }

    /// Finds the array `name`, and the file that has its elements: the archive, or where they are packed an
    /// unnamed file into which they are unpacked.
    pub(super) fn find(&mut self, name: &str) -> Result<(Source, Array)> {
        let file = self.file;
        let place = format!("{}:{name}", file.display());
        let mut member =
            self.archive.by_name(&format!("{name}{ENDING}")).map_err(|error| damaged(file, &error))?;
        let size = member.size();
        let failed = |error| cannot_read(file, error);
        let (mut unpacked, start) = match (member.compression(), member.data_start()) {
            (CompressionMethod::Stored, Some(start)) => {
                // At its end the checksum is compared.
                io::copy(&mut member, &mut io::sink()).map_err(failed)?;
                (self.source.file.try_clone().map_err(failed)?, start)
            }
            _ => (unpack(&mut member, size).map_err(failed)?, 0),
        };
        unpacked.seek(SeekFrom::Start(start)).map_err(failed)?;
        let mut source = Source::part(unpacked, file, size);
        let header = npy::read_header(&mut source).map_err(|problem| Error::data(&place, problem))?;
        Ok((source, header.array(place, start, size)?))
    }

    /// The file by its content, when its arrays have been read.
    pub(super) fn into_file(self) -> Result<DataFile> {
        self.source.finish()
    }
}

/// An unnamed file with the `size` bytes of `member`.
fn unpack(member: &mut impl Read, size: u64) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    // A member that has more than it says is not to fill the disk.
    let copied = io::copy(&mut member.by_ref().take(size), &mut file)?;
    // At its end the checksum is compared.
    if copied < size || member.read(&mut [0])? > 0 {
        return Err(io::Error::other("it has another size than it says"));
    }
    Ok(file)
}

fn cannot_read(file: &Path, error: io::Error) -> Error {
    Error::data(file.display(), format!("cannot be read: {error}"))
}

fn damaged(file: &Path, error: &ZipError) -> Error {
    Error::data(file.display(), format!("cannot be read as .npz: {error}"))
}
