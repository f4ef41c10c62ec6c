//! A check from end to end.

use candle_core::{Result as CandleResult, Tensor};

use super::compare::{JacobianPair, Tolerance};
use super::domain::undefined_output;
use super::error::Error;
use super::failure::Failure;
use super::function::{Eval, Outputs, at_point, call_decoy};
use super::jacobian::{Matrix, within};
use super::judge::judge;
use super::point::Input;
use super::probe::Probe;
use super::report::{Gradient, Pair, Report};
use super::settings::{GradCheck, Mode};
use super::subject::Subject;
use super::upstream::Reference;
use super::validate::assign_roles;
use super::wording::Names;
use super::{contexts, forward, second, upstream};

/// The largest number of Jacobian entries in slow mode: 80 MB for each of the two Jacobians.
const MAX_ENTRIES: usize = 10_000_000;

impl GradCheck {
    /// Checks the first derivatives of `f` at `inputs` against central differences.
    ///
    /// The inputs are f64 (see [`DTypePolicy`](super::DTypePolicy)) of any shape, scalars and empty tensors
    /// included, in any layout without shared elements; `f` gets each of them in that same layout, as part of
    /// a graph. `f` returns one tensor or several ([`Outputs`]); those of an integer dtype are not
    /// differentiated.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] with the report if a derivative is wrong, another [`Error`] if the check could not
    /// be made. A panic in `f` or in Candle's `backward` is caught and reported as an error as well.
    pub fn check<F, O>(&self, f: F, inputs: &[Tensor]) -> Result<Report, Error>
    where
        F: Fn(&[Tensor]) -> CandleResult<O>,
        O: Into<Outputs>,
    {
        let inputs = assign_roles(self, inputs)?;
        verdict(self, &at_point(f), &inputs, 1, &Names::default())
    }

    /// Checks the second derivatives of `f` at `inputs` against central differences of its backward pass.
    ///
    /// The function under check takes the inputs and an upstream gradient for each output, and returns the
    /// gradients of the inputs; this is the equivalent of `torch.autograd.gradgradcheck`. First derivatives
    /// are checked before, since the derivative of a wrong one says nothing.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check), and [`Error::Detached`] if Candle does not keep the graph of the backward
    /// pass.
    pub fn check_second<F, O>(&self, f: F, inputs: &[Tensor]) -> Result<Report, Error>
    where
        F: Fn(&[Tensor]) -> CandleResult<O>,
        O: Into<Outputs>,
    {
        if !second::second_order_available()? {
            return Err(Error::Detached);
        }
        let first = at_point(f);
        let inputs = assign_roles(self, inputs)?;
        verdict(self, &first, &inputs, 1, &Names::default())?;
        let (extended, names) = second::with_upstream(&first, &inputs, self.seed)?;
        verdict(self, &|point| second::gradients(&first, &inputs, point), &extended, 2, &names)
    }
}

/// Checks in the mode of the settings, and where fast mode fails in slow mode, which locates the failure and
/// decides.
pub(super) fn verdict(
    settings: &GradCheck,
    eval: &Eval,
    inputs: &[Input],
    order: u8,
    names: &Names,
) -> Result<Report, Error> {
    let subject = Subject::new(settings, eval, inputs, names, order)?;
    let entries = subject.entries();
    let too_large = entries > MAX_ENTRIES;
    if settings.mode == Mode::Slow && too_large {
        return Err(Error::TooLarge { entries, limit: MAX_ENTRIES });
    }
    let mut report = run(&subject, settings.mode)?;
    if report.passed() {
        return Ok(report);
    }
    if too_large {
        report.notes.push(format!(
            "slow mode, which would locate the failure, was not run: the Jacobians have {entries} entries, \
             more than {MAX_ENTRIES}"
        ));
    }
    if settings.mode == Mode::Slow || too_large {
        return Err(Error::Failed(Box::new(report)));
    }
    // A backward pass that writes in place has spoilt the old graph.
    let subject = Subject::new(settings, eval, inputs, names, order)?;
    let mut slow = run(&subject, Mode::Slow)?;
    if slow.passed() {
        let failure = report.first_failure();
        slow.notes.push(format!("fast mode failed, but slow mode passed and decides: {failure}"));
        return Ok(slow);
    }
    Err(Error::Failed(Box::new(slow)))
}

