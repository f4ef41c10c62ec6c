//! The flags of logs, and how log lines and progress bars are shown on standard error.

use std::env;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Args, ValueEnum};
use indicatif::MultiProgress;
use serde_json::Value;
use taper::{Error, Result, build_info};
use tracing::level_filters::LevelFilter;
use tracing::{debug, warn};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt, registry};

use crate::cli::bars::{AboveBars, Bars, is_progress};
use crate::cli::lines::{Lines, NoteFolds};

/// How a command logs.
#[derive(Debug, Default, Args)]
pub(crate) struct LogArgs {
    /// Form of the log lines on standard error
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, help_heading = "Output")]
    log_format: LogFormat,
    /// File that gets everything down to the epochs as JSON lines, after those that it has
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    log_file: Option<PathBuf>,
    /// No progress bars, and no log lines but errors
    #[arg(long, short, help_heading = "Output")]
    quiet: bool,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum LogFormat {
    /// For people: the time of day, and rounded numbers
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

impl LogArgs {
    /// The file for the log, if there is to be one.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.log_file.as_deref()
    }

    /// Starts logging for the process.
    ///
    /// # Errors
    ///
    /// Fails when the log file cannot be written, or contains something other than log lines.
    pub(crate) fn start(&self) -> Result<()> {
        let file = self.log_file.as_deref().map(LogFile::open).transpose()?;
        self.install(file);
        let arguments: Vec<_> = env::args_os().skip(1).collect();
        debug!(version = build_info::VERSION, commit = build_info::COMMIT, ?arguments, "started");
        Ok(())
    }

    /// Installs the subscriber. `RUST_LOG` says what is logged on standard error, for example `taper=debug`
    /// for every epoch; without it, or when it is not valid, that is `info`, or with --quiet nothing but
    /// errors. `file` gets everything from `debug` on as JSON lines.
    fn install(&self, file: Option<LogFile>) {
        let default = if self.quiet { "error" } else { "info" };
        let wanted = env::var("RUST_LOG").unwrap_or_default();
        let wanted = if wanted.trim().is_empty() { default } else { wanted.as_str() };
        let (filter, problem) = match EnvFilter::try_new(wanted) {
            Ok(filter) => (filter, None),
            Err(problem) => (EnvFilter::new(default), Some(problem)),
        };
        let file = file.map(|file| fmt::layer().json().with_writer(move || file.clone()));
        let registry = registry().with(file.map(|lines| lines.with_filter(LevelFilter::DEBUG)));
        // The error is that there is a subscriber already, and then it may stay.
        let _ = match self.log_format {
            LogFormat::Json => {
                registry.with(fmt::layer().json().with_writer(io::stderr).with_filter(filter)).try_init()
            }
            LogFormat::Text => {
                let is_terminal =
                    io::stderr().is_terminal() && env::var_os("TERM").is_none_or(|term| term != "dumb");
                let has_color = is_terminal && env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
                let bars = MultiProgress::new();
                let lines = bars.clone();
                let lines = fmt::layer()
                    .event_format(Lines::new())
                    .with_ansi(has_color)
                    .with_writer(move || AboveBars(lines.clone()))
                    .with_filter(filter);
                let bars =
                    (is_terminal && !self.quiet).then(|| Bars(bars).with_filter(filter_fn(is_progress)));
                registry.with(NoteFolds).with(lines).with(bars).try_init()
            }
        };
        if let Some(problem) = problem {
            warn!("RUST_LOG is '{wanted}': {problem}; expected levels such as info or taper=debug");
        }
    }
}

/// A log file. The first line that it does not take is told on standard error.
#[derive(Debug, Clone)]
struct LogFile {
    file: Arc<File>,
    path: Arc<Path>,
    is_told: Arc<AtomicBool>,
}

impl LogFile {
    /// Opens the file at `path` to append lines to it, and makes it if there is none. A file that contains
    /// something other than log lines, which they would spoil, is refused.
    fn open(path: &Path) -> Result<Self> {
        let file = Arc::new(open_log(path)?);
        Ok(Self { file, path: path.into(), is_told: Arc::new(AtomicBool::new(false)) })
    }
}

impl Write for LogFile {
    /// Never fails: the subscriber would leave the line out without a word.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Err(error) = self.file.as_ref().write_all(line)
            && !self.is_told.swap(true, Ordering::Relaxed)
        {
            let _ = writeln!(io::stderr(), "warning: {} lacks log lines: {error}", self.path.display());
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn open_log(path: &Path) -> Result<File> {
    let refused = |problem: String| Error::Config {
        key: "log_file",
        problem: format!("is {}, {problem}", path.display()),
    };
    let cannot = |error: io::Error| refused(format!("which cannot be written: {error}"));
    let file = File::options().read(true).append(true).create(true).open(path).map_err(cannot)?;
    let metadata = file.metadata().map_err(cannot)?;
    // A pipe or a device has nothing to lose.
    if metadata.is_file() && metadata.len() > 0 && !is_log(&file) {
        let problem = "which contains something other than log lines, expected a new file or a log";
        return Err(refused(problem.to_owned()));
    }
    Ok(file)
}

/// Whether the first line of `file` is one that the JSON form of the log writes.
fn is_log(file: &File) -> bool {
    const LONGEST: u64 = 1 << 20;
    let mut line = String::new();
    BufReader::new(file.take(LONGEST)).read_line(&mut line).is_ok()
        && serde_json::from_str(&line).is_ok_and(|line: Value| line.get("timestamp").is_some())
}
