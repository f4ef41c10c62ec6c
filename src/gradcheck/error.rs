//! What a check can come back with besides a passing report.

use candle_core::{DType, Error as CandleError};

use super::parity::Parity;
use super::report::Report;

/// Why a check did not pass.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The derivatives do not hold; the report says where and in which way.
    #[error("{0}")]
    Failed(Box<Report>),
    /// A device disagrees with the CPU.
    #[error("{0}")]
    Parity(Box<Parity>),
    /// An input or output has too coarse a dtype for central differences with the default tolerances.
    #[error(
        "{what} is {dtype:?}, in which finite differences are mostly rounding error: convert to F64, or allow it \
         with DTypePolicy::Loosen (looser tolerances) or DTypePolicy::Warn"
    )]
    DType {
        /// "input 0" or "output 0".
        what: String,
        /// Its dtype.
        dtype: DType,
    },
    /// An input has an axis with stride 0.
    #[error(
        "input {input} is broadcast (stride 0): its elements share memory and cannot be moved one by one; make it \
         contiguous, or pass it before broadcasting and broadcast inside the function"
    )]
    Broadcast {
        /// The input.
        input: usize,
    },
    /// An input's elements overlap in memory.
    #[error(
        "input {input} overlaps itself in memory: its elements cannot be moved one by one; make it contiguous"
    )]
    Overlapping {
        /// The input.
        input: usize,
    },
    /// There is no float input to differentiate by, or no float output to differentiate.
    #[error("nothing to check: no {0} of a float dtype is to be differentiated")]
    Nothing(&'static str),
    /// The Jacobians have too many entries for slow mode.
    #[error(
        "the Jacobians have {entries} entries, and slow mode takes {limit} at most: check it in Mode::Fast, or at smaller \
         inputs"
    )]
    TooLarge {
        /// Output elements times input elements, over all outputs and inputs.
        entries: usize,
        /// The most that slow mode takes.
        limit: usize,
    },
    /// A setting of [`GradCheck`](super::GradCheck) makes no sense.
    #[error("{name} is {value}: it must be {wanted}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// What it was set to.
        value: f64,
        /// What would be right.
        wanted: &'static str,
    },
    /// The function itself failed at the inputs or one step beside them.
    #[error("the function failed: {}", root(.0))]
    Forward(#[from] CandleError),
    /// The function itself panicked.
    #[error("the function panicked: {0}")]
    ForwardPanicked(String),
    /// The function gave a different number or shape of outputs one step beside the inputs.
    #[error("the function's outputs change in number or shape between calls")]
    Unstable,
    /// Candle cuts the graph of the backward on this thread, so that there is no second derivative to check.
    #[error(
        "second derivatives are off: Candle detaches gradients unless CANDLE_GRAD_DO_NOT_DETACH=1 is in the \
         environment before the thread's first backward; set it for the process, as in \
         `CANDLE_GRAD_DO_NOT_DETACH=1 cargo test`"
    )]
    Detached,
}

/// The error under what Candle wraps around it: context, paths, backtraces.
pub(super) fn root(error: &CandleError) -> &CandleError {
    match error {
        CandleError::Context { inner, .. }
        | CandleError::WithPath { inner, .. }
        | CandleError::WithBacktrace { inner, .. } => root(inner),
        error => error,
    }
}
