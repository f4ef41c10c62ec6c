//! The folder that a run leaves behind.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::{info, warn};

use super::checkpoint::{Checkpoint, Checkpoints};
use super::environment::Environment;
use super::identity::Identity;
use super::layout::{CHECKPOINTS, CONFIG, ENVIRONMENT, FILES, MANIFEST, METRICS};
use super::manifest::{FileSum, Manifest};
use super::owned;
use super::place::Place;
use super::record::EpochRecord;
use crate::error::{Error, Result};
use crate::storage::{create_folders, partial, read_json};

/// The folder of a run, which no other process can use at the same time.
///
/// The last two checkpoints of each network are kept. Files appear whole or not at all, but for the metrics,
/// which grow by a line with each epoch and are rewritten when the run is resumed or ends. Wherever a run is
/// killed, its folder can be resumed, or taken by the same call again.
#[derive(Debug)]
pub struct RunDirectory {
    pub(super) place: Place,
    manifest: Mutex<Manifest>,
    checkpoint_every: Duration,
    metrics: Mutex<Option<File>>,
}

impl RunDirectory {
    /// Refuses a folder at `path` that [`create`](Self::create) would not take for a run of `command`.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Config`] of the key `out`.
    pub fn check_new(path: &Path, command: &str, force: bool) -> Result<()> {
        owned::to_replace(path, command, force).map(drop)
    }

    /// Makes the folder at `path` for a new run of what `identity` says, with the text `settings` of a file
    /// that gives its settings again; or takes an empty folder. A folder with a run is taken only with
    /// `force`; the files of that run are then removed, and nothing else.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Config`] of the key `out` when the folder cannot be taken, with [`Error::Data`]
    /// when it is in use, and with [`Error::File`] when it cannot be written.
    pub fn create(path: &Path, force: bool, identity: &Identity, settings: &str) -> Result<Self> {
        Self::check_new(path, &identity.command, force)?;
        create_folders(path)?;
        let place = lock(path)?;
        // Another run may have come and gone before the lock.
        let replaces = owned::to_replace(path, &identity.command, force)?;
        let directory = Self::new(place, Manifest::new(identity.clone(), replaces));
        directory.save_manifest()?;
        directory.clear()?;
        directory.write_settings(settings)?;
        Ok(directory)
    }

    /// Opens the folder of the run that `identity` recognises, to go on with it; with more epochs it is
    /// extended. `settings` are as for [`create`](Self::create), and are written where they are missing or
    /// changed.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Config`] of the key `resume` when there is no run or it computes something else,
    /// and with [`Error::Data`] when the folder is in use.
    pub fn resume(path: &Path, identity: &Identity, settings: &str) -> Result<Self> {
        let place = lock(path)?;
        let differs = |difference: Option<String>| {
            difference.map_or(Ok(()), |difference| Err(cannot_resume(path, &difference)))
        };
        let mut manifest = if let Some(manifest) = Manifest::read(path)? {
            differs(identity.difference(&manifest.identity))?;
            manifest
        } else {
            differs(difference_from_older(path, identity)?)?;
            let mut manifest = Manifest::new(identity.clone(), Vec::new());
            manifest.note(CONFIG, FileSum::of(&Manifest::read_file(None, path, CONFIG)?));
            manifest
        };
        let is_changed = manifest.identity.config.difference(&identity.config).is_some();
        manifest.identity = identity.clone();
        if is_changed {
            manifest.reopen();
        }
        let has_settings = manifest.sum_of(CONFIG).is_some() && path.join(CONFIG).exists();
        let directory = Self::new(place, manifest);
        directory.save_manifest()?;
        directory.clear()?;
        if !has_settings {
            directory.write_settings(settings)?;
        }
        Ok(directory)
    }

    fn new(place: Place, manifest: Manifest) -> Self {
        let checkpoint_every = Duration::from_secs(30);
        Self { place, manifest: Mutex::new(manifest), checkpoint_every, metrics: Mutex::new(None) }
    }

    /// Removes what is left of the run that this one replaces, if it does.
    fn clear(&self) -> Result<()> {
        let replaces = std::mem::take(&mut self.manifest().replaces);
        if replaces.is_empty() {
            return Ok(());
        }
        owned::remove(self.place.check()?, &replaces)?;
        self.save_manifest()
    }

    pub(super) fn manifest(&self) -> MutexGuard<'_, Manifest> {
        self.manifest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn save_manifest(&self) -> Result<()> {
        self.manifest().write(self.place.check()?)
    }

    /// The same folder, with a checkpoint at the end of the first step after each `time`; 30 seconds by
    /// default.
    #[must_use]
    pub fn checkpoint_every(self, time: Duration) -> Self {
        Self { checkpoint_every: time, ..self }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.place.path()
    }

