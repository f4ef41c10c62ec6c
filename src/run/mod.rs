//! Runs that leave a folder behind, survive a crash and can be stopped.

mod began;
mod checkpoint;
mod directory;
mod environment;
mod epochs;
mod errors;
mod identity;
mod layout;
mod manifest;
mod owned;
mod place;
mod predictions;
mod read;
mod record;
mod write;

pub(crate) use checkpoint::{Checkpoint, Checkpoints};
pub use directory::{ReportFolder, RunDirectory};
pub use environment::Environment;
pub use errors::RunErrors;
pub use identity::Identity;
pub use predictions::{Predicted, Predictions};
pub(crate) use predictions::{interval_columns, quantile_column};
pub(crate) use record::mean_over_members;
pub use record::{EpochRecord, RunRecord, Weights};

use crate::explain::Explain;
use crate::stop::Stop;

/// What a run keeps, and what ends it before its time; by default nothing.
#[derive(Debug, Clone, Default)]
pub struct RunOptions<'a> {
    /// Where the run keeps its checkpoints and metrics, and by what it is recognised when it is resumed.
    pub keep: Option<(&'a RunDirectory, &'a Identity)>,
    /// What stops it.
    pub stop: Stop,
    /// The most rows of each fold to train on, for a quick check that everything works.
    pub max_rows: Option<usize>,
    /// The share of the truths that intervals of the predictions should cover; without it there are none.
    pub interval: Option<f64>,
    /// What each network of a cross-validation is asked once it is trained.
    pub explain: Option<&'a Explain>,
}
