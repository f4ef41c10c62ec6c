//! What a run computes, by which it is recognised when it is resumed.

use serde::{Deserialize, Serialize};

use crate::config::CvConfig;
use crate::data::DataFile;

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
    /// The version of how files are read and scaled, on which the last digits of a result depend; 0 of runs
    /// that do not say it.
    #[serde(default)]
    pub preparation: u32,
}

/// The version of how files are read and scaled: 1 since numbers are rounded after they are scaled.
const PREPARATION: u32 = 1;

impl Identity {
    /// The identity of `command` with the settings `config` on the files `data`.
    pub fn new(command: &str, config: &CvConfig, data: Vec<DataFile>) -> Self {
        Self { command: command.to_owned(), config: config.clone(), data, preparation: PREPARATION }
    }

    /// What differs from the identity `began` of a run to resume, as a sentence; `None` when nothing does but
    /// that there are [more epochs](CvConfig::difference_to_resume).
    pub(crate) fn difference(&self, began: &Self) -> Option<String> {
        self.difference_in_data(&began.command, &began.data).or_else(|| {
            if let Some((key, now, then)) = self.config.difference_to_resume(&began.config) {
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
