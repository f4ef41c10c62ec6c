//! Open files, and how far they are read.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use tracing::field::Empty;
use tracing::info_span;
use tracing::span::EnteredSpan;

use crate::error::{Error, Result};
use crate::telemetry::ReadProgress;

/// An open file that reports how far it is read.
pub(super) struct Source {
    pub(super) file: File,
    /// Its length in bytes.
    pub(super) len: u64,
    pub(super) progress: ReadProgress,
    _span: EnteredSpan,
}

impl Source {
    /// Opens the file that the setting `key` names, which can be read again.
    pub(super) fn open(key: &'static str, path: &Path) -> Result<Self> {
        // Checked first, since opening a pipe blocks until it has a writer.
        if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()) {
            let problem = format!("is {}, a pipe or a device, expected a file", path.display());
            return Err(Error::config(key, problem));
        }
        Self::open_once(key, path)
    }

    /// Opens the file that the setting `key` names, or a pipe, which can be read once.
    pub(super) fn open_once(key: &'static str, path: &Path) -> Result<Self> {
        let refused = |problem: String| Error::config(key, format!("is {}, {problem}", path.display()));
        let cannot = |error: io::Error| refused(format!("which cannot be read: {error}"));
        let metadata = fs::metadata(path).map_err(cannot)?;
        if metadata.is_dir() {
            return Err(refused("a directory, expected a file".to_owned()));
        }
        let file = File::open(path).map_err(cannot)?;
        let len = metadata.len();
        let span = info_span!("read", file = %path.display(), indicatif.pb_show = Empty).entered();
        Ok(Self { file, len, progress: ReadProgress::start(&span, path, len), _span: span })
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.progress.read(read);
        Ok(read)
    }
}

impl Seek for Source {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}
