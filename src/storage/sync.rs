//! Waiting until the disk has what was written.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Once;

use tracing::warn;

use crate::error::{Error, Result};

/// Waits until the disk has all of `file`, where the file system can tell.
pub(super) fn sync_file(file: &File) -> io::Result<()> {
    tolerate(file.sync_all())
}

/// Waits until the disk has the names in the folder at `path`. Only Unix can open a folder for that.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        sync_file(&File::open(path)?)?;
    }
    Ok(())
}

/// Makes the folder at `path` and those above it that are missing, and waits until the disk has them.
///
/// # Errors
///
/// Fails with [`Error::File`] when one cannot be made.
pub fn create_folders(path: &Path) -> Result<()> {
    let is_missing = |path: &&Path| !path.as_os_str().is_empty() && !path.is_dir();
    let missing: Vec<_> = path.ancestors().take_while(is_missing).collect();
    for path in missing.into_iter().rev() {
        let made = match fs::create_dir(path) {
            // Another process was faster.
            Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            made => made.and_then(|()| sync_folder(folder(path))),
        };
        made.map_err(|source| Error::cannot_write(path, source))?;
    }
    Ok(())
}

/// The folder that holds the file at `path`.
pub(super) fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Takes it that a file system which cannot wait for the disk has written: some of networks and of user space
/// answer EINVAL, ENOSYS or ENOTSUP. The first time, that is said.
fn tolerate(synced: io::Result<()>) -> io::Result<()> {
    static WARNING: Once = Once::new();
    match synced {
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => {
            WARNING.call_once(|| {
                warn!("the file system cannot wait for the disk ({error}): a power failure may cost what was written last");
            });
            Ok(())
        }
        synced => synced,
    }
}

#[cfg(test)]
mod tests {
    use std::process;

    use super::*;

    #[test]
    fn missing_folders_are_made() {
        let top = std::env::temp_dir().join(format!("taper-folders-{}", process::id()));
        let path = top.join("a/b");
        create_folders(&path).unwrap();
        create_folders(&path).unwrap();
        assert!(path.is_dir());
        fs::write(path.join("file"), "").unwrap();
        let error = create_folders(&path.join("file/c")).unwrap_err().to_string();
        assert!(error.contains("file cannot be written: "), "{error}");
        fs::remove_dir_all(top).unwrap();
    }

    #[test]
    fn a_file_system_that_cannot_sync_is_no_failure() {
        // EINVAL, ENOSYS and ENOTSUP of Linux, as pipes, FUSE and NFS give them.
        for code in [22, 38, 95] {
            tolerate(Err(io::Error::from_raw_os_error(code))).unwrap();
        }
        let full = io::Error::from_raw_os_error(28);
        assert_eq!(tolerate(Err(full)).unwrap_err().raw_os_error(), Some(28));
    }
}
