//! Validates the settings of a check, and fits them to its inputs and outputs.

use candle_core::{DType, Tensor};

use super::compare::Tolerance;
use super::error::Error;
use super::point::{Input, Role};
use super::settings::{DTypePolicy, GradCheck};
use super::wording::Names;

/// The inputs in the roles that the settings give them.
///
/// # Errors
///
/// [`Error::Setting`] if a setting is invalid, [`Error::Broadcast`] or [`Error::Overlapping`] for the layout
/// of an input.
pub(super) fn assign_roles(settings: &GradCheck, inputs: &[Tensor]) -> Result<Vec<Input>, Error> {
    check_numbers(settings)?;
    let named = |name, numbers: &[usize]| match numbers.iter().find(|&&number| number >= inputs.len()) {
        Some(&number) => Err(Error::Setting { name, value: number as f64, wanted: "the number of an input" }),
        None => Ok(()),
    };
    named("constants", &settings.constants)?;
    named("stopped", &settings.stopped)?;
    let role = |index: usize| {
        if settings.constants.contains(&index) {
            Role::Constant
        } else if settings.stopped.contains(&index) {
            Role::Stopped
        } else {
            Role::Differentiated
        }
    };
    inputs.iter().enumerate().map(|(index, tensor)| Input::new(index, tensor, role(index))).collect()
}

fn check_numbers(settings: &GradCheck) -> Result<(), Error> {
    let GradCheck { eps, atol, rtol, nondeterminism, .. } = *settings;
    let (positive, not_negative) = ("positive and finite", "finite and not negative");
    for (name, value, valid, wanted) in [
        ("eps", eps, eps > 0.0, positive),
        ("atol", atol, atol >= 0.0, not_negative),
        ("rtol", rtol, rtol >= 0.0, not_negative),
        ("nondeterminism", nondeterminism, nondeterminism >= 0.0, not_negative),
    ] {
        if !valid || value.is_infinite() {
            return Err(Error::Setting { name, value, wanted });
        }
    }
    Ok(())
}

/// The step and the tolerance for the dtypes of inputs and outputs, with notes on dtypes that are too coarse
/// for them.
///
/// # Errors
///
/// [`Error::DType`] for a dtype that the policy refuses.
pub(super) fn step_and_tolerance(
    settings: &GradCheck,
    inputs: &[Input],
    outputs: &[Tensor],
    names: &Names,
) -> Result<(f64, Tolerance, Vec<String>), Error> {
    let inputs = inputs.iter().enumerate().filter(|(_, input)| input.is_differentiated());
    let inputs = inputs.map(|(i, input)| (names.input(i), input.tensor.dtype()));
    let outputs = outputs.iter().enumerate().filter(|(_, y)| y.dtype().is_float());
    let outputs = outputs.map(|(j, y)| (names.output(j), y.dtype()));
    let mut eps = settings.eps;
    let mut tolerance = Tolerance { atol: settings.atol, rtol: settings.rtol };
    let mut notes = vec![];
    for (what, dtype) in inputs.chain(outputs).filter(|(_, dtype)| *dtype != DType::F64) {
        match (settings.dtypes, DTypePolicy::loosened(dtype)) {
            (DTypePolicy::Refuse, _) | (_, None) => return Err(Error::DType { what, dtype }),
            (DTypePolicy::Warn, Some(_)) => notes.push(format!(
                "{what} is {dtype:?}: finite differences with eps {eps:e} are mostly rounding error; use F64 \
                 or DTypePolicy::Loosen"
            )),
            (DTypePolicy::Loosen, Some((step, atol, rtol))) => {
                eps = eps.max(step);
                tolerance = Tolerance { atol: tolerance.atol.max(atol), rtol: tolerance.rtol.max(rtol) };
            }
        }
    }
    Ok((eps, tolerance, notes))
}
