//! What a run says of itself: what it computes, and which files are its own.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::identity::Identity;
use super::layout::{ENVIRONMENT, MANIFEST, RESULTS, files_of};
use crate::error::{Error, Result};
use crate::storage::{hex, write_exclusive};

/// The version of the file.
const FORMAT: u32 = 1;

/// The file `run.json`, which is the first that a run writes, and by which its folder is known.
///
/// It says what the run computes from the first moment on, lists the files that are the run's own, and has
/// the sums of those that are complete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: u32,
    /// The SHA-256 sum of this document with nothing in this place.
    sha256: String,
    pub(super) identity: Identity,
    /// The names of the run's files; a sum where the file is complete.
    files: BTreeMap<String, Option<FileSum>>,
    /// The files of the run that this one replaces, until they are removed.
    pub(super) replaces: Vec<String>,
}

/// All that is read of one before it is known to be of a version that is known.
#[derive(Deserialize)]
struct Version {
    format: u32,
}

/// The content of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileSum {
    bytes: u64,
    sha256: String,
}

impl Manifest {
    /// That of a run which begins, and which replaces the files `replaces` of another.
    pub(super) fn new(identity: Identity, replaces: Vec<String>) -> Self {
        let files = files_of(&identity.command).map(|name| (name.to_owned(), None)).collect();
        Self { format: FORMAT, sha256: String::new(), identity, files, replaces }
    }

    /// Reads that of the run in `folder`; nothing where there is none.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::File`] when it cannot be read, and with [`Error::Data`] when it is damaged or of a
    /// newer taper.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(MANIFEST);
        let text = match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            text => text.map_err(|source| Error::cannot_read(&path, source))?,
        };
        let damaged = |problem: &str| {
            let way = "where it is removed, config.toml and the checkpoints say what the run is";
            Error::data(path.display(), format!("is damaged: {problem}; {way}"))
        };
        match serde_json::from_slice(&text) {
            Ok(Version { format }) if format > FORMAT => {
                let problem = format!(
                    "has the format {format}, this taper knows those up to {FORMAT}; a newer one reads it"
                );
                return Err(Error::data(path.display(), problem));
            }
            _ => {}
        }
        let manifest: Self = serde_json::from_slice(&text).map_err(|error| damaged(&error.to_string()))?;
        // Of the text itself: another version of taper may write more settings, or fewer.
        let text = String::from_utf8_lossy(&text);
        let unsealed = text.replacen(&manifest.sha256, "", 1);
        if manifest.sha256.is_empty() || FileSum::of(unsealed.as_bytes()).sha256 != manifest.sha256 {
            return Err(damaged("its checksum differs"));
        }
        Ok(Some(manifest))
    }

    /// Writes it into `folder`.
    pub(super) fn write(&mut self, folder: &Path) -> Result<()> {
        self.seal()?;
        write_exclusive(&folder.join(MANIFEST), &self.text()?)
    }

    fn seal(&mut self) -> Result<()> {
        self.sha256.clear();
        self.sha256 = FileSum::of(&self.text()?).sha256;
        Ok(())
    }

    fn text(&self) -> Result<Vec<u8>> {
        let mut text = serde_json::to_vec_pretty(self).map_err(candle_core::Error::wrap)?;
        text.push(b'\n');
        Ok(text)
    }

    /// The names of the run's files and of those that are still to be removed.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.files.keys().chain(&self.replaces)
    }

    /// Whether the run is finished: all its files are complete, the report aside.
    pub(super) fn is_done(&self) -> bool {
        self.sum_of(RESULTS).is_some()
    }

    /// The sum of the file `name` if it is complete.
    pub(super) fn sum_of(&self, name: &str) -> Option<&FileSum> {
        self.files.get(name)?.as_ref()
    }

    /// Notes that the file `name` is complete.
    pub(super) fn note(&mut self, name: &str, sum: FileSum) {
        self.files.insert(name.to_owned(), Some(sum));
    }

    /// Notes that the run, whose settings have changed, will write its files again but where it began.
    pub(super) fn reopen(&mut self) {
        for (name, sum) in &mut self.files {
            if name != ENVIRONMENT {
                *sum = None;
            }
        }
    }

    /// Notes that the file `name` is written again; whether it was complete and had another sum.
    pub(super) fn rewrite(&mut self, name: &str, sum: &FileSum) -> bool {
        let known = self.files.get_mut(name).and_then(|known| known.take_if(|known| known != sum));
        known.is_some()
    }

    /// Reads the file `name` of the run in `folder`, and refuses it if it is not the one that the run wrote.
    pub(super) fn read_file(manifest: Option<&Self>, folder: &Path, name: &str) -> Result<Vec<u8>> {
        let path = folder.join(name);
        let bytes = fs::read(&path).map_err(|source| Error::cannot_read(&path, source))?;
        let sum = manifest.and_then(|manifest| manifest.sum_of(name));
        if sum.is_some_and(|sum| *sum != FileSum::of(&bytes)) {
            let problem = format!("is not as the run wrote it: its checksum differs from that in {MANIFEST}");
            return Err(Error::data(path.display(), problem));
        }
        Ok(bytes)
    }
}

impl FileSum {
    /// That of a file with the content `bytes`.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.len() as u64, sha256: hex(&Sha256::digest(bytes)) }
    }
}

/// A writer that takes the sum of what it writes.
pub(super) struct Summed<W> {
    to: W,
    hash: Sha256,
    bytes: u64,
}

impl<W> Summed<W> {
    pub(super) fn new(to: W) -> Self {
        Self { to, hash: Sha256::new(), bytes: 0 }
    }

    /// The writer, and the sum of what was written.
    pub(super) fn finish(self) -> (W, FileSum) {
        (self.to, FileSum { bytes: self.bytes, sha256: hex(&self.hash.finalize()) })
    }
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
