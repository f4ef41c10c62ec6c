//! What the commands that train have in common: settings, data, the run's folder, signals.

use std::env;
use std::fmt;
use std::path::Path;

use anyhow::{Context, Result};
use candle_core::Device;
use taper::config::{Learner, Selection, Settings, TargetTransform, TrainConfig, ValidConfig};
use taper::data::{DataSummary, Dataset, DateOrder, Fold, Table, load};
use taper::report::html;
use taper::run::{Environment, Identity, RunDirectory, RunOptions, RunRecord};
use taper::text::{shell_quote, shorten};
use taper::{Error, Stop, StopReason, check_validation, steps_within};
use tempfile::TempDir;
use tracing::{info, warn};

use super::output_file::{bad_log, check_log};
use super::signals::{self, Signals};
use crate::cli::{LogArgs, RunArgs, SettingArgs, commented, with_flags};

/// The rows of a quick look, in batches.
const QUICK_BATCHES: usize = 3;

/// A run that is about to begin, or to be resumed.
pub(crate) struct Run<'a> {
    command: &'static str,
    args: &'a RunArgs,
    settings: Settings,
    /// What of the settings is not as it may seem.
    warnings: Vec<String>,
    pub(crate) config: ValidConfig,
    /// What ends it before its time.
    stop: Stop,
    /// Where it is kept, signals stop it.
    signals: Option<Signals>,
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
    /// Whether there is a checkpoint, and the call that resumes the run; nothing of a quick look.
    kept: Option<(bool, String)>,
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
        let mut given = settings.settings(began.clone())?;
        // A run that is resumed was told when it began.
        let warnings = if began.is_none() { given.warnings(unused_by(command))? } else { Vec::new() };
        if args.fast_dev_run {
            given.set("train.epochs", 1, str::to_owned)?;
        }
        let stop = args.max_time.map_or_else(Stop::default, |time| Stop::default().after(time));
        let config = given.validate()?;
        let run = Self { command, args, config, settings: given, warnings, stop, signals: None };
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
            (Some(began), _) => run.check_settings(began)?,
            (None, Some(folder)) => {
                RunDirectory::check_new(folder, command, args.force)?;
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

    /// Refuses settings other than those that the run in the folder began with, but more epochs.
    fn check_settings(&self, began: &Settings) -> Result<()> {
        match self.config.difference_to_resume(&*began.validate()?) {
            Some((key, now, then)) => {
                let more = match key {
                    "train.epochs" if self.config.is_extendable() => ", to which more can be added",
                    "train.epochs" if self.config.train.selection() == Selection::Refit => {
                        ", after which its networks are trained anew"
                    }
                    "train.epochs" if self.config.train.is_extendable() => {
                        ", after a tenth of which its depths began to be learned"
                    }
                    "train.epochs" => ", with which its learning rate came to an end",
                    _ => "",
                };
                let problem = format!("is {now}, and the run to resume began with {then}{more}");
                Err(self.settings.as_given(Error::Config { key, problem }).into())
            }
            None => Ok(()),
        }
    }

    /// Starts logging, first what of the settings is not as it may seem.
    pub(crate) fn start_log(&self, log: &LogArgs) -> Result<()> {
        log.start()?;
        warn_of(&mut self.warnings.clone());
        Ok(())
    }

    /// Watches for signals from now on, if the run leaves something behind.
    pub(crate) fn watch_signals(&mut self) -> Result<()> {
        let is_kept = self.args.out.is_some() || self.args.resume.is_some() || self.args.fast_dev_run;
        self.signals = is_kept
            .then(Signals::watch)
            .transpose()
            .context("cannot start a thread that watches for signals")?;
        Ok(())
    }

    /// Reads or makes the data.
    pub(crate) fn load(&self) -> Result<Table, Error> {
        load(&self.config).map_err(|error| {
            let error = self.as_given(error);
            let is_missing =
                |files: Vec<&Path>| files.iter().position(|file| *file != Path::new("-") && !file.exists());
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

    /// What there is in the data that were read, which is logged with its warnings; nothing of synthetic
    /// ones.
    pub(crate) fn summary(&self, table: &Table) -> Result<Option<DataSummary>> {
        if self.config.data.file.is_none() {
            return Ok(None);
        }
        let mut summary = table.summary()?;
        info!("{summary}");
        for column in summary.columns.iter().filter(|column| !column.dates.is_empty()) {
            let parts: Vec<_> = column.dates.iter().map(|part| part.name()).collect();
            let order = column.date_order.and_then(DateOrder::first);
            let order = order.map_or(String::new(), |first| format!(", {first} first"));
            let (name, parts) = (shorten(&column.name), parts.join(", "));
            info!("column '{name}' has dates{order}; its features are {parts}");
        }
        for column in summary.columns.iter().filter(|column| column.target_means > 0) {
            let (name, values) = (shorten(&column.name), column.categories.unwrap_or_default());
            info!(
                "column '{name}' has {values} texts; its feature is the mean target of other rows of the same text"
            );
        }
        let marked = summary.columns.iter().filter(|column| column.marks_missing);
        let marked: Vec<_> = marked.map(|column| shorten(&column.name)).collect();
        if !marked.is_empty() {
            info!("features beside them say where these columns are missing: {}", marked.join(", "));
        }
        warn_of(&mut summary.warnings);
        Ok(Some(summary))
    }

    /// Sets the steps that there is time for, if the time is limited, where `rounds` networks are trained one
    /// after the other on rows like those of `fold`.
    pub(crate) fn fit_to_time(
        &mut self,
        data: &Dataset,
        fold: impl FnOnce() -> Option<Fold>,
        device: &Device,
        rounds: usize,
    ) -> Result<()> {
        let (Some(time), Some(fold)) = (self.args.time, fold()) else { return Ok(()) };
        let (learner, _) = self.learner(data, [fold.clone()])?;
        let steps = steps_within(data, &learner, &fold, device, (time, rounds), &self.stop)
            .map_err(|error| self.failed(error, None))?;
        info!("the time allows {steps} steps of each network; `--max-steps {steps}` gives the same results");
        self.settings.set("train.max_steps", steps, |_| "--time".to_owned())?;
        self.config = self.settings.clone().validate()?;
        Ok(())
    }

    /// How networks are trained on `folds`. A share for validation that nobody gave is left out where there
    /// are too few rows for it, with a warning.
    pub(crate) fn learner(
        &self,
        data: &Dataset,
        folds: impl IntoIterator<Item = Fold>,
    ) -> Result<(Learner, Option<String>)> {
        let mut learner = self.config.learner();
        match check_validation(data, &learner, folds) {
            Ok(()) => Ok((learner, None)),
            // The settings of a run to resume are all given.
            Err(error) if self.args.resume.is_none() && self.settings.is_given("train.validation") => {
                Err(self.as_given(error).into())
            }
            Err(error) => {
                let (validation, select) = (0., Selection::Last);
                learner.train = TrainConfig { validation, select, patience: 0, ..learner.train };
                if learner.train.target_transform == TargetTransform::Auto {
                    learner.train.target_transform = TargetTransform::None;
                }
                Ok((learner, Some(format!("the last epoch is taken, and not the best: {error}"))))
            }
        }
    }

    /// `error` with the setting named as the user gave it.
    pub(crate) fn as_given(&self, error: Error) -> Error {
        self.settings.as_given(error)
    }

    /// Makes or opens the folder, if there is to be one, when the data have been read and the settings are
    /// known to go with them.
    pub(crate) fn folder(&self, table: &Table, devices: &[Device]) -> Result<Option<Folder>> {
        let args = self.args;
        if let Some(signals) = &self.signals {
            signals.stop(&self.stop);
        }
        let scratch = args.fast_dev_run.then(TempDir::new).transpose();
        let scratch = scratch.context("cannot make a folder for a quick look")?;
        let new = scratch.as_ref().map(TempDir::path).or(args.out.as_deref());
        let identity = Identity::new(self.command, &self.config, table.files.clone());
        let settings = commented(&self.config, false);
        let directory = match (&args.resume, new) {
            (Some(folder), _) => RunDirectory::resume(folder, &identity, &settings)?,
            (None, Some(folder)) => RunDirectory::create(folder, args.force, &identity, &settings)?,
            (None, None) => return Ok(None),
        };
        let directory = directory.checkpoint_every(args.checkpoint_every);
        let arguments = env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect();
        let now = Environment::now(self.command, arguments, devices, identity.data.clone());
        // A run that was killed early may lack it.
        match directory.environment().filter(|_| args.resume.is_some()) {
            None => directory.write_environment(&now)?,
            Some(began) => {
                if let Some(difference) = now.difference(&began) {
                    warn!(
                        "the last bits of the results may differ from those of a run that was not interrupted: {difference}"
                    );
                }
            }
        }
        Ok(Some(Folder { directory, identity, scratch }))
    }

    /// The options of the library: where to keep the run, and when to stop.
    pub(crate) fn options<'f>(&self, folder: Option<&'f Folder>) -> RunOptions<'f> {
        let max_rows =
            self.args.fast_dev_run.then_some(QUICK_BATCHES.saturating_mul(self.config.train.batch_size));
        let keep = folder.map(|folder| (&folder.directory, &folder.identity));
        let interval = Some(self.config.interval).filter(|level| *level > 0.);
        RunOptions { keep, stop: self.stop.clone(), max_rows, interval, explain: None }
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
                let directory = &folder.directory;
                let kept = folder
                    .scratch
                    .is_none()
                    .then(|| (directory.has_checkpoint(), resume_call(self.command, directory.path())));
                Stopped { reason, kept }.into()
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
        self.directory.finish()?;
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

/// The settings that `command` makes no use of.
fn unused_by(command: &str) -> &'static [&'static str] {
    if command == "cv" { &["holdout"] } else { &["folds", "repeats"] }
}

/// Logs `warnings`, with flags for the settings that they name.
pub(crate) fn warn_of(warnings: &mut [String]) {
    for warning in warnings {
        *warning = with_flags(warning);
        warn!("{warning}");
    }
}

/// The call that resumes the run of `taper command` in `folder`, as it is typed.
pub(crate) fn resume_call(command: &str, folder: &Path) -> String {
    let folder = folder.to_string_lossy();
    // What begins with a hyphen would be a flag.
    let between = if folder.starts_with('-') { '=' } else { ' ' };
    format!("taper {command} --resume{between}{}", shell_quote(&folder))
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
        match self.reason {
            StopReason::Signal(signal) => write!(f, "stopped by {}, ", signals::name_of(signal))?,
            StopReason::Time => f.write_str("stopped since the time of --max-time is over, ")?,
            StopReason::Cancelled => f.write_str("stopped since a fold failed, ")?,
        }
        let Some((has_checkpoint, call)) = &self.kept else {
            return f.write_str("and nothing is left behind");
        };
        let checkpoint = if *has_checkpoint { "with a checkpoint" } else { "before the first checkpoint" };
        write!(f, "{checkpoint}; `{call}` resumes it")
    }
}

impl std::error::Error for Stopped {}
