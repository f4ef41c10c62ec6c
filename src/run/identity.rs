//! What a run computes, by which it is recognised when it is resumed.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::CvConfig;
use crate::error::{Error, Result};
use crate::storage::hex;

/// What a run computes: a command, its settings and the data. Two runs with the same identity have the same
/// result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// The command, `cv` or `train`.
    pub command: String,
    /// All settings.
    pub config: CvConfig,
    /// The files of the data; none where they are made up.
    pub data: Vec<DataFile>,
    /// The version of how files are read and scaled, on which the last digits of a result depend; 0 of runs that do
    /// not say it.
    #[serde(default)]
    pub preparation: u32,
}

/// The version of how files are read and scaled: 1 since numbers are rounded after they are scaled.
const PREPARATION: u32 = 1;

/// A file of data, by its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFile {
    /// Its path, as it was given.
    pub file: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// The SHA-256 sum of its content, in hexadecimal digits.
    pub sha256: String,
}

impl Identity {
    /// The identity of `command` on the data of `config`, whose files are read for their sums.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::File`] when a file cannot be read, and with [`Error::Data`] when it is a folder, a
    /// pipe or a device.
    pub fn new(command: &str, config: &CvConfig) -> Result<Self> {
        let data = config.data.files().into_iter().map(DataFile::read).collect::<Result<_>>()?;
        Ok(Self { command: command.to_owned(), config: config.clone(), data, preparation: PREPARATION })
    }

    /// What differs from the identity `began` of a run to resume, as a sentence; `None` when nothing does.
    pub(crate) fn difference(&self, began: &Self) -> Option<String> {
        self.difference_in_data(&began.command, &began.data).or_else(|| {
            if let Some((key, now, then)) = self.config.difference(&began.config) {
                return Some(format!("{key} is {now}, and the run began with {then}"));
            }
            let is_other = self.preparation != began.preparation && !self.data.is_empty();
            is_other.then(|| {
                "this version of taper scales the data of files otherwise than the one that began the run, which would \
                 change its result"
                    .to_owned()
            })
        })
    }

    /// As [`difference`](Self::difference), of the command and the content of the data alone.
    pub(crate) fn difference_in_data(&self, command: &str, data: &[DataFile]) -> Option<String> {
        if self.command != command {
            let now = &self.command;
            return Some(format!("it is a run of `taper {command}`, and this is `taper {now}`"));
        }
        let changed = self.data.iter().zip(data).find(|(now, then)| now.sha256 != then.sha256);
        changed.map(|(now, then)| {
            let sizes = match (now.bytes, then.bytes) {
                (now, then) if now == then => "its content differs".to_owned(),
                (now, then) => format!("it has {now} bytes, and had {then}"),
            };
            format!("{} has changed since the run began: {sizes}", now.file.display())
        })
    }
}

impl DataFile {
    fn read(path: &Path) -> Result<Self> {
        // What came through a pipe is gone when the run is resumed.
        if !fs::metadata(path).map_err(|source| Error::cannot_read(path, source))?.is_file() {
            let problem = "is not a file, expected one that a run with a folder can read again";
            return Err(Error::data(path.display(), problem));
        }
        let mut hash = Sha256::new();
        let bytes = File::open(path).and_then(|mut file| io::copy(&mut file, &mut hash));
        let bytes = bytes.map_err(|source| Error::cannot_read(path, source))?;
        Ok(Self { file: path.to_owned(), bytes, sha256: hex(&hash.finalize()) })
    }
}
