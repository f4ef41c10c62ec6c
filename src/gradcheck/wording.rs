//! The words in which entries and failures are reported.

use std::fmt;

use serde::Serialize;

use super::failure::Failure;
use super::jacobian::Entry;

/// The names of outputs and inputs by number; `output 0` and `input 0` if they have none.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(super) struct Names {
    outputs: Vec<String>,
    inputs: Vec<String>,
}

impl Names {
    /// The names for a check of second derivatives of a function with so many `inputs`.
    ///
    /// Its outputs are the gradients of the `differentiated` inputs. Its inputs are those of the function and
    /// an upstream gradient for each of the `differentiable` outputs.
    pub(super) fn second_order(inputs: usize, differentiated: &[usize], differentiable: &[usize]) -> Self {
        let upstream =
            differentiable.iter().map(|output| format!("the upstream gradient of output {output}"));
        Self {
            outputs: differentiated.iter().map(|input| format!("the gradient of input {input}")).collect(),
            inputs: (0..inputs).map(|input| format!("input {input}")).chain(upstream).collect(),
        }
    }

    /// The names for a check of `parameters` by name, after so many `inputs`.
    pub(super) fn parameters(inputs: usize, parameters: &[String]) -> Self {
        let inputs = (0..inputs).map(|input| format!("input {input}"));
        Self { outputs: vec![], inputs: inputs.chain(parameters.iter().cloned()).collect() }
    }

    /// Whether everything goes by its number.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The names of the output and the input of `failure`, empty if there are none.
    fn of(&self, failure: &Failure) -> [String; 2] {
        let (output, input) = failure.output_and_input();
        let named =
            |number: Option<usize>, name: &dyn Fn(usize) -> String| number.map_or_else(String::new, name);
        [named(output, &|output| self.output(output)), named(input, &|input| self.input(input))]
    }

    /// `failure` with its names, if there are any.
    pub(super) fn attach(&self, failure: Failure) -> Failure {
        if self.is_empty() {
            return failure;
        }
        let [output_name, input_name] = self.of(&failure);
        Failure::Named { failure: Box::new(failure), output_name, input_name }
    }

    /// The name of output number `number`.
    pub(super) fn output(&self, number: usize) -> String {
        self.outputs.get(number).cloned().unwrap_or_else(|| format!("output {number}"))
    }

    /// The name of input number `number`.
    pub(super) fn input(&self, number: usize) -> String {
        self.inputs.get(number).cloned().unwrap_or_else(|| format!("input {number}"))
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Names::default();
        write_entry(f, self, &names.output(self.output), &names.input(self.input))
    }
}

/// Writes an entry of the derivative of `y` with respect to `x`.
fn write_entry(f: &mut fmt::Formatter<'_>, entry: &Entry, y: &str, x: &str) -> fmt::Result {
    let Entry { output_index, input_index, numerical, analytical, absolute, tolerance, .. } = entry;
    write!(
        f,
        "d {y}{output_index:?} / d {x}{input_index:?} is {numerical:.6e} numerically and {analytical:.6e} by \
         backward: off by {absolute:.3e}, tolerance {tolerance:.3e}"
    )
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Named { failure, output_name, input_name } = self {
            return write_failure(f, failure, output_name, input_name);
        }
        let [y, x] = Names::default().of(self);
        write_failure(f, self, &y, &x)
    }
}

