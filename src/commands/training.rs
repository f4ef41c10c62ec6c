//! What the commands that train have in common: settings, data, the run's folder, signals.

use std::env;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result};
use candle_core::Device;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use taper::config::{CvConfig, DataConfig, Settings, ValidConfig};
use taper::data::{self, DataSummary, Table};
use taper::random::{Stream, generator};
use taper::report::html;
use taper::run::{Environment, Identity, RunDirectory, RunOptions, RunRecord};
use taper::text::shell_quote;
use taper::{Error, Stop, StopReason};
use tempfile::TempDir;
use tracing::{info, warn};

use super::output_file::{bad_log, check_log};
use crate::cli::{RunArgs, SettingArgs, commented, with_flags};

/// The rows of a quick look, in batches.
const QUICK_BATCHES: usize = 3;

/// A run that is about to begin, or to be resumed.
pub(crate) struct Run<'a> {
    command: &'static str,
    args: &'a RunArgs,
    settings: Settings,
    pub(crate) config: ValidConfig,
}

/// The folder of a run, and by what the run is recognised.
pub(crate) struct Folder {
    directory: RunDirectory,
    identity: Identity,
    /// Of a quick look; it is removed at the end.
    scratch: Option<TempDir>,
}

/// That a run stopped before its end, and how to resume it.
#[derive(Debug)]
pub(crate) struct Stopped {
    reason: StopReason,
    has_checkpoint: bool,
    /// The call that resumes it.
    call: String,
}

impl<'a> Run<'a> {
    /// Puts the settings together, and checks that the folder can be taken and that the log is not one of the
    /// run's files.
    pub(crate) fn new(
        command: &'static str,
        settings: &SettingArgs,
        args: &'a RunArgs,
        log: Option<&Path>,
    ) -> Result<Self> {
        let began = args.resume.as_deref().map(RunDirectory::settings_of).transpose()?;
        let mut given = settings.settings(began.as_deref())?;
        if args.fast_dev_run {
            given.set("train.epochs", 1, str::to_owned)?;
        }
        let run = Self { command, args, config: given.validate()?, settings: given };
        let files = run.config.data.files();
        let inputs = files.into_iter().chain(settings.config.as_deref());
        let folder = args.out.as_deref().or(args.resume.as_deref());
        check_log(log, inputs.clone().chain(folder))?;
        if let (Some(log), Some(folder)) = (log, folder)
            && RunDirectory::replaces(folder, log)
        {
            return Err(bad_log(log).into());
        }
        match (&began, &args.out) {
            (Some(file), _) => run.check_settings(file)?,
            (None, Some(folder)) => {
                RunDirectory::check_new(folder, args.force)?;
                if let Some(input) = inputs.clone().find(|input| RunDirectory::replaces(folder, input)) {
                    let problem = format!(
                        "is {}, where a new run replaces {}, which is read; expected another folder",
                        folder.display(),
                        input.display()
                    );
                    return Err(Error::Config { key: "out", problem }.into());
                }
            }
            (None, None) => {}
        }
        Ok(run)
    }

    /// Refuses settings other than those that the run in the folder began with.
    fn check_settings(&self, file: &Path) -> Result<()> {
        let began = CvConfig::from_file(file)?;
        match self.config.difference(&began) {
            Some((key, now, then)) => {
                let problem = format!("is {now}, and the run to resume began with {then}");
                Err(self.settings.as_given(Error::Config { key, problem }).into())
            }
            None => Ok(()),
        }
    }

    /// Reads or makes the data.
    pub(crate) fn load(&self) -> Result<Table, Error> {
        load(&self.config).map_err(|error| {
            let error = self.as_given(error);
            let is_missing = |files: Vec<&Path>| files.iter().position(|file| !file.exists());
            match (&self.args.resume, is_missing(self.config.data.files())) {
                // Data are recognised by their content, wherever they are.
                (Some(_), Some(place)) => {
                    let flag = if place == 0 { "--data" } else { "--target" };
                    Error::Settings(format!("{error}; `{flag}` says where the file is now"))
                }
                _ => error,
            }
        })
    }

    /// What there is in the data that were read, which is logged with its warnings; nothing of synthetic ones.
    pub(crate) fn summary(&self, table: &Table) -> Result<Option<DataSummary>> {
        if self.config.data.file.is_none() {
            return Ok(None);
        }
        let mut summary = table.summary()?;
        info!("{summary}");
        warn_of(&mut summary.warnings);
        Ok(Some(summary))
    }

    /// `error` with the setting named as the user gave it.
    fn as_given(&self, error: Error) -> Error {
        self.settings.as_given(error)
    }

    /// Makes or opens the folder, if there is to be one, when the data have been read. `check` says whether
    /// the settings of a new run go with them, before what is in the folder is touched.
    pub(crate) fn folder(
        &self,
        devices: &[Device],
        check: impl FnOnce() -> Result<(), Error>,
    ) -> Result<Option<Folder>> {
        let args = self.args;
        let scratch = args.fast_dev_run.then(TempDir::new).transpose();
        let scratch = scratch.context("cannot make a folder for a quick look")?;
        let new = scratch.as_ref().map(TempDir::path).or(args.out.as_deref());
        let identity = || Identity::new(self.command, &self.config);
        let (directory, identity) = match (&args.resume, new) {
            (Some(folder), _) => {
                let (directory, identity) = (RunDirectory::open(folder)?, identity()?);
                directory.check_identity(&identity)?;
                (directory, identity)
            }
            (None, Some(folder)) => {
                check().map_err(|error| self.as_given(error))?;
                let identity = identity()?;
                let directory = RunDirectory::create(folder, args.force)?;
                directory.write_settings(&commented(&self.config, false))?;
                (directory, identity)
            }
            (None, None) => return Ok(None),
        };
        let directory = directory.checkpoint_every(args.checkpoint_every);
        // A run that was killed early may lack it.
        if args.resume.is_none() || !directory.has_environment() {
            let arguments = env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect();
            let environment = Environment::now(self.command, arguments, devices, identity.data.clone());
            directory.write_environment(&environment)?;
        }
        Ok(Some(Folder { directory, identity, scratch }))
    }

