//! Files that a command is told to write.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use taper::storage::{AtomicFile, create_folders, resolve_parent};
use taper::{Error, Result};

/// A file that may be written.
pub(super) struct OutputFile {
    path: PathBuf,
    force: bool,
}

impl OutputFile {
    /// The file at `path`, which the flag of `key` names, with links resolved, if it may be written: it is
    /// not one of the `inputs`, and exists only with `force`. `instead` ends the sentence about what is not a
    /// file.
    pub(super) fn check(
        key: &'static str,
        path: &Path,
        inputs: &[&Path],
        force: bool,
        instead: &str,
    ) -> Result<Self> {
        let refused =
            |problem: &str| Err(Error::Config { key, problem: format!("is {}, {problem}", path.display()) });
        let cannot = |error| refused(&format!("which cannot be written: {error}"));
        if names_a_folder(path) {
            return refused(&format!("which is the name of a folder; {instead}"));
        }
        let link = match fs::symlink_metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Self { path: path.to_owned(), force });
            }
            Err(error) => return cannot(error),
            Ok(metadata) => metadata.is_symlink(),
        };
        match fs::metadata(path) {
            Err(error) if link && error.kind() == ErrorKind::NotFound => {
                return refused("a link to a missing file; expected the name of that file, or another");
            }
            Err(error) => return cannot(error),
            Ok(metadata) if !metadata.is_file() => {
                return refused(&format!("which is not a file; {instead}"));
            }
            Ok(_) => {}
        }
        if inputs.iter().any(|input| is_same(input, path)) {
            return refused("which is read; expected another file");
        }
        if !force {
            return refused("which already exists; `force` replaces it");
        }
        Ok(Self { path: real(path), force })
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Begins to write it, in a folder that is made if it is missing.
    pub(super) fn create(&self) -> Result<AtomicFile> {
        if let Some(folder) = self.path.parent() {
            create_folders(folder)?;
        }
        AtomicFile::create(&self.path)
    }

    /// Gives `file` its name. A file that has come into being since is replaced only with `--force`.
    pub(super) fn commit(&self, file: AtomicFile) -> Result<()> {
        if self.force { file.commit() } else { file.commit_new() }
    }
}

/// Refuses a file for the log that is one of `others`, which the command reads or writes.
pub(super) fn check_log<'a>(log: Option<&Path>, others: impl IntoIterator<Item = &'a Path>) -> Result<()> {
    let Some(log) = log else { return Ok(()) };
    match others.into_iter().find(|other| is_same(log, other)) {
        Some(_) => Err(bad_log(log)),
        None => Ok(()),
    }
}

/// The error that the command reads or writes the file for the log.
pub(super) fn bad_log(log: &Path) -> Error {
    let problem = format!("is {}, which is also read or written; expected a file of its own", log.display());
    Error::Config { key: "log_file", problem }
}

/// Whether a path cannot be a file's by its end, which is a separator or dots.
fn names_a_folder(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.is_empty() || !path.as_os_str().as_encoded_bytes().ends_with(name)
}

/// Whether two paths lead to one file, whether it is there or not.
pub(super) fn is_same(one: &Path, other: &Path) -> bool {
    real(one) == real(other)
}

/// `path` behind links.
fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| resolve_parent(path))
}
