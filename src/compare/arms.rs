//! Which runs are of one arm.

use std::collections::BTreeMap;

use super::measured_run::{NamedRuns, Run};
use super::pairing::differing;
use crate::error::{Error, Result};

/// An arm and its runs, by their place in the list of all.
pub(super) struct Members {
    pub(super) name: String,
    pub(super) settings: BTreeMap<String, String>,
    runs: Vec<usize>,
}

/// A name that is longer is less readable than that of a folder.
const LONGEST: usize = 32;

/// The arms of given names, whose runs stand in this order in the list of all.
pub(super) fn of_names(named: &[NamedRuns]) -> Vec<Members> {
    let mut next = 0;
    let of_arm = |arm: &NamedRuns| {
        let runs: Vec<_> = (next..next + arm.runs.len()).collect();
        next += arm.runs.len();
        Members { name: arm.name.clone(), settings: BTreeMap::new(), runs }
    };
    named.iter().map(of_arm).collect()
}

/// The arms by the settings that differ among runs of one data set.
pub(super) fn recognise(all: &[Run], sets: &[Vec<usize>]) -> Result<Vec<Members>> {
    let mut keys: Vec<_> =
        sets.iter().flat_map(|of| differing(&of.iter().map(|i| &all[*i]).collect::<Vec<_>>())).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut arms: Vec<Members> = Vec::new();
    for (i, run) in all.iter().enumerate() {
        let settings: BTreeMap<_, _> =
            keys.iter().map(|key| ((*key).to_owned(), run.setting(key).to_owned())).collect();
        match arms.iter_mut().find(|arm| arm.settings == settings && !keys.is_empty()) {
            Some(arm) => arm.runs.push(i),
            None => arms.push(Members { name: name(&settings), settings, runs: vec![i] }),
        }
    }
    if let [one] = sets {
        // Runs that differ in nothing, or in too much for a name.
        if arms.len() < one.len()
            || arms.iter().any(|arm| arm.name.is_empty() || arm.name.chars().count() > LONGEST)
        {
            return Ok(by_folder(all, &arms));
        }
    } else if keys.is_empty() {
        let [a, b] = [&all[sets[0][0]], &all[sets[1][0]]].map(|run| run.folder.display());
        return Err(Error::settings(format!(
            "{a} and {b} are on different data, and no two runs on the same data differ in a setting; `arms` \
             says which runs are of one arm"
        )));
    }
    Ok(arms)
}

/// The settings, each by the last part of its key.
fn name(settings: &BTreeMap<String, String>) -> String {
    let short = |(key, value): (&String, &String)| {
        format!("{}={value}", key.rsplit('.').next().unwrap_or(key).replace('_', "-"))
    };
    settings.iter().map(short).collect::<Vec<_>>().join(" ")
}

/// An arm for each run, by the name of its folder, or its path where names are the same.
fn by_folder(all: &[Run], arms: &[Members]) -> Vec<Members> {
    let last = |run: &Run| {
        let name = run.folder.file_name().unwrap_or(run.folder.as_os_str());
        name.to_string_lossy().into_owned()
    };
    let is_known_by = |run: &Run| all.iter().filter(|other| last(other) == last(run)).count() == 1;
    let is_short = all.iter().all(is_known_by);
    let arm = |(i, run): (usize, &Run)| {
        let name = if is_short { last(run) } else { run.folder.display().to_string() };
        let settings = arms.iter().find(|arm| arm.runs.contains(&i)).map(|arm| arm.settings.clone());
        Members { name, settings: settings.unwrap_or_default(), runs: vec![i] }
    };
    all.iter().enumerate().map(arm).collect()
}

/// The only run of an arm on a data set.
pub(super) fn only<'r>(arm: &Members, set: &str, of_set: &[usize], all: &'r [Run]) -> Result<&'r Run> {
    let runs: Vec<_> = arm.runs.iter().filter(|run| of_set.contains(run)).collect();
    match runs.as_slice() {
        [run] => Ok(&all[**run]),
        [] => {
            let problem =
                format!("the arm {} has no run on {set}, expected one on each of the data sets", arm.name);
            Err(Error::settings(problem))
        }
        [a, b, ..] => {
            let [a, b] = [a, b].map(|run| all[**run].folder.display());
            Err(Error::settings(format!(
                "{a} and {b} are both runs of the arm {} on {set}, expected one",
                arm.name
            )))
        }
    }
}