/// Runs every part of a check in one mode.
///
/// # Errors
///
/// If the function fails close to the inputs. Wrong derivatives are in the report.
fn run(subject: &Subject, mode: Mode) -> Result<Report, Error> {
    let mut findings = Findings { notes: subject.notes.clone(), ..Findings::default() };
    findings.failures.extend(forward::side_effects(subject)?);
    let (rows, columns) = subject.probes(mode);
    let numerical = subject.differences.jacobians(&rows, &columns)?;
    call_decoy(subject.differences.eval, subject.inputs)?;
    findings.references.resize_with(subject.graph.outputs.len(), || None);
    for (output, y) in subject.graph.outputs.iter().enumerate() {
        if y.dtype().is_float() {
            let probes = (&rows[output], columns.as_slice());
            findings.check_output(subject, output, probes, &numerical[output], mode)?;
        }
    }
    findings.check_contexts(subject)?;
    let Findings { pairs, mut failures, mut notes, .. } = findings;
    failures.sort_by_key(Failure::rank);
    let failures = failures.into_iter().map(|failure| subject.names.attach(failure)).collect();
    notes.extend(vacuity_note(subject.names, &pairs, mode));
    let Tolerance { atol, rtol } = subject.tolerance;
    let eps = subject.differences.eps;
    let order = subject.order;
    Ok(Report { order, mode, eps, atol, rtol, pairs, failures, notes, names: subject.names.clone() })
}

/// The results of a check so far.
#[derive(Default)]
struct Findings {
    pairs: Vec<Pair>,
    failures: Vec<Failure>,
    notes: Vec<String>,
    /// By output, `None` where there is nothing to compare.
    references: Vec<Option<Reference>>,
}

impl Findings {
    /// Checks output number `output`, whose `numerical` Jacobians were probed along `rows` and `columns`.
    fn check_output(
        &mut self,
        subject: &Subject,
        output: usize,
        (rows, columns): (&Probe, &[Probe]),
        numerical: &[Matrix],
        mode: Mode,
    ) -> Result<(), Error> {
        if let Some(failure) = undefined_output(subject, output, columns)? {
            self.failures.push(failure);
            return Ok(());
        }
        let results = subject.graph.results(output)?;
        let analytical = match subject.graph.jacobians(output, rows, columns) {
            Ok(analytical) => analytical,
            Err(failure) => {
                self.failures.push(failure);
                return Ok(());
            }
        };
        for (input, jacobian) in analytical.iter().enumerate() {
            let difference = jacobian.nondeterminism;
            if !within(difference, subject.settings.nondeterminism) {
                self.failures.push(Failure::NondeterministicBackward { output, input, difference });
            }
        }
        self.failures.extend(subject.graph.overwritten(output, &results)?);
        // A gradient with NaN in it violates every property at once, which says nothing new.
        if analytical.iter().all(|jacobian| jacobian.matrix.max_abs().is_finite()) {
            let (failures, reference) = upstream::violations(subject, output, rows, &analytical);
            self.failures.extend(failures);
            self.references[output] = reference;
        }
        for (input, jacobian) in analytical.into_iter().enumerate() {
            let dims = || (subject.graph.outputs[output].dims(), subject.inputs[input].tensor.dims());
            let pair = JacobianPair {
                output,
                input,
                shapes: (mode == Mode::Slow).then(dims),
                numerical: numerical[input].clone(),
                analytical: jacobian.matrix,
                tolerance: subject.tolerance_along((output, input), rows, &columns[input]),
            };
            let probes = (rows, &columns[input]);
            let judgement = judge(subject, pair, &jacobian.gradient, probes, numerical);
            self.pairs.extend(judgement.pair);
            self.failures.extend(judgement.failure);
            self.notes.extend(judgement.note);
        }
        Ok(())
    }

    /// Checks that values are the same in every context, and gradients as well if they are right in one.
    fn check_contexts(&mut self, subject: &Subject) -> Result<(), Error> {
        // At second order the function's inputs must be tracked leaves in the layouts that it was given.
        if subject.order != 1 {
            return Ok(());
        }
        if !self.failures.is_empty() {
            self.references.clear();
        }
        let (failures, notes) = contexts::violations(subject, &self.references)?;
        self.failures.extend(failures);
        self.notes.extend(notes);
        Ok(())
    }
}

/// A note on Jacobians that are smaller than their tolerance, for which even zeros would pass.
fn vacuity_note(names: &Names, pairs: &[Pair], mode: Mode) -> Option<String> {
    let is_tiny = |pair: &&Pair| {
        let tolerance = pair.worst.as_ref().map_or(0.0, |worst| worst.tolerance);
        let largest = pair.numerical.max_abs();
        pair.gradient == Gradient::Present && largest > 0.0 && largest <= tolerance
    };
    let describe = |pair: &Pair| {
        let (y, x) = (names.output(pair.output), names.input(pair.input));
        format!("{y} with respect to {x}: at most {:.3e}", pair.numerical.max_abs())
    };
    let tiny: Vec<String> = pairs.iter().filter(is_tiny).map(describe).collect();
    if tiny.is_empty() {
        return None;
    }
    let (what, advice) = match mode {
        Mode::Slow => ("derivative", "scale the function up or lower atol"),
        Mode::Fast => {
            ("projection of the derivatives", "check in slow mode, scale the function up or lower atol")
        }
    };
    Some(format!(
        "no {what} exceeds the tolerance ({}), so a gradient of zeros would pass: {advice}",
        tiny.join(", ")
    ))
}
