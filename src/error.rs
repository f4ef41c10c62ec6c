//! What can go wrong in the library.

use std::io;
use std::path::{Path, PathBuf};

use crate::stop::StopReason;
use crate::text::one_line;

/// The library's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong in the library.
///
/// Where a setting would help, a message names it by its key in backquotes, alone or with a value, as in
/// "`data.missing=mean` fills the mean in". A program whose users know settings by other names can replace
/// them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting has a value that is not valid. `problem` continues the sentence that begins with the key.
    #[error("{key} {problem}")]
    Config {
        /// The setting's path, for example `train.lr`.
        key: &'static str,
        /// What is wrong and what would be right, for example `is NaN, expected a finite number above 0`.
        problem: String,
    },
    /// A file of settings or one of its settings cannot be used: a whole sentence, for example
    /// `run.toml:3: train.lr is 0, expected a finite number above 0`.
    #[error("{0}")]
    Settings(String),
    /// A file of data contains something that cannot be learnt from.
    #[error("{place}: {problem}")]
    Data {
        /// Where it is: the file, and where they are known its line and column, as in `houses.csv:17:price`.
        place: String,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// A file cannot be read or written.
    #[error("{} cannot be {action}: {reason}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        action: &'static str,
        /// What the system says.
        reason: io::Error,
    },
    /// Training met a loss or a gradient that is not finite.
    #[error("epoch {epoch}, step {step}, depth {depth}: {what} is not finite; {}", advice(*.epoch, *.step))]
    NotFinite {
        /// `the loss`, or `the gradient of` a parameter.
        what: String,
        /// The epoch, counted from 0.
        epoch: usize,
        /// The step within the epoch, counted from 0.
        step: usize,
        /// How often the hidden layer was applied.
        depth: usize,
    },
    /// A result is not finite: the predictions or their errors are too large for the floats.
    #[error("{0} is not finite; a lower lr or another initialisation would help")]
    NotFiniteResult(&'static str),
    /// A statistic cannot be computed from these numbers: a whole sentence.
    #[error("{0}")]
    Statistics(String),
    /// There are no rows to train or test on.
    #[error("there are no rows, expected at least one")]
    NoRows,
    /// A fold failed.
    #[error("fold {fold}")]
    Fold {
        /// The fold, counted from 0.
        fold: usize,
        /// What happened in it.
        source: Box<Error>,
    },
    /// The run was stopped before its end, at a step of its training.
    #[error("stopped before the end")]
    Stopped(StopReason),
    /// A run has no results, since it is not finished.
    #[error("{}: is a run that is not finished", .folder.display())]
    Unfinished {
        /// The folder of the run.
        folder: PathBuf,
        /// What was run, `cv` or `train`, if the run came so far that it says so.
        command: Option<String>,
    },
    /// A GPU cannot be used.
    #[error("GPU {number} cannot be used: {reason}; without it, `device=cpu` computes on the CPU")]
    NoGpu {
        /// The number of the GPU.
        number: usize,
        /// What the driver said, or what the build lacks.
        reason: String,
    },
    /// A thread could not be started.
    #[error("cannot start a thread for a fold")]
    Thread(#[source] io::Error),
    /// Candle reports an error.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}

/// What to do about a loss that is not finite. Before the first update the learning rate has no part in it.
fn advice(epoch: usize, step: usize) -> &'static str {
    match (epoch, step) {
        (0, 0) => "smaller data or another initialisation would help",
        _ => "a lower lr or another initialisation would help",
    }
}

impl Error {
    /// An error of the setting `key`; `problem` continues the sentence that begins with the key.
    pub(crate) fn config(key: &'static str, problem: impl Into<String>) -> Self {
        Self::Config { key, problem: one_line(&problem.into()) }
    }

    /// The error that the file at `path` cannot be read.
    pub(crate) fn cannot_read(path: &Path, reason: io::Error) -> Self {
        Self::File { path: path.to_owned(), action: "read", reason }
    }

    /// The error that the file at `path` cannot be written.
    pub(crate) fn cannot_write(path: &Path, reason: io::Error) -> Self {
        Self::File { path: path.to_owned(), action: "written", reason }
    }

    /// An error in a file of data, at `place`.
    pub(crate) fn data(place: impl ToString, problem: impl Into<String>) -> Self {
        Self::Data { place: one_line(&place.to_string()), problem: one_line(&problem.into()) }
    }

    /// An error in a file of settings, or of one of its settings.
    pub(crate) fn settings(problem: impl AsRef<str>) -> Self {
        Self::Settings(one_line(problem.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line() {
        let message = |error: Error| error.to_string();
        assert_eq!(message(Error::data("a\nb.csv:1:\x1b[31m", "is '\r'")), r"a\nb.csv:1:\u{1b}[31m: is '\r'");
        assert_eq!(message(Error::config("folds", "is\0 \"ä\"")), "folds is\\0 \"ä\"");
        assert_eq!(message(Error::settings("a\tb")), r"a\tb");
    }
}
