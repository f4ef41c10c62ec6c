//! The folder that a run leaves behind.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tracing::info;

use super::checkpoint::{Checkpoint, Checkpoints};
use super::environment::Environment;
use super::identity::Identity;
use super::layout::{CHECKPOINTS, CONFIG, ENVIRONMENT, FILES, LOCK, METRICS};
use super::record::EpochRecord;
use crate::error::{Error, Result};
use crate::storage::{partial, read_json, resolve_parent, write_exclusive};

/// The folder of a run, which no other process can use at the same time.
///
/// The last two checkpoints of each network are kept. Files appear whole or not at all, but for the metrics,
/// which grow by a line with each epoch and are rewritten when the run is resumed or ends.
#[derive(Debug)]
pub struct RunDirectory {
    pub(super) path: PathBuf,
    checkpoint_every: Duration,
    metrics: Mutex<Option<File>>,
    _lock: File,
}

impl RunDirectory {
    /// Refuses a folder at `path` that [`create`](Self::create) would not take.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Config`] of the key `out`.
    pub fn check_new(path: &Path, force: bool) -> Result<()> {
        let refused = |problem: &str| Err(Error::config("out", format!("is {}, {problem}", path.display())));
        let entries = match fs::read_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && path.is_symlink() => {
                return refused("a link to a missing folder; expected the name of that folder, or another");
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return refused("a file, expected a folder to make");
            }
            entries => entries.map_err(|source| Error::cannot_read(path, source))?,
        };
        // A run that was killed early may have left these.
        let is_empty = entries.flatten().map(|entry| entry.file_name()).all(|name| is_leftover(&name));
        let is_run = path.join(CONFIG).is_file() && path.join(LOCK).is_file();
        match (is_empty, is_run, force) {
            (true, ..) | (_, true, true) => Ok(()),
            (_, true, false) => refused("which has a run; `resume` continues it, `force` replaces it"),
            (_, false, _) => refused("which has other files, expected a new or an empty folder"),
        }
    }

    /// Makes the folder at `path` for a new run, or takes an empty one. A folder with a run is taken only
    /// with `force`; what that run wrote is then removed, and nothing else.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Config`] of the key `out` when the folder cannot be taken, and with
    /// [`Error::File`] when it cannot be written.
    pub fn create(path: &Path, force: bool) -> Result<Self> {
        Self::check_new(path, force)?;
        fs::create_dir_all(path).map_err(|source| Error::cannot_write(path, source))?;
        let directory = Self::lock("out", path)?;
        directory.clear()?;
        Ok(directory)
    }

    /// Whether a new run in the folder at `path` would remove or replace the file `input`, or the link at
    /// `input`.
    pub fn replaces(path: &Path, input: &Path) -> bool {
        let Ok(folder) = fs::canonicalize(path) else { return false };
        let is_own = |input: &Path| {
            let name = input.strip_prefix(&folder).ok().and_then(|input| input.components().next());
            name.is_some_and(|name| {
                [CHECKPOINTS, LOCK].iter().chain(&FILES).any(|own| name.as_os_str() == *own)
            })
        };
        is_own(&resolve_parent(input)) || fs::canonicalize(input).is_ok_and(|input| is_own(&input))
    }

    /// The file with the settings of the run in the folder at `path`.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Config`] of the key `resume` when the folder has no run.
    pub fn settings_of(path: &Path) -> Result<PathBuf> {
        let settings = path.join(CONFIG);
        if settings.is_file() {
            return Ok(settings);
        }
        let problem = format!("is {}, which has no {CONFIG}, expected the folder of a run", path.display());
        Err(Error::config("resume", problem))
    }

    /// Opens the folder of a run to resume it, or to write its report.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Config`] of the key `resume` when there is no run, and when another process is
    /// using it.
    pub fn open(path: &Path) -> Result<Self> {
        Self::settings_of(path)?;
        Self::lock("resume", path)
    }

    fn lock(key: &'static str, path: &Path) -> Result<Self> {
        let name = path.join(LOCK);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&name);
        let lock = file.map_err(|source| Error::cannot_write(&name, source))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let problem = format!("is {}, which another taper is using", path.display());
                return Err(Error::config(key, problem));
            }
            Err(TryLockError::Error(source)) => return Err(Error::cannot_write(&name, source)),
        }
        for name in FILES {
            remove(&partial(&path.join(name)))?;
        }
        Ok(Self {
            path: path.to_owned(),
            checkpoint_every: Duration::from_secs(30),
            metrics: Mutex::new(None),
            _lock: lock,
        })
    }

    /// Removes what a run before this one wrote.
    fn clear(&self) -> Result<()> {
        for name in FILES {
            remove(&self.path.join(name))?;
        }
        let path = self.path.join(CHECKPOINTS);
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result.map_err(|source| Error::cannot_write(&path, source)),
        }
    }

    /// The same folder, with a checkpoint at the end of the first step after each `time`; 30 seconds by
    /// default.
    #[must_use]
    pub fn checkpoint_every(self, time: Duration) -> Self {
        Self { checkpoint_every: time, ..self }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Refuses to resume the run with a command or data other than those that it began with.
    ///
    /// They are in the environment; a run that was killed before it was written may have checkpoints that say
    /// the same.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Config`] of the key `resume`.
    pub fn check_identity(&self, identity: &Identity) -> Result<()> {
        let path = self.path.join(ENVIRONMENT);
        let difference = if path.exists() {
            let Environment { command, data, .. } = read_json(&path)?;
            identity.difference_in_data(&command, &data)
        } else {
            match self.checkpoints(0).last()? {
                Some(checkpoint) => identity.difference(&checkpoint.identity),
                None => None,
            }
        };
        difference.map_or(Ok(()), |difference| Err(self.cannot_resume(&difference)))
    }

    /// The error that the run in the folder cannot be resumed, since `difference`.
    fn cannot_resume(&self, difference: &str) -> Error {
        Error::config("resume", format!("is {}: {difference}", self.path.display()))
    }

    /// The last checkpoint of each of `networks` networks, the metrics of whose epochs are then those in the
    /// file.
    pub(crate) fn restore(&self, identity: &Identity, networks: usize) -> Result<Vec<Option<Checkpoint>>> {
        let checkpoints = (0..networks).map(|i| self.checkpoints(i).last());
        let checkpoints = checkpoints.collect::<Result<Vec<_>>>()?;
        for checkpoint in checkpoints.iter().flatten() {
            if let Some(difference) = identity.difference(&checkpoint.identity) {
                return Err(self.cannot_resume(&difference));
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
        let path = self.path.join(METRICS);
        write_exclusive(&path, &text)?;
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
                written.map_err(|source| Error::cannot_write(&self.path.join(METRICS), source))
            }
            None => Ok(()),
        }
    }

    /// Whether a network has a checkpoint.
    pub fn has_checkpoint(&self) -> bool {
        let folders = fs::read_dir(self.path.join(CHECKPOINTS)).into_iter().flatten().flatten();
        folders.flat_map(|folder| fs::read_dir(folder.path())).any(|mut files| files.next().is_some())
    }

    /// The checkpoints of network `index`.
    pub(crate) fn checkpoints(&self, index: usize) -> Checkpoints {
        Checkpoints::of(&self.path, index)
    }

    /// How much time there is between checkpoints.
    pub(crate) fn checkpoint_time(&self) -> Duration {
        self.checkpoint_every
    }
}

/// Whether a file of this name may be left of a run that was killed before it had written its settings.
fn is_leftover(name: &OsStr) -> bool {
    name == LOCK || FILES.iter().any(|file| partial(Path::new(file)).as_os_str() == name)
}

/// Removes the file at `path` if there is one.
fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result.map_err(|source| Error::cannot_write(path, source)),
    }
}

/// A line of the metrics.
fn line(epoch: &EpochRecord) -> Result<Vec<u8>> {
    let mut line = serde_json::to_vec(epoch).map_err(candle_core::Error::wrap)?;
    line.push(b'\n');
    Ok(line)
}
