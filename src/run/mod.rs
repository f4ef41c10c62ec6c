//! Runs that leave a folder behind, survive a crash and can be stopped.

mod call;
mod checkpoint;
mod directory;
mod environment;
mod identity;
mod predictions;
mod read;
mod record;
mod stop;

pub use call::{as_typed, resume_call};
pub(crate) use checkpoint::{Checkpoint, Checkpoints};
pub use directory::{CONFIG, ENVIRONMENT, FOLDS, METRICS, MODEL, PREDICTIONS, REPORT, RESULTS, RunDirectory};
pub use environment::Environment;
pub use identity::{DataFile, Identity};
pub use predictions::{Predicted, Predictions};
pub use record::{EpochRecord, RunRecord, Weights};
pub use stop::{Stop, StopReason};

/// What a run keeps, and what can end it before its time; by default nothing.
#[derive(Debug, Clone, Default)]
pub struct RunOptions<'a> {
    /// Where the run keeps its checkpoints and metrics, and what it is known by when it goes on.
    pub keep: Option<(&'a RunDirectory, &'a Identity)>,
    /// What stops it.
    pub stop: Stop,
    /// No more than so many rows of each fold are trained on, for a quick look whether all goes through.
    pub max_rows: Option<usize>,
}
