//! The flags of logs, which the commands that train share.

use std::env;
use std::path::{Path, PathBuf};

use clap::Args;
use taper::telemetry::{self, LogFormat};
use taper::{Result, build_info};
use tracing::debug;

use crate::cli::value_enum;

/// How a command logs.
#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// Form of the log lines on standard error
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, help_heading = "Output")]
    log_format: LogFormatArg,
    /// File that gets everything down to the epochs as JSON lines, after those that it has
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    log_file: Option<PathBuf>,
    /// No progress bars, and no log lines but errors
    #[arg(long, short, help_heading = "Output")]
    quiet: bool,
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
    /// Fails when the file cannot be written, or has something else than log lines.
    pub(crate) fn start(&self) -> Result<()> {
        let file = self.log_file.as_deref().map(telemetry::open_log).transpose()?;
        telemetry::init(self.log_format.into(), self.quiet, file);
        let arguments: Vec<_> = env::args_os().skip(1).collect();
        debug!(version = build_info::VERSION, commit = build_info::COMMIT, ?arguments, "started");
        Ok(())
    }
}

value_enum!(LogFormatArg for LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json
});
