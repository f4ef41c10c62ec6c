//! What belongs to named parameters.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use candle_core::{Result, bail};

/// The states of the parameters `names`, in their order.
///
/// # Errors
///
/// Fails with all names that have no state, and with those of states that have no parameter; the error begins
/// with `owner`.
pub fn in_order<'a, S>(
    owner: &str,
    names: impl IntoIterator<Item = &'a str>,
    mut states: BTreeMap<String, S>,
) -> Result<Vec<S>> {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for name in names {
        match states.remove(name) {
            Some(state) => found.push(state),
            None => missing.push(name),
        }
    }
    if missing.is_empty() && states.is_empty() {
        return Ok(found);
    }
    let mut problem = String::new();
    if !missing.is_empty() {
        let _ = write!(problem, "there is no state of {}", missing.join(", "));
    }
    if !states.is_empty() {
        let extra: Vec<_> = states.into_keys().collect();
        let and = if problem.is_empty() { "there is" } else { ", and" };
        let _ = write!(problem, "{and} a state of {}, which is no parameter", extra.join(", "));
    }
    bail!("{owner}: {problem}")
}
