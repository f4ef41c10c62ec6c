//! Where a function is undefined, and what it does not depend on.

use super::compare::JacobianPair;
use super::error::Error;
use super::failure::Failure;
use super::jacobian::unravel;
use super::probe::Probe;
use super::subject::Subject;

/// The first element of an output that is NaN at the inputs, or infinite and not constant.
pub(super) fn undefined_output(
    subject: &Subject,
    output: usize,
    columns: &[Probe],
) -> Result<Option<Failure>, Error> {
    let values = &subject.differences.outputs[output];
    let cause = |element| contributor(subject, output, &Probe::Basis(values.len()).vector(element));
    let failure = |element, cause| Ok(Some(undefined(subject, output, Some(element), cause)));
    if let Some(element) = values.iter().position(|value| value.is_nan()) {
        return failure(element, cause(element));
    }
    if values.iter().all(|value| value.is_finite()) {
        return Ok(None);
    }
    let infinite: Vec<f64> = values.iter().map(|value| f64::from(u8::from(value.is_infinite()))).collect();
    if contributor(subject, output, &infinite).is_some() {
        let depends = |&element: &usize| values[element].is_infinite() && cause(element).is_some();
        if let Some(element) = (0..values.len()).find(depends) {
            return failure(element, cause(element));
        }
    }
    let changes = |(value, difference): (&f64, &f64)| value.is_infinite() && *difference != 0.0;
    for (input, probe) in columns.iter().enumerate() {
        if !subject.inputs[input].is_differentiated() {
            continue;
        }
        for column in 0..probe.count() {
            let differences = subject.differences.central(input, &probe.vector(column), 1.0)?;
            if let Some(element) = values.iter().zip(&differences[output]).position(changes) {
                return failure(element, matches!(probe, Probe::Basis(_)).then_some((input, column)));
            }
        }
    }
    Ok(None)
}

/// The failure of an output that is undefined at `element`, if that is known; `cause` is an input and an
/// element of it.
pub(super) fn undefined(
    subject: &Subject,
    output: usize,
    element: Option<usize>,
    cause: Option<(usize, usize)>,
) -> Failure {
    let value = element.and_then(|element| subject.differences.outputs[output].get(element).copied());
    let output_dims = subject.graph.outputs[output].dims();
    let input_index =
        |(input, element): (usize, usize)| unravel(element, subject.inputs[input].tensor.dims());
    Failure::Undefined {
        output,
        output_index: element.map_or_else(Vec::new, |element| unravel(element, output_dims)),
        value: value.filter(|value| !value.is_finite()),
        input: cause.map(|(input, _)| input),
        input_index: cause.map_or_else(Vec::new, input_index),
    }
}

/// The first element of an input that gets a gradient for this upstream gradient of an output.
fn contributor(subject: &Subject, output: usize, upstream: &[f64]) -> Option<(usize, usize)> {
    let gradients = subject.graph.backward(output, upstream, None).ok()?;
    let mut gradients = gradients.iter().enumerate().filter_map(|(input, g)| Some((input, g.values()?)));
    gradients.find_map(|(input, gradient)| Some((input, gradient.iter().position(|&g| g != 0.0)?)))
}

/// Whether an output depends on an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dependence {
    /// It does not change at all.
    None,
    /// It changes by no more than rounding and the permitted nondeterminism may change it.
    Noise,
    /// It changes by more.
    Real,
}

/// Whether the output of `jacobians` depends on its input, by the numerical derivatives along `rows` and
/// `columns`.
///
/// What may be noise over one step is tried again with a much wider step, which adds no noise.
pub(super) fn dependence(
    subject: &Subject,
    jacobians: &JacobianPair,
    (rows, columns): (&Probe, &Probe),
) -> Dependence {
    const WIDE: f64 = 256.0;
    let JacobianPair { output, input, numerical, .. } = jacobians;
    let differences = &subject.differences;
    let steps: Vec<f64> =
        (0..numerical.columns).map(|column| differences.step(*input, &columns.vector(column))).collect();
    let jitter = subject.settings.nondeterminism * rows.norm1();
    let signal_to_noise = |(row, column): (usize, usize), derivative: f64, scale: f64| {
        let (y, x) = (&differences.outputs[*output], &subject.inputs[*input].values);
        let magnitude = rows.magnitude(row, y).max(columns.magnitude(column, x));
        let noise = differences.rounding_noise(magnitude) + jitter;
        derivative.abs() * scale * steps[column] / noise
    };
    let changes = numerical.data.iter().enumerate().filter(|(_, value)| **value != 0.0);
    let ratios = changes.map(|(index, value)| {
        let position = numerical.position(index);
        (position, signal_to_noise(position, *value, 1.0))
    });
    let Some((position, ratio)) = ratios.max_by(|a, b| a.1.total_cmp(&b.1)) else {
        return Dependence::None;
    };
    let (row, column) = position;
    let wide = || {
        let derivatives = differences.central(*input, &columns.vector(column), WIDE).ok()?;
        rows.project(&derivatives[*output]).get(row).copied()
    };
    if ratio > 1.0 || wide().is_some_and(|value| signal_to_noise(position, value, WIDE) > 1.0) {
        Dependence::Real
    } else {
        Dependence::Noise
    }
}