    /// The options of the library: where to keep the run, and when to stop.
    pub(crate) fn options<'f>(&self, folder: Option<&'f Folder>) -> Result<RunOptions<'f>> {
        let mut stop = Stop::default();
        if let Some(time) = self.args.max_time {
            stop = stop.after(time);
        }
        if folder.is_some() {
            watch_signals(&stop).context("cannot watch for signals")?;
        }
        let max_rows =
            self.args.fast_dev_run.then_some(QUICK_BATCHES.saturating_mul(self.config.train.batch_size));
        let keep = folder.map(|folder| (&folder.directory, &folder.identity));
        Ok(RunOptions { keep, stop, max_rows })
    }

    /// The error of a run in words: that it was stopped, or what else went wrong.
    pub(crate) fn failed(&self, error: Error, folder: Option<&Folder>) -> anyhow::Error {
        let reason = match &error {
            Error::Stopped(reason) => Some(*reason),
            Error::Fold { source, .. } => match **source {
                Error::Stopped(reason) => Some(reason),
                _ => None,
            },
            _ => None,
        };
        match (reason, folder) {
            (Some(reason), Some(folder)) => {
                let call = resume_call(self.command, folder.directory.path());
                Stopped { reason, has_checkpoint: folder.directory.has_checkpoint(), call }.into()
            }
            _ => self.as_given(error).into(),
        }
    }
}

impl Folder {
    /// The folder's files.
    pub(crate) fn directory(&self) -> &RunDirectory {
        &self.directory
    }

    /// Writes the report, when all else is written.
    pub(crate) fn finish(&self) -> Result<()> {
        let path = self.directory.path();
        let report = self.directory.write_report(&html(&RunRecord::read(path)?))?;
        if self.scratch.is_some() {
            info!("everything works; nothing is left behind");
        } else {
            info!("results are in {}; the report is {}", path.display(), report.display());
        }
        Ok(())
    }
}

/// Logs `warnings`, with flags for the settings that they name.
pub(crate) fn warn_of(warnings: &mut [String]) {
    for warning in warnings {
        *warning = with_flags(warning);
        warn!("{warning}");
    }
}

/// The data that `config` asks for, on the CPU.
fn load(config: &ValidConfig) -> Result<Table, Error> {
    let DataConfig { rows, features, noise, file, .. } = &config.data;
    if let Some(file) = file {
        return if config.data.is_scaled() {
            data::read_relative(file, config.dtype)
        } else {
            data::read(file, config.dtype)
        };
    }
    let rng = generator(config.seed, Stream::Data, 0);
    Ok(Table::unnamed(data::synthetic(*rows, *features, *noise, rng, config.dtype.into(), &Device::Cpu)?))
}

/// The call that resumes the run of `taper command` in `folder`, as it is typed.
pub(crate) fn resume_call(command: &str, folder: &Path) -> String {
    let folder = folder.to_string_lossy();
    // What begins with a hyphen would be a flag.
    let between = if folder.starts_with('-') { '=' } else { ' ' };
    format!("taper {command} --resume{between}{}", shell_quote(&folder))
}

/// Lets SIGINT, SIGTERM and SIGHUP stop the run at its next step, and a second SIGINT at once. Schedulers send
/// SIGTERM more than once, and terminals SIGHUP when they close: these always leave time for a checkpoint.
fn watch_signals(stop: &Stop) -> std::io::Result<()> {
    let again = Arc::new(AtomicBool::new(false));
    // In this order: the first signal finds the flag unset.
    flag::register_conditional_shutdown(SIGINT, 128 + SIGINT, Arc::clone(&again))?;
    flag::register(SIGINT, Arc::clone(&again))?;
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        flag::register_usize(signal, Arc::clone(stop.signal()), signal.unsigned_abs() as usize)?;
    }
    Ok(())
}

impl Stopped {
    /// The code to exit with: 128 and the signal's number as shells have it, or 124 as `timeout` has it.
    pub(crate) fn code(&self) -> u8 {
        match self.reason {
            StopReason::Signal(signal) => 128 + signal as u8,
            StopReason::Time => 124,
            StopReason::Cancelled => 1,
        }
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match self.reason {
            StopReason::Signal(signal) if signal == SIGINT.unsigned_abs() as usize => "by SIGINT",
            StopReason::Signal(signal) if signal == SIGHUP.unsigned_abs() as usize => "by SIGHUP",
            StopReason::Signal(_) => "by SIGTERM",
            StopReason::Time => "since the time of --max-time is over",
            StopReason::Cancelled => "since a fold failed",
        };
        let checkpoint =
            if self.has_checkpoint { "with a checkpoint" } else { "before the first checkpoint" };
        write!(f, "stopped {reason}, {checkpoint}; `{}` resumes it", self.call)
    }
}

impl std::error::Error for Stopped {}
