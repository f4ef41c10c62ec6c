//! The ways in which a derivative can fail to hold.

use serde::Serialize;

use super::report::Entry;

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

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Panicked { output, message } => {
                write!(f, "backward of output {output} panicked: {message}")?;
                if message.contains("grad not populated") {
                    write!(f, " (some bwd returned None for an operand that is part of the graph)")?;
                }
                Ok(())
            }
            Self::Unsupported { output, message } => {
                write!(f, "backward of output {output} is not supported: {message}")
            }
            Self::BackwardFailed { output, message } => {
                write!(f, "backward of output {output} failed: {message}")
            }
            Self::WrongShape { output, message } => {
                write!(
                    f,
                    "backward of output {output} gives a gradient of the wrong shape, or an addition inside the backward does not fit: {message}"
                )
            }
            Self::WrongDType { output, message } => {
                write!(
                    f,
                    "backward of output {output} gives a gradient of the wrong dtype, or an addition inside the backward does not fit: {message}"
                )
            }
            Self::WrongDevice { output, message } => {
                write!(
                    f,
                    "backward of output {output} gives a gradient on the wrong device, or an addition inside the backward does not fit: {message}"
                )
            }
            Self::Undefined { output, output_index, value, input, input_index } => {
                match value {
                    Some(value) => write!(f, "output {output}{output_index:?} is {value} at the inputs")?,
                    None => {
                        write!(f, "output {output}{output_index:?} is not finite one step from the inputs")?
                    }
                }
                input.map_or(Ok(()), |input| write!(f, ", due to input {input}{input_index:?}"))?;
                write!(f, ": is the function defined there?")
            }
            Self::Severed { output, input, numerical } => write!(
                f,
                "severed graph: output {output} changes with input {input} (numerical derivative {numerical:.6e}), \
                 but no graph leads from one to the other; look for apply_op*_no_bwd, detach, or values copied out \
                 of their tensor"
            ),
            Self::MissingGradient { output, input, numerical } => write!(
                f,
                "missing gradient: the graph of output {output} leads to input {input} (numerical derivative \
                 {numerical:.6e}), but a bwd on the way returns None"
            ),
            Self::UnexpectedGradient { output, input } => {
                write!(f, "output {output} sends a gradient to input {input}, which must not get one")
            }
            Self::NondeterministicForward { output, difference } => write!(
                f,
                "forward is not deterministic: output {output} differs by {difference:.3e} between two calls"
            ),
            Self::LayoutDependent { output, difference } => write!(
                f,
                "forward depends on the memory layout: output {output} differs by {difference:.3e} from what \
                 contiguous inputs of the same values give"
            ),
            Self::NondeterministicBackward { output, input, difference } => write!(
                f,
                "backward is not deterministic: the gradient of output {output} by input {input} differs by \
                 {difference:.3e} between two passes over one graph"
            ),
            Self::NonFinite { entry } => {
                write!(f, "backward gives {} where the derivative is finite: {entry}", entry.analytical)
            }
            Self::UpstreamIgnored { output, input } => write!(
                f,
                "backward ignores the upstream gradient: the gradient of output {output} by input {input} is the \
                 same for an upstream gradient of zeros"
            ),
            Self::ZeroUpstream { output, input, gradient } => write!(
                f,
                "backward adds something to the upstream gradient: zeros give output {output} by input {input} a \
                 gradient of {gradient:.6e}"
            ),
            Self::NotLinear { output, input, difference } => write!(
                f,
                "backward is not linear in the upstream gradient: output {output} by input {input} is off by \
                 {difference:.3e}"
            ),
            Self::Overwritten { output, input, difference } => write!(
                f,
                "backward overwrites instead of accumulating: with input {input} used a second time beside output \
                 {output}, its gradient is off by {difference:.3e}"
            ),
            Self::Mismatch { entry, wrong: (wrong, of), hint } => {
                write!(f, "derivatives differ in {wrong} of {of} entries; worst: {entry}")?;
                hint.as_ref().map_or(Ok(()), |hint| write!(f, "; {hint}"))
            }
        }
    }
}
