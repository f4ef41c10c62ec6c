//! Whether runs can be compared fold by fold.

use super::measured_run::Run;
use crate::config::keys;
use crate::error::{Error, Result};
use crate::run::Predicted;

/// The settings that decide which row is in which fold.
const OF_FOLDS: [&str; 4] = ["folds", "repeats", "seed", "data.group"];

/// Truths of one row differ by no more than that, relative to them: one run may be of single precision.
const TOLERANCE: f64 = 1e-6;

/// Refuses a run that has not the rows, folds and truths of `first`, which is on the same data.
///
/// Errors in other folds are of other rows: the difference of two arms would be mostly that of the rows. So
/// nothing is said of such runs, which one call more can make comparable.
pub(super) fn check(run: &Run, first: &Run) -> Result<()> {
    let names = [run, first].map(|run| run.folder.display());
    let refused = |difference: String| {
        let [run, first] = &names;
        Err(Error::settings(format!("{run} and {first} cannot be compared: {difference}")))
    };
    for key in OF_FOLDS {
        let [here, there] = [run, first].map(|run| run.setting(key));
        if here != there {
            return refused(format!("{key} is {here}, and {there} there; expected the same folds and seeds"));
        }
    }
    let [of, to] = [run, first].map(|run| &run.errors.predictions);
    if of.targets() != to.targets() {
        return refused(format!("the targets are {:?}, and {:?} there", of.targets(), to.targets()));
    }
    if of.len() != to.len() || run.errors.folds.len() != first.errors.folds.len() {
        return refused(format!(
            "there are {} tested rows, and {} there; expected the same rows, whatever values are missing",
            of.len(),
            to.len()
        ));
    }
    let places = |p: &crate::run::Predictions| {
        p.rows().iter().copied().zip(p.folds().iter().copied()).collect::<Vec<_>>()
    };
    let (here, there) = (places(of), places(to));
    if let Some((i, (row, fold))) = here.iter().enumerate().find(|(i, place)| **place != there[*i]) {
        let (other, of_other) = there[i];
        return refused(format!(
            "row {row} is in fold {fold}, and row {other} in fold {of_other} there; expected the same folds"
        ));
    }
    for (target, name) in of.targets().iter().enumerate() {
        let pairs = of.values(target, Predicted::Truth).zip(to.values(target, Predicted::Truth));
        let differs = |(_, (a, b)): &(usize, (f64, f64))| (a - b).abs() > TOLERANCE * a.abs().max(b.abs());
        if let Some((i, (a, b))) = pairs.enumerate().find(differs) {
            return refused(format!(
                "{name} of row {} is {a}, and {b} there; expected the same data",
                here[i].0
            ));
        }
    }
    Ok(())
}

/// The settings that differ among runs of the same data, but those of the folds and the file's path.
pub(super) fn differing(runs: &[&Run]) -> Vec<&'static str> {
    let differs = |key: &&str| runs.iter().any(|run| run.setting(key) != runs[0].setting(key));
    keys()
        .iter()
        .copied()
        .filter(|key| *key != "data.file" && !OF_FOLDS.contains(key))
        .filter(differs)
        .collect()
}
