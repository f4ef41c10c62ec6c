//! How a plan is made of what a user wrote.

use std::fmt::Display;
use std::mem;
use std::path::Path;
use std::time::Instant;

use candle_core::Device;
use tracing::subscriber::{NoSubscriber, with_default};
use yaml_serde::{Mapping, Value};

use super::description::{Description, Match};
use super::plan::{DataSet, Plan};
use crate::build_info;
use crate::compare::Metric;
use crate::config::{CvConfig, DeviceSpec, Learner, LossName, Recipe, Selection, Settings, ValidConfig};
use crate::data::{Fold, Table, load};
use crate::error::{Error, Result};
use crate::fit::{Prepared, fit, operations, within_steps};
use crate::partition::Partition;
use crate::run::RunOptions;
use crate::stop::Stop;
use crate::validation::check_validation;

/// Makes the plan of `study`: reads all data, checks the settings of each arm on each of them, and makes the
/// arms equal.
///
/// The same study and the same files make the same plan, but where arms are to take the same time.
///
/// # Errors
///
/// Fails with [`Error::Settings`], which names the arm and the data set, when settings are wrong or do not go
/// with the data, and when data cannot be read.
pub fn plan(study: &Description, stop: &Stop) -> Result<Plan> {
    let sets = study.data.keys().map(|name| set(study, name, stop)).collect::<Result<_>>()?;
    Ok(Plan::new(study.clone(), sets, build_info::FACTS.replace('\n', ", ")))
}

/// The data set `name`.
fn set(study: &Description, name: &str, stop: &Stop) -> Result<DataSet> {
    let mut data = study.data[name].clone();
    let own = |data: &mut Mapping, key: &str, usual: usize, least: usize| match data.remove(key) {
        None => Ok(usual),
        Some(value) => value
            .as_u64()
            .and_then(|count| usize::try_from(count).ok())
            .filter(|count| *count >= least)
            .ok_or_else(|| {
                Error::settings(format!("data.{name}.{key} is no whole number of {least} or more"))
            }),
    };
    let folds = own(&mut data, "folds", study.folds, 2)?;
    let repeats = own(&mut data, "repeats", study.repeats, 1)?;
    let arm = |arm: &String| {
        settings(study, &data, arm, (folds, repeats))
            .and_then(|settings| settings.validate())
            .map_err(|error| Error::settings(format!("arm '{arm}' on '{name}': {error}")))
    };
    let configs = study.arms.keys().map(arm).collect::<Result<Vec<ValidConfig>>>()?;
    let Some(first) = configs.first() else { return Err(Error::NoRows) };
    let of_set = |problem: &dyn Display| Error::settings(format!("data '{name}': {problem}"));
    if first.data.files().contains(&Path::new("-")) {
        return Err(of_set(&"standard input can be read once alone; expected a file"));
    }
    let table = load(first).map_err(|error| of_set(&error))?;
    let mut arms = Vec::new();
    for (arm, config) in study.arms.keys().zip(&configs) {
        let of_arm = |error| Error::settings(format!("arm '{arm}' on '{name}': {error}"));
        arms.push(Arm::new(config, first, &table, study.metric, stop).map_err(of_arm)?);
    }
    equalise(study, &mut arms, stop)?;
    let operations = arms.iter().map(|arm| arm.operations).collect();
    let configs = arms.into_iter().map(|arm| arm.config).collect();
    let (files, rows) = (table.files, table.data.rows());
    Ok(DataSet { name: name.to_owned(), files, rows, folds, repeats, configs, operations })
}

/// The settings of `arm` on the data set `data`.
fn settings(
    study: &Description,
    data: &Mapping,
    arm: &str,
    (folds, repeats): (usize, usize),
) -> Result<Settings> {
    let mut settings = Settings::default();
    let mut recipe = None;
    let data = Mapping::from_iter([(Value::from("data"), Value::Mapping(data.clone()))]);
    for (is_arm, part) in [(false, &study.base), (false, &data), (true, &study.arms[arm])] {
        for (key, value) in part {
            let key = key.as_str().unwrap_or_default();
            match key {
                "recipe" => recipe = Some(recipe_of(value)?),
                "folds" | "repeats" | "seed" | "holdout" | "interval" => {
                    let problem = format!("{key} belongs to the study and not to a part of it");
                    return Err(Error::settings(problem));
                }
                "data" if is_arm && !is_preparation(value) => {
                    let problem = "has other data than the other arms, with which it is compared on the same rows; \
                                   expected data.scale alone";
                    return Err(Error::settings(problem));
                }
                "train" if is_arm && study.matched != Match::Epochs && sets_epochs(value) => {
                    let problem = "train.epochs and train.max_steps of an arm have a meaning with match = \"epochs\" alone: \
                                   otherwise those of the reference say what all arms may take; expected them in the base";
                    return Err(Error::settings(problem));
                }
                _ => settings.set(key, value, str::to_owned)?,
            }
        }
    }
    settings.set("folds", folds, str::to_owned)?;
    settings.set("repeats", repeats, str::to_owned)?;
    settings.set("seed", study.seed, str::to_owned)?;
    Ok(recipe.into_iter().fold(settings, Settings::with_recipe))
}

