//! The errors of a check.

use candle_core::{DType, Error as CandleError};

use super::guard::root_cause;
use super::parity_report::Parity;
use super::report::Report;

/// Why a check did not pass.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A derivative is wrong; the report says where and how.
    #[error("{0}")]
    Failed(Box<Report>),
    /// A device disagrees with the CPU, or a dtype with F64.
    #[error("{0}")]
    Parity(Box<Parity>),
    /// Only F32, F16 and BF16 are compared with F64.
    #[error("{dtype:?} cannot be compared with F64: F32, F16 and BF16 can")]
    ParityDType {
        /// The dtype.
        dtype: DType,
    },
    /// The dtype of an input or output is too coarse for central differences with the default tolerances.
    #[error(
        "{what} is {dtype:?}, in which finite differences are mostly rounding error: convert to F64, or \
         allow it with DTypePolicy::Loosen (looser tolerances) or DTypePolicy::Warn"
    )]
    DType {
        /// "input 0" or "output 0".
        what: String,
        /// Its dtype.
        dtype: DType,
    },
    /// An input has an axis with stride 0.
    #[error(
        "input {input} is broadcast (stride 0): its elements share memory and cannot be perturbed one at a \
         time; make it contiguous, or broadcast it inside the function"
    )]
    Broadcast {
        /// Number of the input.
        input: usize,
    },
    /// Elements of an input overlap in memory.
    #[error(
        "input {input} overlaps itself in memory: its elements cannot be perturbed one at a time; make it \
         contiguous"
    )]
    Overlapping {
        /// Number of the input.
        input: usize,
    },
    /// There is no input or parameter of a float dtype to differentiate with respect to, or no such output to
    /// differentiate.
    #[error("nothing to check: there is no {0} of a float dtype to differentiate")]
    Nothing(&'static str),
    /// The Jacobians have too many entries for slow mode.
    #[error(
        "the Jacobians have {entries} entries, but slow mode takes at most {limit}: use Mode::Fast or \
         smaller inputs"
    )]
    TooLarge {
        /// Output elements times input elements, summed over all outputs and inputs.
        entries: usize,
        /// The limit of slow mode.
        limit: usize,
    },
    /// A setting of [`GradCheck`](super::GradCheck) is invalid.
    #[error("{name} is {value}: it must be {wanted}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What would be valid.
        wanted: &'static str,
    },
    /// The function itself failed at the inputs or one step away from them.
    #[error("the function failed: {}", root_cause(.0))]
    Forward(#[from] CandleError),
    /// The function itself panicked.
    #[error("the function panicked: {0}")]
    ForwardPanicked(String),
    /// The number, shapes or dtypes of the outputs changed between calls.
    #[error(
        "the function's outputs change in number, shape or dtype between calls: at the inputs and one step \
         from them they must be the same"
    )]
    Unstable,
    /// Candle detaches gradients on this thread, so there are no second derivatives to check.
    #[error(
        "second derivatives are not available: Candle detaches gradients unless CANDLE_GRAD_DO_NOT_DETACH=1 \
         is in the environment before the thread's first backward; set it for the whole process, in the section \
         [env] of .cargo/config.toml or as in `CANDLE_GRAD_DO_NOT_DETACH=1 cargo test`"
    )]
    Detached,
}
