//! Files that are written whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Writes `bytes` to the file at `path`, or leaves what is there as it is.
///
/// # Errors
///
/// Fails with [`Error::File`] when the file or its folder cannot be written, as on a full disk.
///
/// # Examples
///
/// ```
/// let path = std::env::temp_dir().join(format!("taper-example-{}", std::process::id()));
/// taper::storage::write_atomically(&path, b"whole")?;
/// assert_eq!(std::fs::read(&path)?, b"whole");
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes).map_err(|source| Error::cannot_write(path, source))?;
    file.commit()
}

/// A file that appears under its name only when it is complete.
///
/// What is written goes to `.NAME.partial` beside it. [`commit`](Self::commit) waits until the disk has it, renames it,
/// and waits until the disk has the name; without it nothing is left.
#[derive(Debug)]
pub struct AtomicFile {
    path: PathBuf,
    partial: PathBuf,
    /// `None` when committed.
    file: Option<BufWriter<File>>,
}

impl AtomicFile {
    /// Begins the file that is to be at `path`, whose folder must exist.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::File`] when the folder cannot be written.
    pub fn create(path: &Path) -> Result<Self> {
        let partial = partial(path);
        let file = File::create(&partial).map_err(|source| Error::cannot_write(path, source))?;
        Ok(Self { path: path.to_owned(), partial, file: Some(BufWriter::new(file)) })
    }

    /// Gives the file its name.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::File`] when not all of it can be written; what was there before is left as it was.
    pub fn commit(mut self) -> Result<()> {
        self.persist().map_err(|source| Error::cannot_write(&self.path, source))
    }

    fn persist(&mut self) -> io::Result<()> {
        if let Some(file) = self.file.as_mut() {
            file.flush()?;
            file.get_ref().sync_all()?;
        }
        fs::rename(&self.partial, &self.path)?;
        self.file = None;
        sync_folder(&self.path)
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.as_mut().map_or(Ok(0), |file| file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), BufWriter::flush)
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if self.file.is_some() {
            // That it cannot be removed either changes nothing about what went wrong before.
            let _ = fs::remove_file(&self.partial);
        }
    }
}

/// Where the file at `path` is while it is written, and stays when the process is killed then.
pub(crate) fn partial(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".partial");
    path.with_file_name(name)
}

/// Waits until the disk has the names in the folder of `path`. Only Unix can open a folder for that.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("taper-atomic-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn names(folder: &Path) -> Vec<OsString> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn a_file_is_replaced_whole_or_not_at_all() {
        let folder = folder("replace");
        let path = folder.join("a");
        write_atomically(&path, b"before").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"after").unwrap();
        file.flush().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"before");
        drop(file);
        assert_eq!(fs::read(&path).unwrap(), b"before");
        write_atomically(&path, b"after").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"after");
        assert_eq!(names(&folder), ["a"]);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let folder = folder("missing");
        let path = folder.join("no/file");
        let error = write_atomically(&path, b"").unwrap_err().to_string();
        assert!(error.contains("no/file cannot be written: "), "{error}");
        // A name that is a folder's cannot be replaced.
        fs::create_dir(folder.join("b")).unwrap();
        write_atomically(&folder.join("b"), b"").unwrap_err();
        assert_eq!(names(&folder), ["b"]);
        fs::remove_dir_all(folder).unwrap();
    }
}