/// Whether a section of data changes only what is made of the rows that are read.
fn is_preparation(section: &Value) -> bool {
    section.as_mapping().is_some_and(|section| section.keys().all(|key| key.as_str() == Some("scale")))
}

/// Whether a section of training says for how long.
fn sets_epochs(section: &Value) -> bool {
    let says = |key: &Value| matches!(key.as_str(), Some("epochs" | "max_steps"));
    section.as_mapping().is_some_and(|section| section.keys().any(says))
}

fn recipe_of(value: &Value) -> Result<Recipe> {
    match value.as_str() {
        Some("seed") => Ok(Recipe::Seed),
        Some("injection") => Ok(Recipe::Injection),
        Some("tabular") => Ok(Recipe::Tabular),
        _ => Err(Error::settings("recipe is unknown, expected seed, injection or tabular")),
    }
}

/// Refuses an arm that would read other numbers than the `first` one, has no errors of the metric, or asks
/// for a GPU.
fn check_alike(config: &CvConfig, first: &CvConfig, metric: Metric) -> Result<()> {
    let refused = |key, problem: &str| Err(Error::config(key, problem));
    if config.data.is_scaled() != first.data.is_scaled() {
        let problem = "leaves numbers as they are, or does so in another arm; expected scaled numbers in all arms or in none";
        return refused("data.scale", problem);
    }
    if config.dtype != first.dtype {
        return refused(
            "dtype",
            "differs among the arms, which read the same numbers; expected it in the base",
        );
    }
    if metric == Metric::Pinball && config.train.loss != LossName::Quantile {
        return refused(
            "metric",
            "is pinball, of which only networks with train.loss=quantile have an error",
        );
    }
    if !matches!(config.device, DeviceSpec::Auto | DeviceSpec::Cpu) {
        return refused("device", "is a GPU, and studies run on the CPU; expected auto or cpu");
    }
    Ok(())
}

/// An arm on a data set.
struct Arm<'a> {
    config: CvConfig,
    table: &'a Table,
    fold: Fold,
    operations: f64,
}

impl<'a> Arm<'a> {
    /// With the epochs and the members that its steps allow.
    fn new(
        config: &ValidConfig,
        first: &CvConfig,
        table: &'a Table,
        metric: Metric,
        stop: &Stop,
    ) -> Result<Self> {
        check_alike(config, first, metric)?;
        let mut config = CvConfig::clone(config);
        let folds = Partition::new(&table.data, config.folds, 1, config.seed)?;
        check_validation(&table.data, &config.learner(), folds.iter())?;
        let fold = folds.iter().max_by_key(|fold| fold.train.len()).ok_or(Error::NoRows)?;
        // What it says of the epochs is in the plan.
        let within = with_default(NoSubscriber::new(), || within_steps(&config.learner(), fold.train.len()));
        config.model.members = within.model.members;
        (config.train.epochs, config.train.max_steps) = (within.train.epochs, 0);
        if let Some(reason) = stop.reason() {
            return Err(Error::Stopped(reason));
        }
        let mut arm = Self { config, table, fold, operations: 0. };
        arm.operations = arm.count()?;
        Ok(arm)
    }

    /// The floating-point operations of training a network.
    fn count(&self) -> Result<f64> {
        let learner = self.config.learner();
        operations(&Prepared::new(&learner, &self.table.data, &Device::Cpu)?, 0, &self.fold)
    }

    /// The seconds that an epoch takes, of all members of a bag, as a trial of some epochs tells.
    fn seconds(&self, stop: &Stop) -> Result<f64> {
        const EPOCHS: usize = 3;
        let mut learner: Learner = self.config.learner();
        let trainings = match learner.train.selection() {
            Selection::Bag => mem::replace(&mut learner.model.members, 1),
            Selection::Refit => 2,
            _ => 1,
        };
        (learner.train.epochs, learner.train.patience) = (EPOCHS, 0);
        if trainings > 1 {
            learner.train.select = Selection::Best;
        }
        let options = RunOptions { stop: stop.clone(), ..RunOptions::default() };
        let prepared = Prepared::new(&learner, &self.table.data, &Device::Cpu)?;
        let start = Instant::now();
        with_default(NoSubscriber::new(), || fit(&prepared, 0, &self.fold, &options, None, stop))?;
        Ok(start.elapsed().as_secs_f64() * trainings as f64 / EPOCHS as f64)
    }
}

/// Gives the arms of a data set the epochs that make them equal.
fn equalise(study: &Description, arms: &mut [Arm], stop: &Stop) -> Result<()> {
    let costs = match study.matched {
        Match::Epochs => return Ok(()),
        Match::Flops => arms.iter().map(|arm| arm.operations / arm.config.train.epochs as f64).collect(),
        Match::Seconds => arms.iter().map(|arm| arm.seconds(stop)).collect::<Result<Vec<_>>>()?,
    };
    let Some(reference) = study.arms.keys().position(|arm| *arm == study.reference) else { return Ok(()) };
    let budget = costs[reference] * arms[reference].config.train.epochs as f64;
    for (arm, cost) in arms.iter_mut().zip(&costs) {
        // Of a sum of operations of below 2^53, and at least one epoch.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small number above 0")]
        let epochs = (budget / cost).round().max(1.) as usize;
        arm.operations *= epochs as f64 / arm.config.train.epochs as f64;
        arm.config.train.epochs = epochs;
    }
    Ok(())
}
