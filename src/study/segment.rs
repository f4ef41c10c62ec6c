//! Files of outcomes, each with one writer.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::outcome::Outcome;
use crate::error::{Error, Result};
use crate::storage::{hex, write_atomically};

/// The version of the format of segments.
const FORMAT: u32 = 1;

/// How a segment's name ends.
pub(super) const ENDING: &str = "seg";

/// The outcomes that one attempt at some tasks has published.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// Who wrote it.
    pub header: Header,
    /// What came of the tasks, in the order in which they were done.
    pub outcomes: Vec<Outcome>,
}

/// The first line of a segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The version of this format.
    pub format: u32,
    /// The [id](super::StudyFolder::id) of the study.
    pub study: String,
    /// The attempt, whose name no other has.
    pub attempt: String,
    /// The machine.
    pub host: String,
    /// The [numeric fingerprint](super::fingerprint) of the machine.
    pub fingerprint: String,
    /// The version of taper.
    pub taper: String,
}

/// The last line of a segment.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Footer {
    /// The number of outcomes.
    outcomes: usize,
    /// The SHA-256 sum of all lines before this one.
    sha256: String,
}

impl Segment {
    /// Reads the segment at `path`, of the study `id`.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Data`] when it is not whole, of another study, or of a later version, and with
    /// [`Error::File`] when it cannot be read.
    pub fn read(path: &Path, id: &str) -> Result<Self> {
        let bytes = fs::read(path).map_err(|error| Error::cannot_read(path, error))?;
        Self::parse(&bytes, id)
            .map_err(|problem| Error::Data { place: path.display().to_string(), problem: problem.to_owned() })
    }

    /// The segment in a file's `bytes`, or what is wrong with it.
    fn parse(bytes: &[u8], id: &str) -> std::result::Result<Self, &'static str> {
        const DAMAGED: &str = "is damaged: it is no whole segment of a study";
        let text = str::from_utf8(bytes).ok().and_then(|text| text.strip_suffix('\n')).ok_or(DAMAGED)?;
        let (content, footer) = text.rsplit_once('\n').ok_or(DAMAGED)?;
        let footer: Footer = serde_json::from_str(footer).map_err(|_| DAMAGED)?;
        if footer.sha256 != hex(&Sha256::digest(&bytes[..=content.len()])) {
            return Err(DAMAGED);
        }
        let mut lines = content.lines();
        let header: Header =
            lines.next().and_then(|header| serde_json::from_str(header).ok()).ok_or(DAMAGED)?;
        if header.format > FORMAT {
            return Err("is of a later version of taper");
        }
        if header.study != id {
            return Err("is of another study");
        }
        let outcomes: Vec<_> =
            lines.map(serde_json::from_str).collect::<std::result::Result<_, _>>().map_err(|_| DAMAGED)?;
        if outcomes.len() == footer.outcomes { Ok(Self { header, outcomes }) } else { Err(DAMAGED) }
    }
}

/// Writes a segment, of which others see what has been published, or nothing.
#[derive(Debug)]
pub struct SegmentWriter {
    path: PathBuf,
    text: String,
    hash: Sha256,
    outcomes: usize,
    published: usize,
}

impl SegmentWriter {
    /// Begins the segment at `path`, which must be nobody else's.
    ///
    /// # Errors
    ///
    /// Fails when the header cannot be written.
    pub(super) fn new(path: PathBuf, header: &Header) -> Result<Self> {
        let mut writer = Self { path, text: String::new(), hash: Sha256::new(), outcomes: 0, published: 0 };
        writer.push_line(header)?;
        Ok(writer)
    }

    /// The header of a segment of the study `id`.
    pub(super) fn header(id: &str, attempt: &str, host: &str, fingerprint: &str, taper: &str) -> Header {
        let [study, attempt, host, fingerprint, taper] =
            [id, attempt, host, fingerprint, taper].map(str::to_owned);
        Header { format: FORMAT, study, attempt, host, fingerprint, taper }
    }

    /// Adds an outcome.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be written.
    pub fn push(&mut self, outcome: &Outcome) -> Result<()> {
        self.push_line(outcome)?;
        self.outcomes += 1;
        Ok(())
    }

    fn push_line(&mut self, line: &impl Serialize) -> Result<()> {
        let line = serde_json::to_string(line)
            .map_err(|error| Error::settings(format!("an outcome cannot be written: {error}")))?;
        let before = self.text.len();
        self.text.push_str(&line);
        self.text.push('\n');
        self.hash.update(&self.text.as_bytes()[before..]);
        Ok(())
    }

    /// The bytes of the outcomes.
    pub(super) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Lets others see that there is an attempt, before it has outcomes.
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish).
    pub fn begin(&mut self) -> Result<()> {
        self.write()
    }

    /// Lets others see what there is, if there is more than they see.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::File`] when the file cannot be written; what was published before stays.
    pub fn publish(&mut self) -> Result<()> {
        if self.outcomes == self.published { Ok(()) } else { self.write() }
    }

    fn write(&mut self) -> Result<()> {
        let footer = Footer { outcomes: self.outcomes, sha256: hex(&self.hash.clone().finalize()) };
        let mut text = self.text.clone();
        let footer = serde_json::to_string(&footer)
            .map_err(|error| Error::settings(format!("an outcome cannot be written: {error}")))?;
        // Writing to a text does not fail.
        let _ = writeln!(text, "{footer}");
        write_atomically(&self.path, text.as_bytes())?;
        self.published = self.outcomes;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::TaskResult;

    fn written(folder: &Path, outcomes: &[Outcome]) -> PathBuf {
        let path = folder.join("a.seg");
        let header = SegmentWriter::header("study", "a", "host", "f", "0");
        let mut writer = SegmentWriter::new(path.clone(), &header).unwrap();
        for outcome in outcomes {
            writer.push(outcome).unwrap();
            writer.publish().unwrap();
        }
        path
    }

    #[test]
    fn every_change_of_a_segment_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let failed = |task| Outcome { task, result: TaskResult::Failed("no".to_owned()), seconds: 0.5 };
        let outcomes = [failed(3), failed(1)];
        let path = written(folder.path(), &outcomes);
        assert_eq!(Segment::read(&path, "study").unwrap().outcomes, outcomes);
        assert!(Segment::read(&path, "other").unwrap_err().to_string().contains("another study"));
        let bytes = fs::read(&path).unwrap();
        for i in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[i] ^= 1;
            assert!(Segment::parse(&changed, "study").is_err(), "byte {i}");
            assert!(Segment::parse(&bytes[..i], "study").is_err(), "cut at {i}");
        }
    }
}
