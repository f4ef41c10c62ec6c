//! The folder that a run holds while it writes.

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracing::warn;

use super::layout::LOCK;
use crate::error::{Error, Result};

/// A folder that no other process writes into, and that is still where it was.
///
/// Whoever holds the lock on its file `.lock` owns the folder. A folder that is renamed takes its lock along,
/// so that the path without that very file leads to another folder, which is not to be written into.
#[derive(Debug, Clone)]
pub(super) struct Place {
    path: PathBuf,
    lock: Arc<File>,
}

impl Place {
    /// Locks the folder at `path`.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Data`] when another process holds it, and with [`Error::File`] when it cannot be
    /// written.
    pub(super) fn lock(path: &Path) -> Result<Self> {
        let name = path.join(LOCK);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&name);
        let lock = file.map_err(|source| Error::cannot_write(&name, source))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let problem = "is in use by another taper, expected a folder that no other run writes into";
                return Err(Error::data(path.display(), problem));
            }
            Err(TryLockError::Error(error)) if has_no_locks(&error) => {
                warn!(
                    "{} is on a file system without locks ({error}): see to it that no other taper uses the folder",
                    path.display()
                );
            }
            Err(TryLockError::Error(source)) => return Err(Error::cannot_write(&name, source)),
        }
        Ok(Self { path: path.to_owned(), lock: Arc::new(lock) })
    }

    /// The folder's path, whether it is still there or not.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder's path, to write into it.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Data`] when the folder is no longer there.
    pub(super) fn check(&self) -> Result<&Path> {
        let there = fs::metadata(self.path.join(LOCK));
        let is_same = there.is_ok_and(|there| self.lock.metadata().is_ok_and(|held| is_same(&held, &there)));
        if is_same {
            return Ok(&self.path);
        }
        let problem =
            "was moved or removed while the run wrote into it; where it is now, the run can be resumed";
        Err(Error::data(self.path.display(), problem))
    }
}

/// Whether two files are one.
#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Whether two files are one; elsewhere an open folder cannot be renamed.
#[cfg(not(unix))]
fn is_same(_: &Metadata, _: &Metadata) -> bool {
    true
}

/// Whether a file system has no locks, as some of networks and of user space: ENOLCK, ENOSYS and ENOTSUP.
fn has_no_locks(error: &std::io::Error) -> bool {
    const ENOLCK: i32 = 37;
    error.kind() == ErrorKind::Unsupported
        || (cfg!(target_os = "linux") && error.raw_os_error() == Some(ENOLCK))
}

#[cfg(test)]
mod tests {
    use std::{env, io, process};

    use super::*;

    #[test]
    fn a_folder_that_moved_is_not_written_into() {
        let top = env::temp_dir().join(format!("taper-place-{}", process::id()));
        let (path, moved) = (top.join("run"), top.join("moved"));
        fs::create_dir_all(&path).unwrap();
        let place = Place::lock(&path).unwrap();
        assert_eq!(place.check().unwrap(), path);
        assert!(Place::lock(&path).unwrap_err().to_string().contains("is in use by another taper"));
        fs::rename(&path, &moved).unwrap();
        assert!(place.check().unwrap_err().to_string().contains("was moved or removed"));
        fs::create_dir(&path).unwrap();
        let other = Place::lock(&path).unwrap();
        assert!(place.check().is_err());
        other.check().unwrap();
        fs::remove_dir_all(top).unwrap();
    }

    #[test]
    fn missing_locks_are_known() {
        for (code, expected) in [(37, true), (38, true), (95, true), (13, false), (28, false)] {
            assert_eq!(has_no_locks(&io::Error::from_raw_os_error(code)), expected, "{code}");
        }
    }
}
