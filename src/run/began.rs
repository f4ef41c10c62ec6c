//! What a folder has before a run opens it.

use std::fs;
use std::path::Path;

use super::directory::RunDirectory;
use super::layout::{CHECKPOINTS, CONFIG, FILES, LOCK, MANIFEST};
use super::manifest::Manifest;
use super::owned;
use crate::config::Settings;
use crate::error::Result;
use crate::storage::resolve_parent;

impl RunDirectory {
    /// Whether a new run in the folder at `path` would remove or replace the file `input`, or the link at
    /// `input`.
    pub fn replaces(path: &Path, input: &Path) -> bool {
        let Ok(folder) = fs::canonicalize(path) else { return false };
        let is_own = |input: &Path| {
            let name = input.strip_prefix(&folder).ok().and_then(|input| input.components().next());
            name.is_some_and(|name| {
                [CHECKPOINTS, LOCK, MANIFEST].iter().chain(&FILES).any(|own| name.as_os_str() == *own)
            })
        };
        is_own(&resolve_parent(input)) || fs::canonicalize(input).is_ok_and(|input| is_own(&input))
    }

    /// The settings that the run in the folder at `path` began with, and where its data are now: at the paths
    /// that were given, or else at those that they had.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Config`](crate::Error::Config) of the key `resume` when the folder has no run, and
    /// with [`Error::Data`](crate::Error::Data) when its settings are not those that the run wrote.
    pub fn settings_of(path: &Path) -> Result<Settings> {
        owned::check_run(path)?;
        let Some(manifest) = Manifest::read(path)? else { return Settings::of_run(path.join(CONFIG)) };
        let mut settings = if manifest.sum_of(CONFIG).is_some() && path.join(CONFIG).exists() {
            Manifest::read_file(Some(&manifest), path, CONFIG)?;
            Settings::of_run(path.join(CONFIG))?
        } else {
            // The run was killed before it wrote them.
            let mut settings = Settings::default();
            settings.set("", &manifest.identity.config, str::to_owned)?;
            settings
        };
        let config = settings.config()?;
        let files = ["data.file", "data.target"].into_iter().zip(config.data.files());
        for ((key, given), file) in files.zip(&manifest.identity.data) {
            if let Some(now) = file.find().filter(|now| *now != given) {
                match key {
                    "data.file" => settings.set(key, now, str::to_owned)?,
                    _ => settings.set(key, [now], str::to_owned)?,
                }
            }
        }
        Ok(settings)
    }
}
