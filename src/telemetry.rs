//! Logs and progress bars, both on standard error.

use std::env;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::path::Path;
use std::sync::Arc;

use indicatif::ProgressStyle;
use serde_json::Value;
use tracing::level_filters::LevelFilter;
use tracing::{Span, warn};
use tracing_indicatif::IndicatifLayer;
use tracing_indicatif::filter::{IndicatifFilter, hide_indicatif_span_fields};
use tracing_indicatif::span_ext::IndicatifSpanExt;
use tracing_subscriber::fmt::format::DefaultFields;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::error::{Error, Result};

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging for the process.
///
/// `RUST_LOG` says what is logged on standard error, for example `taper=debug` for every epoch; without it, or when it makes no
/// sense, that is `info`, or with `quiet` nothing but errors. Progress bars appear when standard error is a terminal, the
/// format is text and the run is not `quiet`. `file`, see [`open_log`], gets everything from `debug` on as JSON lines,
/// whatever the rest says. A second call changes nothing.
pub fn init(format: LogFormat, quiet: bool, file: Option<File>) {
    let default = if quiet { "error" } else { "info" };
    let wanted = env::var("RUST_LOG").unwrap_or_default();
    let wanted = if wanted.trim().is_empty() { default } else { wanted.as_str() };
    let (filter, problem) = match EnvFilter::try_new(wanted) {
        Ok(filter) => (filter, None),
        Err(problem) => (EnvFilter::new(default), Some(problem)),
    };
    let file = file.map(|file| {
        let lines = tracing_subscriber::fmt::layer().json().with_writer(Arc::new(file));
        lines.with_filter(LevelFilter::DEBUG)
    });
    let registry = tracing_subscriber::registry().with(file);
    // The error is that there is a subscriber already, and then it may stay.
    let _ = match format {
        LogFormat::Json => registry
            .with(tracing_subscriber::fmt::layer().json().with_writer(io::stderr).with_filter(filter))
            .try_init(),
        LogFormat::Text => {
            let is_terminal = io::stderr().is_terminal();
            let bars = IndicatifLayer::new()
                .with_span_field_formatter(hide_indicatif_span_fields(DefaultFields::new()));
            let lines = tracing_subscriber::fmt::layer()
                .with_target(false)
                .with_ansi(is_terminal)
                .with_writer(bars.get_stderr_writer())
                .with_filter(filter);
            let bars = (is_terminal && !quiet).then(|| bars.with_filter(IndicatifFilter::new(false)));
            registry.with(lines).with(bars).try_init()
        }
    };
    if let Some(problem) = problem {
        warn!("RUST_LOG is '{wanted}': {problem}; expected levels such as info or taper=debug");
    }
}

/// Opens a log file to append lines to it, and makes it if there is none.
///
/// # Errors
///
/// Fails with [`Error::Config`] when it cannot be written, and when there is something in it that is no log, which lines would
/// spoil.
pub fn open_log(path: &Path) -> Result<File> {
    let refused = |problem: String| Error::config("log_file", format!("is {}, {problem}", path.display()));
    let cannot = |error: io::Error| refused(format!("which cannot be written: {error}"));
    let file = File::options().read(true).append(true).create(true).open(path).map_err(cannot)?;
    let metadata = file.metadata().map_err(cannot)?;
    // A pipe or a device has nothing to lose.
    if metadata.is_file() && metadata.len() > 0 && !is_log(&file) {
        return Err(refused(
            "which has something else than log lines, expected a new file or a log".to_owned(),
        ));
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

/// The progress bar of a fold, which lives as long as its span. Where no bars are shown it does nothing.
#[derive(Debug)]
pub(crate) struct Progress {
    span: Span,
}

impl Progress {
    /// Shows a bar for `fold` over `epochs` on `span`, which must have the field `indicatif.pb_show`.
    pub(crate) fn start(span: &Span, fold: usize, epochs: usize) -> Self {
        let template = format!("fold {fold} {{bar:30}} {{pos}}/{{len}} epochs, {{msg}}eta {{eta}}");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            span.pb_set_style(&style);
        }
        span.pb_set_length(epochs as u64);
        Self { span: span.clone() }
    }

    /// One more epoch is done.
    pub(crate) fn epoch(&self, train_mse: f64) {
        self.span.pb_set_message(&format!("train mse {train_mse:.4}, "));
        self.span.pb_inc(1);
    }
}

/// The progress bar of a file that is read, which lives as long as its span.
#[derive(Debug)]
pub(crate) struct ReadProgress {
    span: Span,
}

impl ReadProgress {
    /// Shows a bar for the `len` bytes of `file` on `span`, which must have the field `indicatif.pb_show`.
    pub(crate) fn start(span: &Span, file: &Path, len: u64) -> Self {
        // Braces in a name would be a template's.
        let file = file.display().to_string().replace('{', "{{").replace('}', "}}");
        let template = format!("{file} {{bar:30}} {{bytes}}/{{total_bytes}}, {{bytes_per_sec}}, eta {{eta}}");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            span.pb_set_style(&style);
        }
        span.pb_set_length(len);
        Self { span: span.clone() }
    }

    /// `bytes` more are read.
    pub(crate) fn read(&self, bytes: usize) {
        self.span.pb_inc(bytes as u64);
    }
}
