//! Files that are written whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use tempfile::{Builder, TempPath};

use super::sync::{folder, sync_file, sync_folder};

use crate::error::{Error, Result};

/// How the name of a file ends that is being written.
const PARTIAL: &str = ".partial";

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
    write(AtomicFile::create(path)?, bytes)
}

/// As [`write_atomically`], in a folder in which nobody else writes: what a killed process leaves is at
/// [`partial`].
pub(crate) fn write_exclusive(path: &Path, bytes: &[u8]) -> Result<()> {
    write(AtomicFile::create_exclusive(path)?, bytes)
}

fn write(mut file: AtomicFile, bytes: &[u8]) -> Result<()> {
    file.write_all(bytes).map_err(|source| Error::cannot_write(&file.path, source))?;
    file.commit()
}

/// Reads the JSON document in the file at `path`.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read(path).map_err(|source| Error::cannot_read(path, source))?;
    serde_json::from_slice(&text)
        .map_err(|error| Error::data(path.display(), format!("cannot be read: {error}")))
}

/// `path` with the links in its folder resolved: the same for all paths to a file or a link, whether it is
/// there or not.
pub fn resolve_parent(path: &Path) -> PathBuf {
    match (fs::canonicalize(folder(path)), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
}

/// A file that appears under its name only when it is complete.
///
/// What is written goes to a file beside it whose name, `.NAME.*.partial`, no other has.
/// [`commit`](Self::commit) waits until the disk has it, renames it, and waits until the disk has the name;
/// without it nothing is left, unless the process is killed.
#[derive(Debug)]
pub struct AtomicFile {
    path: PathBuf,
    file: BufWriter<File>,
    partial: TempPath,
}

impl AtomicFile {
    /// Begins the file that is to be at `path`, whose folder must exist.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::File`] when the folder cannot be written.
    pub fn create(path: &Path) -> Result<Self> {
        let mut prefix = OsString::from(".");
        prefix.push(path.file_name().unwrap_or_default());
        prefix.push(".");
        // Not with the permissions of `tempfile`, which let nobody else read the file.
        let made = Builder::new()
            .prefix(&prefix)
            .suffix(PARTIAL)
            .make_in(folder(path), |path| File::create_new(path));
        let (file, partial) = made.map_err(|source| Error::cannot_write(path, source))?.into_parts();
        Ok(Self { path: path.to_owned(), file: BufWriter::new(file), partial })
    }

    /// As [`create`](Self::create), in a folder in which nobody else writes, at [`partial`].
    pub(crate) fn create_exclusive(path: &Path) -> Result<Self> {
        let partial = partial(path);
        let made = File::create(&partial).and_then(|file| Ok((file, TempPath::try_from_path(partial)?)));
        let (file, partial) = made.map_err(|source| Error::cannot_write(path, source))?;
        Ok(Self { path: path.to_owned(), file: BufWriter::new(file), partial })
    }

    /// The file that is being written, whose name ends in `.partial`.
    pub fn partial(&self) -> &Path {
        &self.partial
    }

    /// Gives the file its name. A file that had it is replaced, and its permissions are kept.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::File`] when not all of it can be written; what was there before is left as it was.
    pub fn commit(self) -> Result<()> {
        let Self { path, file, partial } = self;
        let committed = take_permissions(file.get_ref(), &path)
            .and_then(|()| synced(file))
            .and_then(|()| Ok(partial.persist(&path)?))
            .and_then(|()| sync_folder(folder(&path)));
        committed.map_err(|source| Error::cannot_write(&path, source))
    }

    /// Gives the file its name, unless another has that name by now.
    ///
    /// # Errors
    ///
    /// As [`commit`](Self::commit), and when another file has the name; what was written is then kept beside
    /// it, where the error says.
    pub fn commit_new(self) -> Result<()> {
        let Self { path, file, partial } = self;
        let committed = synced(file).and_then(|()| match partial.persist_noclobber(&path) {
            Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => {
                let kept = refused.path.keep()?;
                let kept = kept.file_name().unwrap_or_default().to_string_lossy();
                let problem = format!(
                    "another file has come to be there in the meantime; this one is {kept} beside it"
                );
                Err(io::Error::new(io::ErrorKind::AlreadyExists, problem))
            }
            // A file system that has neither a way to rename so nor links: what can be done is to look
            // before.
            Err(refused) if is_free(&path) => Ok(refused.path.persist(&path)?),
            result => Ok(result?),
        });
        let committed = committed.and_then(|()| sync_folder(folder(&path)));
        committed.map_err(|source| Error::cannot_write(&path, source))
    }
}

/// Whether nothing has the name `path`.
fn is_free(path: &Path) -> bool {
    fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Gives `file` the permissions of the file at `path`, if there is one.
fn take_permissions(file: &File, path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(replaced) if replaced.is_file() => file.set_permissions(replaced.permissions()),
        _ => Ok(()),
    }
}

/// Waits until the disk has all of `file`.
fn synced(mut file: BufWriter<File>) -> io::Result<()> {
    file.flush()?;
    sync_file(file.get_ref())
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Where the file at `path` is while it is written by the only process that may, and stays when that is
/// killed then.
pub(crate) fn partial(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(PARTIAL);
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use std::process;

    use super::*;

    fn empty_folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("taper-atomic-{name}-{}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn names(folder: &Path) -> Vec<OsString> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn a_file_is_replaced_whole_or_not_at_all() {
        let folder = empty_folder("replace");
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

    /// Two that write one file leave one of the two, and files of the user stay whatever their names are.
    #[test]
    fn writers_do_not_meet() {
        let folder = empty_folder("writers");
        let path = folder.join("a");
        let users = partial(&path);
        fs::write(&users, b"mine").unwrap();
        let mut files = [AtomicFile::create(&path).unwrap(), AtomicFile::create(&path).unwrap()];
        for (file, bytes) in files.iter_mut().zip([b"first", b"other"]) {
            file.write_all(bytes).unwrap();
        }
        let [first, other] = files;
        first.commit_new().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"first");
        let error = other.commit_new().unwrap_err().to_string();
        assert_eq!(fs::read(&path).unwrap(), b"first");
        // What was written at length is not lost.
        let kept = error.split("this one is ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
        assert_eq!(fs::read(folder.join(kept)).unwrap(), b"other", "{error}");
        assert_eq!(fs::read(users).unwrap(), b"mine");
        fs::remove_dir_all(folder).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn files_have_the_permissions_of_others() {
        use std::os::unix::fs::PermissionsExt;

        let folder = empty_folder("permissions");
        let [ours, theirs] = ["a", "b"].map(|name| folder.join(name));
        write_atomically(&ours, b"").unwrap();
        fs::write(&theirs, b"").unwrap();
        let [ours, theirs] = [ours, theirs].map(|path| fs::metadata(path).unwrap().permissions().mode());
        assert_eq!(ours, theirs);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let folder = empty_folder("missing");
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