    /// The last checkpoint of each of `networks` networks, the metrics of whose epochs are then those in the
    /// file.
    pub(crate) fn restore(&self, identity: &Identity, networks: usize) -> Result<Vec<Option<Checkpoint>>> {
        let checkpoints = (0..networks).map(|i| self.checkpoints(i).last());
        let checkpoints = checkpoints.collect::<Result<Vec<_>>>()?;
        for checkpoint in checkpoints.iter().flatten() {
            if let Some(difference) = identity.difference(&checkpoint.identity) {
                return Err(cannot_resume(self.path(), &difference));
            }
            let Checkpoint { trainer, .. } = checkpoint;
            info!(epoch = trainer.progress.epoch, step = trainer.progress.step, "resuming from a checkpoint");
        }
        let epochs = checkpoints.iter().flatten().flat_map(|checkpoint| &checkpoint.epochs);
        self.write_metrics(epochs)?;
        Ok(checkpoints)
    }

    /// Writes all metrics, to which [`add_epoch`](Self::add_epoch) adds.
    pub(crate) fn write_metrics<'a>(&self, epochs: impl IntoIterator<Item = &'a EpochRecord>) -> Result<()> {
        let mut text = Vec::new();
        for epoch in epochs {
            text.extend(line(epoch)?);
        }
        let path = self.write(METRICS, &text)?;
        let file = OpenOptions::new().append(true).open(&path);
        let file = file.map_err(|source| Error::cannot_write(&path, source))?;
        *self.metrics.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
        Ok(())
    }

    /// Adds an epoch to the metrics.
    pub(crate) fn add_epoch(&self, epoch: &EpochRecord) -> Result<()> {
        match self.metrics.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(file) => {
                let written = file.write_all(&line(epoch)?);
                written.map_err(|source| Error::cannot_write(&self.path().join(METRICS), source))
            }
            None => Ok(()),
        }
    }

    /// Whether a network has a checkpoint.
    pub fn has_checkpoint(&self) -> bool {
        let folders = fs::read_dir(self.path().join(CHECKPOINTS)).into_iter().flatten().flatten();
        folders.flat_map(|folder| fs::read_dir(folder.path())).any(|mut files| files.next().is_some())
    }

    /// The checkpoints of network `index`.
    pub(crate) fn checkpoints(&self, index: usize) -> Checkpoints {
        Checkpoints::in_place(self.place.clone(), index)
    }

    /// How much time there is between checkpoints.
    pub(crate) fn checkpoint_time(&self) -> Duration {
        self.checkpoint_every
    }
}

/// The folder of a run that is open to have its report written again.
#[derive(Debug)]
pub struct ReportFolder(Place);

impl ReportFolder {
    /// Opens the folder at `path`.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Config`] of the key `resume` when there is no run, and with [`Error::Data`] when
    /// the folder is in use.
    pub fn open(path: &Path) -> Result<Self> {
        owned::check_run(path)?;
        Place::lock(path).map(Self)
    }

    pub(super) fn place(&self) -> &Place {
        &self.0
    }
}

/// Locks the folder of a run at `path`, and removes the partial files that a killed process left.
fn lock(path: &Path) -> Result<Place> {
    let place = Place::lock(path)?;
    for name in FILES.iter().chain([&MANIFEST]) {
        owned::remove_file(&partial(&path.join(name)))?;
    }
    Ok(place)
}

/// What differs between `identity` and the run of an older version, which has no manifest, in the folder at
/// `path`.
///
/// Its environment has the command and the data; a run that was killed before it was written may have
/// checkpoints that say the same.
fn difference_from_older(path: &Path, identity: &Identity) -> Result<Option<String>> {
    match read_json::<Environment>(&path.join(ENVIRONMENT)) {
        Ok(Environment { command, data, .. }) => return Ok(identity.difference_in_data(&command, &data)),
        Err(Error::File { .. }) => {}
        Err(error) => warn!("{error}; the checkpoints say what the run is"),
    }
    let last = Checkpoints::of(path, 0).last_whole()?;
    Ok(last.and_then(|checkpoint| identity.difference(&checkpoint.identity)))
}

/// The error that the run in the folder at `path` cannot be resumed, since `difference`.
fn cannot_resume(path: &Path, difference: &str) -> Error {
    Error::config("resume", format!("is {}: {difference}", path.display()))
}

/// A line of the metrics.
fn line(epoch: &EpochRecord) -> Result<Vec<u8>> {
    let mut line = serde_json::to_vec(epoch).map_err(candle_core::Error::wrap)?;
    line.push(b'\n');
    Ok(line)
}
