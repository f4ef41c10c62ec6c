//! The records of a run: what its directory holds and its report is made from.

mod predictions;
mod record;

pub use predictions::{Predicted, Predictions};
pub use record::{EpochRecord, RunRecord, Weights};
