//! Files of data, by their content.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf, absolute};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::storage::hex;

/// A file of data, by its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFile {
    /// Its path, as it was given.
    pub file: PathBuf,
    /// Its absolute path, by which it is found from another folder; nothing of runs that an earlier version
    /// began.
    #[serde(default)]
    pub absolute: Option<PathBuf>,
    /// Its size.
    pub bytes: u64,
    /// The SHA-256 sum of its content, in hexadecimal digits.
    pub sha256: String,
}

impl DataFile {
    /// The file at `path` whose content has `bytes` bytes and the sum `sha256`.
    pub(crate) fn new(path: &Path, bytes: u64, sha256: String) -> Self {
        Self { file: path.to_owned(), absolute: absolute(path).ok(), bytes, sha256 }
    }

    /// Where the file is now: at the path that was given, from this folder, or where it was then. Of two
    /// files the one with the content is the right one; nothing if none is there.
    pub(crate) fn find(&self) -> Option<&Path> {
        let given = Some(self.file.as_path()).filter(|path| path.is_file());
        let then = self.absolute.as_deref().filter(|path| path.is_file());
        match (given, then) {
            // Usually the two are one, and then there is nothing to compare.
            (Some(given), Some(then))
                if fs::canonicalize(given).ok() != fs::canonicalize(then).ok()
                    && !self.is(given)
                    && self.is(then) =>
            {
                Some(then)
            }
            (given, then) => given.or(then),
        }
    }

    /// Whether the file at `path` has the content.
    fn is(&self, path: &Path) -> bool {
        let mut hash = Sha256::new();
        let is_as_long = fs::metadata(path).is_ok_and(|metadata| metadata.len() == self.bytes);
        let mut is_hashed = || File::open(path).and_then(|mut file| io::copy(&mut file, &mut hash)).is_ok();
        is_as_long && is_hashed() && hex(&hash.finalize()) == self.sha256
    }
}