/// Writes a failure of output `y` and input `x`.
fn write_failure(f: &mut fmt::Formatter<'_>, failure: &Failure, y: &str, x: &str) -> fmt::Result {
    let (output, input) = failure.output_and_input();
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
        Failure::BackwardFailed { message, .. } => write!(f, "backward of {y} failed: {message}"),
        Failure::WrongShape { message, .. } => misfit(f, y, "of the wrong shape", message),
        Failure::WrongDType { message, .. } => misfit(f, y, "of the wrong dtype", message),
        Failure::WrongDevice { message, .. } => misfit(f, y, "on the wrong device", message),
        Failure::Undefined { output_index, value, input_index, .. } => {
            match value {
                Some(value) => write!(f, "{y}{output_index:?} is {value} at the inputs")?,
                None => write!(f, "{y}{output_index:?} is not finite one step from the inputs")?,
            }
            if input.is_some() {
                write!(f, ", due to {x}{input_index:?}")?;
            }
            let small = if value.is_none() { ", and is eps small enough" } else { "" };
            write!(f, ": is the function defined there{small}?")
        }
        Failure::Severed { numerical, .. } => write!(
            f,
            "severed graph: {y} changes with {x} (numerical derivative {numerical:.6e}), but no graph \
                 connects them; look for apply_op*_no_bwd, detach, or values copied out of their tensor"
        ),
        Failure::MissingGradient { numerical, .. } => write!(
            f,
            "missing gradient: the graph of {y} leads to {x} (numerical derivative {numerical:.6e}), but \
                 a bwd on the way returns None"
        ),
        Failure::Discontinuous { output_index, input_index, jump, .. } => write!(
            f,
            "{y}{output_index:?} jumps by {jump:.6e} within one step of {x}{input_index:?}, so it has no \
                 derivative there: move the input away"
        ),
        Failure::Named { failure, .. } => write_failure(f, failure, y, x),
        Failure::UnexpectedGradient { .. } => {
            write!(f, "unexpected gradient: {x} receives one from {y}, but must not")
        }
        Failure::NondeterministicForward { difference, .. } => {
            write!(f, "forward is not deterministic: {y} differs by {difference:.3e} between two calls")
        }
        Failure::LayoutDependent { difference, .. } => write!(
            f,
            "forward depends on the memory layout: {y} differs by {difference:.3e} between contiguous \
                 and strided inputs"
        ),
        Failure::WritesInPlace { difference, .. } => {
            let pass = output.map_or_else(|| "forward".into(), |_| format!("backward of {y}"));
            let what = input.map_or("the output or a result on the way to it", |_| x);
            write!(f, "{pass} writes to {what}, which changes by up to {difference:.3e}: it may only read it")
        }
        Failure::ContextDependent { context, difference, .. } => {
            match input {
                Some(_) => write!(f, "the gradient of {y} with respect to {x}")?,
                None => write!(f, "the value of {y}")?,
            }
            write!(f, " depends on how the function is called: it is off by {difference:.3e} if {context}")
        }
        Failure::NondeterministicBackward { difference, .. } => write!(
            f,
            "backward is not deterministic: the gradient of {y} with respect to {x} differs by \
                 {difference:.3e} between two passes over the same graph"
        ),
        Failure::NonFinite { entry } => {
            write!(f, "backward gives {} where the derivative is finite: ", entry.analytical)?;
            write_entry(f, entry, y, x)
        }
        Failure::UpstreamIgnored { .. }
        | Failure::ZeroUpstream { .. }
        | Failure::NotLinear { .. }
        | Failure::Overwritten { .. } => {
            write_violation(f, failure, &format!("the gradient of {y} with respect to {x}"))
        }
        Failure::Mismatch { entry, wrong: (wrong, of), hint } => {
            write!(f, "derivatives differ in {wrong} of {of} entries; worst: ")?;
            write_entry(f, entry, y, x)?;
            hint.as_ref().map_or(Ok(()), |hint| write!(f, "; {hint}"))
        }
    }
}

/// Writes how the backward pass that gives `gradient` depends on the upstream gradient as it must not.
fn write_violation(f: &mut fmt::Formatter<'_>, failure: &Failure, gradient: &str) -> fmt::Result {
    match failure {
        Failure::UpstreamIgnored { .. } => write!(
            f,
            "backward ignores the upstream gradient: {gradient} is the same for an upstream gradient of zeros"
        ),
        Failure::ZeroUpstream { gradient: value, .. } => write!(
            f,
            "backward adds something to the upstream gradient: for zeros, {gradient} is {value:.6e}"
        ),
        Failure::NotLinear { difference, scale, .. } => {
            write!(
                f,
                "backward is not linear in the upstream gradient: {gradient} is off by {difference:.3e}"
            )?;
            if *scale == 1.0 { Ok(()) } else { write!(f, " for one that is scaled by {scale:.1e}, and back") }
        }
        Failure::Overwritten { difference, .. } => write!(
            f,
            "backward overwrites instead of accumulating: with a second use of the input, {gradient} is off by \
             {difference:.3e}"
        ),
        _ => Ok(()),
    }
}

/// A gradient of `y` that does not fit its tensor, which Candle only notices when it adds the two.
fn misfit(f: &mut fmt::Formatter<'_>, y: &str, how: &str, message: &str) -> fmt::Result {
    write!(
        f,
        "backward of {y} gives a gradient {how}, or an addition inside the backward does not fit: {message}"
    )
}
