//! The ways in which a derivative can be wrong.

use serde::{Serialize, Serializer};

use super::context::Context;
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
    /// The output jumps at the input or within one step of it, so it has no derivative there.
    Discontinuous {
        /// Number of the output.
        output: usize,
        /// Index into the output; empty for a scalar and in fast mode.
        output_index: Vec<usize>,
        /// Number of the input.
        input: usize,
        /// Index into the input; empty for a scalar and in fast mode.
        input_index: Vec<usize>,
        /// By how much it jumps.
        jump: f64,
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
    /// The forward or the backward pass writes to a tensor that it may only read.
    WritesInPlace {
        /// Number of the output whose backward pass does it; `None` for the forward pass.
        output: Option<usize>,
        /// Number of the input that is written to; `None` for an intermediate result or the output.
        input: Option<usize>,
        /// The largest change of an element.
        difference: f64,
    },
    /// A value or a gradient changes with the context in which the function is called.
    ContextDependent {
        /// Number of the output.
        output: usize,
        /// Number of the input whose gradient it is; `None` for the value of the output.
        input: Option<usize>,
        /// The context in which it differs.
        context: Context,
        /// The largest difference; a gradient that does not arrive counts as zeros.
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
        /// The largest deviation, for a gradient that is scaled back.
        difference: f64,
        /// The factor by which a random upstream gradient was scaled to show it; 1 if it was not.
        scale: f64,
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
    /// Any of these, with names for its output and input.
    ///
    /// So are all failures of second derivatives, whose outputs are gradients and whose inputs include
    /// upstream gradients, and those of a check of parameters by name. In JSON it is the failure alone, as
    /// the report has all names.
    #[serde(untagged, serialize_with = "without_names")]
    Named {
        /// What is wrong.
        failure: Box<Self>,
        /// The name of the output.
        output_name: String,
        /// The name of the input, empty if none is concerned.
        input_name: String,
    },
}

/// Serialises the failure in a [`Failure::Named`].
fn without_names<S: Serializer>(
    failure: &Failure,
    _output_name: &str,
    _input_name: &str,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    failure.serialize(serializer)
}

impl Failure {
    /// The failure itself, without the names of its output and input.
    pub fn kind(&self) -> &Self {
        match self {
            Self::Named { failure, .. } => failure.kind(),
            failure => failure,
        }
    }

    /// The output and the input that are concerned.
    pub(super) fn output_and_input(&self) -> (Option<usize>, Option<usize>) {
        match self {
            Self::Panicked { output, .. }
            | Self::Unsupported { output, .. }
            | Self::BackwardFailed { output, .. }
            | Self::WrongShape { output, .. }
            | Self::WrongDType { output, .. }
            | Self::WrongDevice { output, .. }
            | Self::NondeterministicForward { output, .. }
            | Self::LayoutDependent { output, .. } => (Some(*output), None),
            Self::Undefined { output, input, .. } | Self::ContextDependent { output, input, .. } => {
                (Some(*output), *input)
            }
            Self::WritesInPlace { output, input, .. } => (*output, *input),
            Self::Named { failure, .. } => failure.output_and_input(),
            Self::Severed { output, input, .. }
            | Self::Discontinuous { output, input, .. }
            | Self::MissingGradient { output, input, .. }
            | Self::UnexpectedGradient { output, input }
            | Self::NondeterministicBackward { output, input, .. }
            | Self::UpstreamIgnored { output, input }
            | Self::ZeroUpstream { output, input, .. }
            | Self::NotLinear { output, input, .. }
            | Self::Overwritten { output, input, .. } => (Some(*output), Some(*input)),
            Self::NonFinite { entry } | Self::Mismatch { entry, .. } => {
                (Some(entry.output), Some(entry.input))
            }
        }
    }

    /// The order among the failures of one check: those that explain others come first.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Panicked { .. } => 0,
            Self::Unsupported { .. } | Self::BackwardFailed { .. } => 1,
            Self::WrongShape { .. } | Self::WrongDType { .. } | Self::WrongDevice { .. } => 2,
            Self::WritesInPlace { .. } => 3,
            Self::LayoutDependent { .. }
            | Self::ContextDependent { input: None, .. }
            | Self::NondeterministicForward { .. }
            | Self::NondeterministicBackward { .. } => 4,
            Self::Undefined { .. }
            | Self::Discontinuous { .. }
            | Self::Severed { .. }
            | Self::MissingGradient { .. }
            | Self::UnexpectedGradient { .. } => 5,
            Self::NonFinite { .. } => 6,
            Self::UpstreamIgnored { .. } => 7,
            Self::ZeroUpstream { .. } => 8,
            Self::NotLinear { .. } => 9,
            Self::Overwritten { .. } => 10,
            Self::Mismatch { .. } => 11,
            Self::ContextDependent { .. } => 12,
            Self::Named { failure, .. } => failure.rank(),
        }
    }
}
