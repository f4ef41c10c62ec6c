//! Open files, how far they are read, and the sum of what is read.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};
use tracing::span::EnteredSpan;
use tracing::{info_span, trace};

use crate::data::file::DataFile;
use crate::error::{Error, Result};
use crate::storage::hex;
use crate::telemetry::PROGRESS;

/// The number of bytes that are hashed at a time where they were not read in order.
const BLOCK: usize = 1 << 18;

/// An open file that reports how far it is read.
pub(super) struct Source {
    pub(super) file: File,
    path: PathBuf,
    /// Its length in bytes.
    pub(super) len: u64,
    /// When it was last written, if it is a file whose system says so.
    modified: Option<SystemTime>,
    /// Where it was opened, which standard input may be anywhere in a file.
    start: u64,
    /// Where the next byte is read.
    at: u64,
    sum: Sum,
    span: EnteredSpan,
}

/// The sum of the bytes from where a file was opened to `end`, taken while they are read.
struct Sum {
    hash: Sha256,
    end: u64,
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

    /// Opens the file that the setting `key` names, or a pipe, which can be read once; `-` is standard input.
    pub(super) fn open_once(key: &'static str, path: &Path) -> Result<Self> {
        let refused = |problem: String| Error::config(key, format!("is {}, {problem}", path.display()));
        let cannot = |error: io::Error| refused(format!("which cannot be read: {error}"));
        let is_input = path == Path::new("-");
        let file = if is_input { standard_input() } else { File::open(path) }.map_err(cannot)?;
        let metadata = file.metadata().map_err(cannot)?;
        if metadata.is_dir() {
            return Err(refused("a directory, expected a file".to_owned()));
        }
        let len = metadata.len();
        let modified = metadata.is_file().then(|| metadata.modified().ok()).flatten();
        let span = info_span!("read", file = %path.display(), bytes = len).entered();
        let start = if modified.is_some() { (&file).stream_position().map_err(cannot)? } else { 0 };
        let sum = Sum { hash: Sha256::new(), end: start };
        Ok(Self { file, path: path.to_owned(), len, modified, start, at: start, sum, span })
    }

    /// What is in an open `file` of `len` bytes, a part of the file at `path`.
    pub(super) fn part(file: File, path: &Path, len: u64) -> Self {
        let span = info_span!("read", file = %path.display(), bytes = len).entered();
        let sum = Sum { hash: Sha256::new(), end: 0 };
        Self { file, path: path.to_owned(), len, modified: None, start: 0, at: 0, sum, span }
    }

    /// Tells that `bytes` more are read.
    pub(super) fn advance(&self, bytes: usize) {
        trace!(target: PROGRESS, parent: &*self.span, delta = bytes);
    }

    /// The file by its content, when it has been read. What was not read in order is read again for its sum.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::File`] when it cannot be read, and with [`Error::Data`] when it was written
    /// meanwhile.
    pub(super) fn finish(mut self) -> Result<DataFile> {
        self.hash_rest().map_err(|source| Error::cannot_read(&self.path, source))?;
        let now = self.file.metadata().ok().and_then(|now| now.modified().ok());
        if self.modified.is_some() && self.modified != now {
            let problem = "was written while it was read, expected a file that stays as it is";
            return Err(Error::data(self.path.display(), problem));
        }
        let Self { path, start, sum: Sum { hash, end }, .. } = self;
        Ok(DataFile::new(&path, end - start, hex(&hash.finalize())))
    }

    /// Reads what is not hashed yet.
    fn hash_rest(&mut self) -> io::Result<()> {
        // Who reads a clone of the file moves its place, too. A pipe has no places.
        if self.modified.is_some() {
            self.file.seek(SeekFrom::Start(self.sum.end))?;
        }
        let mut block = vec![0; BLOCK];
        loop {
            match self.file.read(&mut block) {
                Ok(0) => return Ok(()),
                Ok(read) => self.sum.add(&block[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Standard input as a file.
fn standard_input() -> io::Result<File> {
    #[cfg(unix)]
    return std::os::fd::AsFd::as_fd(&io::stdin()).try_clone_to_owned().map(File::from);
    #[cfg(windows)]
    return std::os::windows::io::AsHandle::as_handle(&io::stdin()).try_clone_to_owned().map(File::from);
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.end += bytes.len() as u64;
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        if self.at == self.sum.end {
            self.sum.add(&buffer[..read]);
        }
        self.at += read as u64;
        self.advance(read);
        Ok(read)
    }
}

impl Seek for Source {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = self.file.seek(to)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Duration;
    use std::{env, process};

    use super::*;

    fn with_file(name: &str, test: impl FnOnce(&Path)) {
        let path = env::temp_dir().join(format!("taper-source-{name}-{}", process::id()));
        fs::write(&path, vec![b'a'; 1_000_000]).unwrap();
        test(&path);
        fs::remove_file(path).unwrap();
    }

    /// The sum is the one that `sha256sum` gives, however the file is read.
    #[test]
    fn the_sum_is_that_of_the_whole_file() {
        // The third example of FIPS 180-4: a million times the letter a.
        let expected = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
        with_file("sum", |path| {
            for reads in [&[(0, 0)][..], &[(0, 1_000_000)], &[(0, 7), (900_000, 100), (7, 500_000), (3, 9)]] {
                let mut source = Source::open("data.file", path).unwrap();
                for &(start, len) in reads {
                    source.seek(SeekFrom::Start(start)).unwrap();
                    source.read_exact(&mut vec![0; len]).unwrap();
                }
                let file = source.finish().unwrap();
                assert_eq!((file.bytes, file.sha256.as_str()), (1_000_000, expected), "{reads:?}");
            }
        });
    }

    /// What is put in the place of an open file is not read, and what is written into it is noticed.
    #[test]
    fn what_happens_while_a_file_is_read_is_noticed() {
        with_file("change", |path| {
            let source = Source::open("data.file", path).unwrap();
            fs::remove_file(path).unwrap();
            fs::write(path, "other").unwrap();
            assert_eq!(source.finish().unwrap().bytes, 1_000_000);

            let source = Source::open("data.file", path).unwrap();
            let mut file = File::options().append(true).open(path).unwrap();
            file.write_all(b"more").unwrap();
            file.set_modified(SystemTime::now() + Duration::from_secs(9)).unwrap();
            let error = source.finish().unwrap_err().to_string();
            assert!(error.contains("was written while it was read"), "{error}");
        });
    }
}
