//! Whether the forward pass is deterministic and independent of the memory layout.

use candle_core::Tensor;

use super::error::Error;
use super::failure::Failure;
use super::function::call;
use super::jacobian::{max_difference, within};
use super::point::{Input, Point, elements};
use super::subject::Subject;

/// Outputs that differ between two calls with the same inputs.
pub(super) fn nondeterminism(subject: &Subject) -> Result<Vec<Failure>, Error> {
    let (first, second) = (subject.differences.unperturbed()?, subject.differences.unperturbed()?);
    let mut failures = vec![];
    for (output, (a, b)) in first.iter().zip(&second).enumerate() {
        let difference = max_difference(a, b);
        if !within(difference, subject.settings.nondeterminism) {
            failures.push(Failure::NondeterministicForward { output, difference });
        }
    }
    Ok(failures)
}

/// Outputs that differ from those for contiguous inputs, which a function may refuse.
pub(super) fn layout_dependence(subject: &Subject) -> Result<Vec<Failure>, Error> {
    let contiguous = |t: &Tensor| t.is_contiguous() && t.layout().start_offset() == 0;
    if subject.inputs.iter().all(|input| contiguous(&input.tensor)) {
        return Ok(vec![]);
    }
    let inputs: Vec<_> = subject.inputs.iter().map(Input::contiguous).collect::<Result<_, _>>()?;
    let Ok(outputs) = call(subject.differences.eval, &Point::new(&inputs)?) else {
        return Ok(vec![]);
    };
    let mut failures = vec![];
    for (output, (ours, theirs)) in subject.differences.outputs.iter().zip(&outputs).enumerate() {
        if !theirs.dtype().is_float() {
            continue;
        }
        let theirs = elements(theirs)?;
        let agree =
            |(a, b): (&f64, &f64)| (a.is_nan() && b.is_nan()) || subject.tolerance.agree(&[*a], &[*b]);
        if ours.len() != theirs.len() || !ours.iter().zip(&theirs).all(agree) {
            let difference = max_difference(ours, &theirs);
            failures.push(Failure::LayoutDependent { output, difference });
        }
    }
    Ok(failures)
}
