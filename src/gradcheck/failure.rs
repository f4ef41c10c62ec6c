//! The ways in which a derivative can fail to hold.

use std::fmt;

use serde::Serialize;

use super::names::Names;
use super::report::Entry;
use super::wording::Named;

/// One way in which a derivative does not hold.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Failure {
    /// The backward panicked.
    Panicked {
        /// The output that was differentiated.
        output: usize,
        /// The panic's message.
        message: String,
    },
    /// The backward says itself that it does not exist.
    Unsupported {
        /// The output that was differentiated.
        output: usize,
        /// Candle's message.
        message: String,
    },
    /// The backward returned an error.
    BackwardFailed {
        /// The output that was differentiated.
        output: usize,
        /// Candle's message.
        message: String,
    },
    /// A gradient has another shape than what it is the gradient of.
    WrongShape {
        /// The output that was differentiated.
        output: usize,
        /// Both shapes.
        message: String,
    },
    /// A gradient has another dtype than what it is the gradient of.
    WrongDType {
        /// The output that was differentiated.
        output: usize,
        /// Both dtypes.
        message: String,
    },
    /// A gradient lies on another device than what it is the gradient of.
    WrongDevice {
        /// The output that was differentiated.
        output: usize,
        /// Both devices.
        message: String,
    },
    /// The output is not finite at the inputs or one step beside them, where there is nothing to differentiate.
    Undefined {
        /// The output.
        output: usize,
        /// Index into the output.
        output_index: Vec<usize>,
        /// Its value at the inputs, if it is not finite there already.
        value: Option<f64>,
        /// The input that it is due to, where that is known.
        input: Option<usize>,
        /// Index into the input.
        input_index: Vec<usize>,
    },
    /// The output changes with the input, but no graph leads from one to the other.
    Severed {
        /// The output.
        output: usize,
        /// The input.
        input: usize,
        /// The largest numerical derivative.
        numerical: f64,
    },
    /// The graph leads to the input, but no gradient arrives.
    MissingGradient {
        /// The output.
        output: usize,
        /// The input.
        input: usize,
        /// The largest numerical derivative.
        numerical: f64,
    },
    /// A gradient arrives at an input that must not get one.
    UnexpectedGradient {
        /// The output.
        output: usize,
        /// The input.
        input: usize,
    },
    /// Two calls with the same inputs gave different outputs.
    NondeterministicForward {
        /// The output.
        output: usize,
        /// The largest difference.
        difference: f64,
    },
    /// The same values in another memory layout gave different outputs.
    LayoutDependent {
        /// The output.
        output: usize,
        /// The largest difference.
        difference: f64,
    },
    /// Two backward passes over the same graph gave different gradients.
    NondeterministicBackward {
        /// The output.
        output: usize,
        /// The input.
        input: usize,
        /// The largest difference.
        difference: f64,
    },
    /// The analytical derivative is NaN or infinite where the numerical one is not.
    NonFinite {
        /// The entry.
        entry: Box<Entry>,
    },
    /// The gradient is the same whatever upstream gradient comes in.
    UpstreamIgnored {
        /// The output.
        output: usize,
        /// The input.
        input: usize,
    },
    /// An upstream gradient of zeros gives a gradient that is not zero.
    ZeroUpstream {
        /// The output.
        output: usize,
        /// The input.
        input: usize,
        /// The largest gradient.
        gradient: f64,
    },
    /// The gradient is not a linear function of the upstream gradient.
    NotLinear {
        /// The output.
        output: usize,
        /// The input.
        input: usize,
        /// The largest deviation.
        difference: f64,
    },
    /// The backward overwrites a gradient that was there already instead of adding to it.
    Overwritten {
        /// The output.
        output: usize,
        /// The input.
        input: usize,
        /// The largest deviation.
        difference: f64,
    },
    /// The derivatives differ.
    Mismatch {
        /// The entry that differs most.
        entry: Box<Entry>,
        /// How many entries differ, of how many.
        wrong: (usize, usize),
        /// What it looks like.
        hint: Option<String>,
    },
}

impl Failure {
    /// The output, and the input if it is about one.
    pub(super) fn place(&self) -> (usize, Option<usize>) {
        match self {
            Self::Panicked { output, .. }
            | Self::Unsupported { output, .. }
            | Self::BackwardFailed { output, .. }
            | Self::WrongShape { output, .. }
            | Self::WrongDType { output, .. }
            | Self::WrongDevice { output, .. }
            | Self::NondeterministicForward { output, .. }
            | Self::LayoutDependent { output, .. } => (*output, None),
            Self::Undefined { output, input, .. } => (*output, *input),
            Self::Severed { output, input, .. }
            | Self::MissingGradient { output, input, .. }
            | Self::UnexpectedGradient { output, input }
            | Self::NondeterministicBackward { output, input, .. }
            | Self::UpstreamIgnored { output, input }
            | Self::ZeroUpstream { output, input, .. }
            | Self::NotLinear { output, input, .. }
            | Self::Overwritten { output, input, .. } => (*output, Some(*input)),
            Self::NonFinite { entry } | Self::Mismatch { entry, .. } => (entry.output, Some(entry.input)),
        }
    }

    /// Place among the failures of one check: what explains the others comes first.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Panicked { .. } => 0,
            Self::Unsupported { .. } | Self::BackwardFailed { .. } => 1,
            Self::WrongShape { .. } | Self::WrongDType { .. } | Self::WrongDevice { .. } => 2,
            Self::LayoutDependent { .. }
            | Self::NondeterministicForward { .. }
            | Self::NondeterministicBackward { .. } => 3,
            Self::Undefined { .. }
            | Self::Severed { .. }
            | Self::MissingGradient { .. }
            | Self::UnexpectedGradient { .. } => 4,
            Self::NonFinite { .. } => 5,
            Self::UpstreamIgnored { .. } => 6,
            Self::ZeroUpstream { .. } => 7,
            Self::NotLinear { .. } => 8,
            Self::Overwritten { .. } => 9,
            Self::Mismatch { .. } => 10,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Named(self, &Names::default()).fmt(f)
    }
}
