//! The verdict on the Jacobian of one output with respect to one input.

use super::analytical::InputGradient;
use super::compare::{Comparison, JacobianPair};
use super::diagnosis::{diagnose_kink, diagnose_mismatch};
use super::domain::{Dependence, dependence, undefined};
use super::failure::Failure;
use super::jacobian::Matrix;
use super::point::Role;
use super::probe::Probe;
use super::refine::refine_step;
use super::report::{Gradient, Pair};
use super::subject::Subject;

/// The verdict on one Jacobian.
#[derive(Default)]
pub(super) struct Judgement {
    /// The Jacobian for the report; `None` if the input is not differentiated.
    pub(super) pair: Option<Pair>,
    pub(super) failure: Option<Failure>,
    pub(super) note: Option<String>,
}

/// Compares the two Jacobians.
///
/// `gradient` is what a backward pass gave the input, `probes` are the vectors along which output and input
/// were probed, and `numerical` has the Jacobians of the same output with respect to every input.
pub(super) fn judge(
    subject: &Subject,
    mut jacobians: JacobianPair,
    gradient: &InputGradient,
    probes: (&Probe, &Probe),
    numerical: &[Matrix],
) -> Judgement {
    let JacobianPair { output, input, .. } = jacobians;
    match subject.inputs[input].role {
        Role::Constant => return Judgement::default(),
        Role::Stopped => {
            let received = gradient.values().is_some_and(|values| values.iter().any(|&g| g != 0.0));
            let failure = received.then_some(Failure::UnexpectedGradient { output, input });
            return Judgement { failure, ..Judgement::default() };
        }
        Role::Differentiated => {}
    }
    let present = gradient.values().is_some();
    if present && !jacobians.is_projected() {
        refine_step(&subject.differences, &mut jacobians);
    }
    let comparison = jacobians.compare();
    let mut note = None;
    let (gradient, failure) = if let Some(failure) = undefined_entry(subject, &jacobians) {
        (if present { Gradient::Present } else { Gradient::Absent }, Some(failure))
    } else if present {
        (Gradient::Present, disagreement(subject, &jacobians, comparison, numerical))
    } else {
        let dependence = dependence(subject, &jacobians, probes);
        if dependence == Dependence::Noise {
            note = Some(noise_note(subject, &jacobians));
        }
        absence(&jacobians, gradient, dependence)
    };
    let worst = comparison.worst.map(|position| jacobians.entry(position));
    let JacobianPair { numerical, analytical, .. } = jacobians;
    Judgement { pair: Some(Pair { output, input, gradient, numerical, analytical, worst }), failure, note }
}

/// The failure of the first numerical entry that is not finite, unless the analytical entry is equal.
fn undefined_entry(subject: &Subject, jacobians: &JacobianPair) -> Option<Failure> {
    let JacobianPair { output, input, numerical, analytical, .. } = jacobians;
    let is_undefined = |(n, a): (&f64, &f64)| !n.is_finite() && n != a;
    let index = numerical.data.iter().zip(&analytical.data).position(is_undefined)?;
    let (row, column) = numerical.position(index);
    let (element, cause) =
        if jacobians.is_projected() { (None, None) } else { (Some(row), Some((*input, column))) };
    Some(undefined(subject, *output, element, cause))
}

/// The failure of entries that differ, if any do.
fn disagreement(
    subject: &Subject,
    jacobians: &JacobianPair,
    comparison: Comparison,
    numerical: &[Matrix],
) -> Option<Failure> {
    if let Some(position) = comparison.non_finite {
        return Some(Failure::NonFinite { entry: Box::new(jacobians.entry(position)) });
    }
    let position = comparison.worst.filter(|_| comparison.disagreeing > 0)?;
    let entry = jacobians.entry(position);
    // A projection points to no element and shows no pattern.
    let hint = if jacobians.is_projected() {
        None
    } else {
        diagnose_kink(&subject.differences, &entry, position)
            .or_else(|| diagnose_mismatch(jacobians, numerical, subject.names))
    };
    let wrong = (comparison.disagreeing, jacobians.numerical.data.len());
    Some(Failure::Mismatch { entry: Box::new(entry), wrong, hint })
}

/// What it means that no gradient reached the input.
fn absence(
    jacobians: &JacobianPair,
    gradient: &InputGradient,
    dependence: Dependence,
) -> (Gradient, Option<Failure>) {
    let JacobianPair { output, input, .. } = *jacobians;
    let numerical = jacobians.numerical.max_abs();
    match (dependence, gradient) {
        (Dependence::None | Dependence::Noise, _) => (Gradient::Independent, None),
        (Dependence::Real, InputGradient::Missing) => {
            (Gradient::Absent, Some(Failure::MissingGradient { output, input, numerical }))
        }
        (Dependence::Real, _) => (Gradient::Absent, Some(Failure::Severed { output, input, numerical })),
    }
}

fn noise_note(subject: &Subject, jacobians: &JacobianPair) -> String {
    format!(
        "{} changes with {} by no more than rounding noise (numerical derivative {:.3e}) and is taken to be \
         independent of it",
        subject.names.output(jacobians.output),
        subject.names.input(jacobians.input),
        jacobians.numerical.max_abs()
    )
}
