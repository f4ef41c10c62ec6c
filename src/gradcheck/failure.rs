//! The ways in which a derivative can be wrong.

use serde::Serialize;

use super::jacobian::Entry;

/// One way in which a derivative is wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Failure {
    /// The backward pass panicked.
    Panicked {
        /// Number of the output that was differentiated.
        output: usize,
        /// The panic's message.
        message: String,
    },
    /// An operation on the way says that it has no backward.
    Unsupported {
        /// Number of the output that was differentiated.
        output: usize,
        /// Candle's message.
        message: String,
    },
    /// The backward pass returned an error.
    BackwardFailed {
        /// Number of the output that was differentiated.
        output: usize,
        /// Candle's message.
        message: String,
    },
    /// A gradient differs in shape from its tensor.
    WrongShape {
        /// Number of the output that was differentiated.
        output: usize,
        /// Both shapes.
        message: String,
    },
    /// A gradient differs in dtype from its tensor.
    WrongDType {
        /// Number of the output that was differentiated.
        output: usize,
        /// Both dtypes.
        message: String,
    },
    /// A gradient is on a different device from its tensor.
    WrongDevice {
        /// Number of the output that was differentiated.
        output: usize,
        /// Both devices.
        message: String,
    },
    /// The output is not finite at the inputs or one step away from them, so it has no derivative there.
    Undefined {
        /// Number of the output.
        output: usize,
        /// Index into the output.
        output_index: Vec<usize>,
        /// Its value at the inputs if that is not finite.
        value: Option<f64>,
        /// Number of the input that causes it, if known.
        input: Option<usize>,
        /// Index into the input.
        input_index: Vec<usize>,
    },
    /// The output changes with the input, but no graph connects the two.
    Severed {
        /// Number of the output.
        output: usize,
        /// Number of the input.
        input: usize,
        /// The largest numerical derivative.
        numerical: f64,
    },
    /// The graph leads to the input, but no gradient arrives there.
    MissingGradient {
        /// Number of the output.
        output: usize,
        /// Number of the input.
        input: usize,
        /// The largest numerical derivative.
        numerical: f64,
    },
    /// An input receives a gradient that must not get one.
    UnexpectedGradient {
        /// Number of the output.
        output: usize,
        /// Number of the input.
        input: usize,
    },
    /// Two calls with the same inputs give different outputs.
    NondeterministicForward {
        /// Number of the output.
        output: usize,
        /// The largest difference.
        difference: f64,
    },
    /// The same values in another memory layout give different outputs.
    LayoutDependent {
        /// Number of the output.
        output: usize,
        /// The largest difference.
        difference: f64,
    },
    /// Two backward passes over the same graph give different gradients.
    NondeterministicBackward {
        /// Number of the output.
        output: usize,
        /// Number of the input.
        input: usize,
        /// The largest difference.
        difference: f64,
    },
    /// The analytical derivative is NaN or infinite where the numerical one is finite.
    NonFinite {
        /// The entry.
        entry: Box<Entry>,
    },
    /// The gradient is the same for every upstream gradient.
    UpstreamIgnored {
        /// Number of the output.
        output: usize,
        /// Number of the input.
        input: usize,
    },
    /// The gradient is not zero for an upstream gradient of zeros.
    ZeroUpstream {
        /// Number of the output.
        output: usize,
        /// Number of the input.
        input: usize,
        /// The largest absolute value of that gradient.
        gradient: f64,
    },
    /// The gradient is not a linear function of the upstream gradient.
    NotLinear {
        /// Number of the output.
        output: usize,
        /// Number of the input.
        input: usize,
        /// The largest deviation.
        difference: f64,
    },
    /// The backward pass overwrites an earlier contribution to a gradient instead of adding to it.
    Overwritten {
        /// Number of the output.
        output: usize,
        /// Number of the input.
        input: usize,
        /// The largest deviation.
        difference: f64,
    },
    /// The numerical and the analytical derivative differ.
    Mismatch {
        /// The entry that differs most.
        entry: Box<Entry>,
        /// The number of entries that differ, and the number of all entries.
        wrong: (usize, usize),
        /// A likely cause.
        hint: Option<String>,
    },
}

impl Failure {
    /// The output, and the input if one is concerned.
    pub(super) fn output_and_input(&self) -> (usize, Option<usize>) {
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

    /// The order among the failures of one check: those that explain others come first.
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
