//! What can go wrong in the library.

/// The library's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong in the library.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting has a value that makes no sense. `problem` continues the sentence that begins with the key.
    #[error("{key} {problem}")]
    Config {
        /// The setting's path, for example `train.lr`.
        key: &'static str,
        /// What is wrong and what would be right, for example `is NaN, expected a finite number above 0`.
        problem: String,
    },
    /// Training met a loss or a gradient that is not finite.
    #[error(
        "epoch {epoch}, step {step}, depth {depth}: {what} is not finite; a lower lr or another initialisation \
         would help"
    )]
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
    /// A trained network predicts something that is not finite.
    #[error("the error on the test rows is not finite; a lower lr or another initialisation would help")]
    NotFinitePrediction,
    /// A fold failed.
    #[error("fold {fold}")]
    Fold {
        /// The fold, counted from 0.
        fold: usize,
        /// What happened in it.
        source: Box<Error>,
    },
    /// A fold was given up because one before it failed.
    #[error("given up, since an earlier fold failed")]
    Cancelled,
    /// Candle reports an error.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}

impl Error {
    /// An error of the setting `key`; `problem` continues the sentence that begins with the key.
    pub(crate) fn config(key: &'static str, problem: impl Into<String>) -> Self {
        Self::Config { key, problem: problem.into() }
    }
}
