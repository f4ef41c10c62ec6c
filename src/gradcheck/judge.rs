//! The verdict on the Jacobian of one output with respect to one input.

use super::analytical::InputGradient;
use super::compare::{Comparison, JacobianPair};
use super::diagnosis::diagnose_mismatch;
use super::domain::{Dependence, dependence, undefined};
use super::failure::Failure;
use super::jacobian::{Entry, Matrix, within};
use super::local::Line;
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
            let jitter = subject.settings.nondeterminism;
            let received =
                gradient.values().is_some_and(|values| values.iter().any(|g| !within(g.abs(), jitter)));
            let failure = received.then_some(Failure::UnexpectedGradient { output, input });
            return Judgement { failure, ..Judgement::default() };
        }
        Role::Differentiated => {}
    }
    let present = gradient.values().is_some();
    if present {
        refine_step(&subject.differences, &mut jacobians, probes);
    }
    let comparison = jacobians.compare();
    let mut note = None;
    let (gradient, failure) = if let Some(failure) = undefined_entry(subject, &jacobians) {
        (if present { Gradient::Present } else { Gradient::Absent }, Some(failure))
    } else if present {
        (Gradient::Present, disagreement(subject, &jacobians, comparison, probes, numerical))
    } else {
        let dependence = dependence(subject, &jacobians, probes);
        if dependence == Dependence::Noise {
            note = Some(noise_note(subject, &jacobians));
        }
        absence(subject, &jacobians, gradient, probes, dependence)
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
    probes: (&Probe, &Probe),
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
        line(subject, jacobians, probes, position)
            .and_then(|line| line.diagnose(entry.tolerance))
            .or_else(|| diagnose_mismatch(jacobians, numerical, position.1, subject.names))
    };
    let wrong = (comparison.disagreeing, jacobians.numerical.data.len());
    Some(Failure::Mismatch { entry: Box::new(entry), wrong, hint })
}

/// What it means that no gradient reached the input.
fn absence(
    subject: &Subject,
    jacobians: &JacobianPair,
    gradient: &InputGradient,
    probes: (&Probe, &Probe),
    dependence: Dependence,
) -> (Gradient, Option<Failure>) {
    let JacobianPair { output, input, .. } = *jacobians;
    let numerical = jacobians.numerical.max_abs();
    let failure = match (dependence, gradient) {
        (Dependence::None | Dependence::Noise, _) => return (Gradient::Independent, None),
        (Dependence::Real, InputGradient::Missing) => Failure::MissingGradient { output, input, numerical },
        (Dependence::Real, _) => Failure::Severed { output, input, numerical },
    };
    (Gradient::Absent, Some(discontinuity(subject, jacobians, probes).unwrap_or(failure)))
}

/// The failure of the largest numerical entry, if it is a jump instead of a slope.
fn discontinuity(subject: &Subject, jacobians: &JacobianPair, probes: (&Probe, &Probe)) -> Option<Failure> {
    let data = &jacobians.numerical.data;
    let largest = (0..data.len()).max_by(|&i, &j| data[i].abs().total_cmp(&data[j].abs()))?;
    let position = jacobians.numerical.position(largest);
    let entry = jacobians.entry(position);
    let jump = line(subject, jacobians, probes, position)?.jump(0.0)?;
    let Entry { output, input, output_index, input_index, .. } = entry;
    Some(Failure::Discontinuous { output, output_index, input, input_index, jump })
}

/// The line of one entry.
fn line<'a>(
    subject: &'a Subject,
    jacobians: &JacobianPair,
    (rows, columns): (&'a Probe, &Probe),
    position: (usize, usize),
) -> Option<Line<'a>> {
    let place = (jacobians.output, jacobians.input);
    Line::new(&subject.differences, place, (rows, columns), position, subject.settings.nondeterminism)
}

fn noise_note(subject: &Subject, jacobians: &JacobianPair) -> String {
    let jitter = if subject.settings.nondeterminism > 0.0 { " and the permitted nondeterminism" } else { "" };
    format!(
        "{} changes with {} by no more than rounding noise{jitter} (numerical derivative {:.3e}) and is taken to be \
         independent of it",
        subject.names.output(jacobians.output),
        subject.names.input(jacobians.input),
        jacobians.numerical.max_abs()
    )
}
