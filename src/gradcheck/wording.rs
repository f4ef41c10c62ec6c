//! What failures and entries say.

use std::fmt;

use super::Failure;
use super::names::Names;
use super::report::Entry;

/// Something that speaks of outputs and inputs by these names.
pub(super) struct Named<'a, T>(pub(super) &'a T, pub(super) &'a Names);

impl fmt::Display for Named<'_, Entry> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Entry { output, input, output_index, input_index, .. }, names) = *self;
        let Self(Entry { numerical, analytical, absolute, tolerance, .. }, _) = *self;
        let (y, x) = (names.output(*output), names.input(*input));
        write!(
            f,
            "d {y}{output_index:?} / d {x}{input_index:?} is {numerical:.6e} numerically and {analytical:.6e} by \
             backward: off by {absolute:.3e}, tolerance {tolerance:.3e}"
        )
    }
}

impl fmt::Display for Named<'_, Failure> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(failure, names) = *self;
        let (output, input) = failure.place();
        let (y, x) = (names.output(output), input.map_or_else(String::new, |input| names.input(input)));
        let misfit = |f: &mut fmt::Formatter<'_>, what: &str, message: &str| {
            write!(
                f,
                "backward of {y} gives {what}, or an addition inside the backward does not fit: {message}"
            )
        };
        match failure {
            Failure::Panicked { message, .. } => {
                write!(f, "backward of {y} panicked: {message}")?;
                if message.contains("grad not populated") {
                    write!(f, " (some bwd returned None for an operand that is part of the graph)")?;
                }
                Ok(())
            }
            Failure::Unsupported { message, .. } => {
                write!(f, "backward of {y} is not supported: {message}")
            }
            Failure::BackwardFailed { message, .. } => {
                write!(f, "backward of {y} failed: {message}")
            }
            Failure::WrongShape { message, .. } => misfit(f, "a gradient of the wrong shape", message),
            Failure::WrongDType { message, .. } => misfit(f, "a gradient of the wrong dtype", message),
            Failure::WrongDevice { message, .. } => misfit(f, "a gradient on the wrong device", message),
            Failure::Undefined { output_index, value, input_index, .. } => {
                undefined(f, &format!("{y}{output_index:?}"), *value)?;
                if input.is_some() {
                    write!(f, ", due to {x}{input_index:?}")?;
                }
                let small = if value.is_none() { ", and is eps small enough" } else { "" };
                write!(f, ": is the function defined there{small}?")
            }
            Failure::Severed { numerical, .. } => write!(
                f,
                "severed graph: {y} changes with {x} (numerical derivative {numerical:.6e}), \
                 but no graph leads from one to the other; look for apply_op*_no_bwd, detach, or values copied out \
                 of their tensor"
            ),
            Failure::MissingGradient { numerical, .. } => write!(
                f,
                "missing gradient: the graph of {y} leads to {x} (numerical derivative \
                 {numerical:.6e}), but a bwd on the way returns None"
            ),
            Failure::UnexpectedGradient { .. } => {
                write!(f, "{y} sends a gradient to {x}, which must not get one")
            }
            Failure::NondeterministicForward { difference, .. } => {
                write!(f, "forward is not deterministic: {y} differs by {difference:.3e} between two calls")
            }
            Failure::LayoutDependent { difference, .. } => write!(
                f,
                "forward depends on the memory layout: {y} differs by {difference:.3e} from what \
                 contiguous inputs of the same values give"
            ),
            Failure::NondeterministicBackward { difference, .. } => write!(
                f,
                "backward is not deterministic: the gradient of {y} by {x} differs by \
                 {difference:.3e} between two passes over one graph"
            ),
            Failure::NonFinite { entry } => {
                write!(
                    f,
                    "backward gives {} where the derivative is finite: {}",
                    entry.analytical,
                    Named(&**entry, names)
                )
            }
            Failure::UpstreamIgnored { .. } => write!(
                f,
                "backward ignores the upstream gradient: the gradient of {y} by {x} is the \
                 same for an upstream gradient of zeros"
            ),
            Failure::ZeroUpstream { gradient, .. } => write!(
                f,
                "backward adds something to the upstream gradient: zeros give {y} by {x} a \
                 gradient of {gradient:.6e}"
            ),
            Failure::NotLinear { difference, .. } => write!(
                f,
                "backward is not linear in the upstream gradient: {y} by {x} is off by \
                 {difference:.3e}"
            ),
            Failure::Overwritten { difference, .. } => write!(
                f,
                "backward overwrites instead of accumulating: with {x} used a second time beside \
                 {y}, its gradient is off by {difference:.3e}"
            ),
            Failure::Mismatch { entry, wrong: (wrong, of), hint } => {
                write!(
                    f,
                    "derivatives differ in {wrong} of {of} entries; worst: {}",
                    Named(&**entry, names)
                )?;
                hint.as_ref().map_or(Ok(()), |hint| write!(f, "; {hint}"))
            }
        }
    }
}

/// What is the matter with an element of an output that is or becomes infinite or NaN.
fn undefined(f: &mut fmt::Formatter<'_>, element: &str, value: Option<f64>) -> fmt::Result {
    match value {
        Some(value) => write!(f, "{element} is {value} at the inputs"),
        None => write!(f, "{element} is not finite one step from the inputs"),
    }
}
