//! The folders of runs.

use std::fs;
use std::path::PathBuf;

use super::arms;
use super::measured_run::{NamedRuns, Run};
use super::measurements::{Arm, DataSet, Measurements};
use super::metric::Metric;
use super::pairing;
use crate::error::{Error, Result};

/// Reads the errors of `runs`, the folders of finished cross-validations, or of the runs of `named` arms
/// where there are such.
///
/// Runs on the same data, by the sum of the file and the targets, must have the same folds. Without names the
/// arms are recognised by the settings in which runs on the same data differ; where these are none or many,
/// by the names of the folders. Each arm needs one run on each of the data sets.
///
/// # Errors
///
/// Fails with [`Error::Settings`] for runs that cannot be compared, and says what differs; and as
/// [`RunErrors::read`](crate::run::RunErrors::read).
pub fn of_runs(runs: &[PathBuf], named: &[NamedRuns], metric: Metric) -> Result<(Measurements, Vec<String>)> {
    let folders = named.iter().flat_map(|arm| &arm.runs).chain(runs);
    check_folders(&folders.clone().collect::<Vec<_>>())?;
    let all = folders.map(|folder| Run::read(folder)).collect::<Result<Vec<_>>>()?;
    // The data sets in the order of their first runs.
    let mut sets: Vec<(String, Vec<usize>)> = Vec::new();
    for (i, run) in all.iter().enumerate() {
        let data = run.data();
        match sets.iter_mut().find(|(known, _)| *known == data) {
            Some((_, of)) => of.push(i),
            None => sets.push((data, vec![i])),
        }
    }
    let sets: Vec<_> = sets.into_iter().map(|(_, of)| of).collect();
    for of_set in &sets {
        for run in &of_set[1..] {
            pairing::check(&all[*run], &all[of_set[0]])?;
        }
    }
    let arms = if named.is_empty() { arms::recognise(&all, &sets)? } else { arms::of_names(named) };
    if arms.len() < 2 {
        return Err(Error::settings("the runs are of one arm, expected two arms or more to compare"));
    }
    let sets = sets.iter().map(|of| (name_of(&all, &sets, of[0]), of)).collect::<Vec<_>>();
    let of_arm = |arm: &arms::Members| {
        let runs = sets.iter().map(|(name, of_set)| arms::only(arm, name, of_set, &all));
        let runs = runs.collect::<Result<Vec<_>>>()?;
        let errors = runs.iter().map(|run| {
            let of = run.errors.folds.iter().map(|fold| metric.of(fold));
            of.collect::<Result<Vec<_>>>()
                .map_err(|error| Error::settings(format!("{}: {error}", run.folder.display())))
        });
        Ok(Arm {
            name: arm.name.clone(),
            settings: arm.settings.clone(),
            sources: runs.iter().map(|run| run.folder.display().to_string()).collect(),
            errors: errors.collect::<Result<_>>()?,
        })
    };
    let measured = Measurements {
        metric: metric.to_string(),
        arms: arms.iter().map(of_arm).collect::<Result<_>>()?,
        sets: sets.iter().map(|(name, of)| data_set(name, &all[of[0]])).collect(),
    };
    Ok((measured, warnings(&all)))
}

/// Refuses fewer than two folders, studies, and a folder that is given twice.
fn check_folders(folders: &[&PathBuf]) -> Result<()> {
    if folders.len() < 2 {
        return Err(Error::settings(format!(
            "there is {} run, expected at least two to compare",
            folders.len()
        )));
    }
    if let Some(study) = folders.iter().find(|folder| folder.join("plan.json").is_file()) {
        let study = study.display();
        return Err(Error::settings(format!(
            "{study} is a study, which `taper study report {study}` compares"
        )));
    }
    let real: Vec<_> =
        folders.iter().map(|folder| fs::canonicalize(folder).unwrap_or_else(|_| (*folder).clone())).collect();
    match folders.iter().enumerate().find(|(i, _)| real[..*i].contains(&real[*i])) {
        Some((_, folder)) => Err(Error::settings(format!("the run {} is given twice", folder.display()))),
        None => Ok(()),
    }
}

/// The name of the data of a run, with a number where another data set has the same name.
fn name_of(all: &[Run], sets: &[Vec<usize>], run: usize) -> String {
    let name = all[run].data_name();
    let alike: Vec<_> = sets.iter().filter(|of| all[of[0]].data_name() == name).collect();
    match alike.iter().position(|of| of.contains(&run)) {
        Some(place) if alike.len() > 1 => format!("{name} {}", place + 1),
        _ => name,
    }
}

fn data_set(name: &str, run: &Run) -> DataSet {
    let repeats = run.errors.config.repeats.max(1);
    let folds = run.errors.folds.len() / repeats;
    let set = DataSet::new(name, Some(run.errors.predictions.len() / repeats), folds, repeats);
    match run.errors.config.data.file.as_ref().and_then(|file| file.order.as_ref()) {
        // Fold i of rows in an order is trained on i parts as large as the one that it is tested on.
        Some(_) => DataSet { test_per_train: 2. / (folds as f64 + 1.), ..set },
        None => set,
    }
}

/// What else the runs differ in.
fn warnings(all: &[Run]) -> Vec<String> {
    let mut warnings = Vec::new();
    let builds = |run: &Run| run.errors.environment.taper.clone();
    if let Some(other) = all.iter().find(|run| builds(run) != builds(&all[0])) {
        warnings.push(format!(
            "{} is of another build of taper than {}, which may be a part of the difference",
            other.folder.display(),
            all[0].folder.display()
        ));
    }
    warnings
}
