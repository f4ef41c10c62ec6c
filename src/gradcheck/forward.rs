//! Whether the forward pass is deterministic and leaves its inputs alone.

use super::error::Error;
use super::failure::Failure;
use super::jacobian::{max_difference, within};
use super::subject::Subject;

/// Outputs that differ between two calls with the same inputs, and inputs that the calls write to.
pub(super) fn side_effects(subject: &Subject) -> Result<Vec<Failure>, Error> {
    let (first, second) = (subject.differences.unperturbed()?, subject.differences.unperturbed()?);
    let mut failures = vec![];
    for (output, (a, b)) in first.iter().zip(&second).enumerate() {
        let difference = max_difference(a, b);
        if !within(difference, subject.settings.nondeterminism) {
            failures.push(Failure::NondeterministicForward { output, difference });
        }
    }
    for (input, difference) in subject.differences.overwritten_inputs()? {
        failures.push(Failure::WritesInPlace { output: None, input: Some(input), difference });
    }
    Ok(failures)
}
