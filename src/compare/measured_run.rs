//! A run to be compared.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::config::keys;
use crate::error::Result;
use crate::run::RunErrors;

/// The runs of an arm with a given name, one for each data set.
#[derive(Debug, Clone)]
pub struct NamedRuns {
    /// The name of the arm.
    pub name: String,
    /// Their folders.
    pub runs: Vec<PathBuf>,
}

/// A run to be compared.
pub(super) struct Run {
    pub(super) folder: PathBuf,
    pub(super) errors: RunErrors,
    /// The settings as text.
    settings: BTreeMap<&'static str, String>,
}

impl Run {
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let errors = RunErrors::read(folder)?;
        let config = &errors.config;
        let shown = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let settings = keys().iter().filter_map(|key| Some((*key, shown(config.get(key)?)))).collect();
        Ok(Self { folder: folder.to_owned(), settings, errors })
    }

    /// The value of a setting.
    pub(super) fn setting(&self, key: &str) -> &str {
        self.settings.get(key).map_or("not set", String::as_str)
    }

    /// What makes the data: the sums of the files with the targets, or how they are made up.
    pub(super) fn data(&self) -> String {
        let targets = self.errors.predictions.targets();
        let files: Vec<_> = self.errors.environment.data.iter().map(|file| &file.sha256).collect();
        if files.is_empty() {
            let made_up = ["data.rows", "data.features", "data.noise", "seed"].map(|key| self.setting(key));
            return format!("synthetic {made_up:?}");
        }
        format!("{files:?} {targets:?}")
    }

    /// A name for the data.
    pub(super) fn data_name(&self) -> String {
        let file = self.errors.environment.data.first().and_then(|data| data.file.file_stem());
        file.map_or("synthetic".to_owned(), |name| name.to_string_lossy().into_owned())
    }
}
