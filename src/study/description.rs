//! What a user writes to describe a study.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use yaml_serde::{Mapping, Value};

use crate::compare::Metric;
use crate::config::read_document;
use crate::error::{Error, Result};

/// A study as its file describes it: TOML, YAML or JSON.
///
/// # Examples
///
/// ```
/// use taper::study::{Description, Match};
///
/// # let folder = std::env::temp_dir().join(format!("taper-study-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("depth.toml");
/// std::fs::write(
///     &path,
///     "reference = 'fixed'\n\
///      [base.train]\nepochs = 5\n\
///      [arms.fixed.model]\nmin_depth = 4\n\
///      [arms.random]\n\
///      [data.linear]\nrows = 500\n",
/// )?;
/// let study = Description::from_file(&path)?;
/// assert_eq!((study.folds, study.repeats, study.matched), (10, 3, Match::Flops));
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// The error that arms are compared by; of several targets the geometric mean of theirs.
    #[serde(default)]
    pub metric: Metric,
    /// The arm that all others are compared with.
    pub reference: String,
    /// The share of the error below which a difference is of no practical importance.
    #[serde(default = "rope")]
    pub rope: f64,
    /// What is made equal for all arms.
    #[serde(default, rename = "match")]
    pub matched: Match,
    /// The folds of each repetition.
    #[serde(default = "folds")]
    pub folds: usize,
    /// How often rows are divided into folds anew, and networks trained with another seed.
    #[serde(default = "repeats")]
    pub repeats: usize,
    /// The seed of the first repetition; each has the next one.
    #[serde(default = "seed")]
    pub seed: u64,
    /// Settings of all arms, as in a file for `--config`; `recipe` is one of them.
    #[serde(default)]
    pub base: Mapping,
    /// Of each arm the settings that differ from the base.
    pub arms: BTreeMap<String, Mapping>,
    /// Of each data set the settings of the section `data`, and `folds` or `repeats` of its own.
    pub data: BTreeMap<String, Mapping>,
}

/// What is made equal for all arms, by the number of their epochs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Match {
    /// The floating-point operations of training, as the [plan](crate::plan) of a network counts them: those
    /// of the reference.
    #[default]
    Flops,
    /// The time of training, as a trial measures it when the study is planned.
    Seconds,
    /// The epochs, which are those of the settings.
    Epochs,
}

fn rope() -> f64 {
    0.01
}

fn folds() -> usize {
    10
}

fn repeats() -> usize {
    3
}

fn seed() -> u64 {
    1
}

impl Description {
    /// Reads the file at `path`.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Settings`] when the file cannot be read, has unknown keys or lacks some, or when
    /// its numbers make no sense.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let refused = |problem: String| Error::settings(format!("{}: {problem}", path.display()));
        let document = match read_document(path)? {
            Value::Null => Value::Mapping(Mapping::new()),
            document => document,
        };
        let study: Self =
            serde_path_to_error::deserialize(document).map_err(|error| refused(one_line(&error)))?;
        study.check().map_err(refused)?;
        Ok(study)
    }

    /// What is wrong with it, as a sentence.
    fn check(&self) -> Result<(), String> {
        let names = || self.arms.keys().map(|arm| format!("'{arm}'")).collect::<Vec<_>>().join(", ");
        match self {
            Self { arms, .. } if arms.len() < 2 => {
                Err(format!("the number of arms is {}, expected at least 2 to compare", arms.len()))
            }
            Self { arms, data, .. } if arms.keys().chain(data.keys()).any(|name| !is_name(name)) => {
                Err("an arm or a data set has a name that is empty or has control characters".to_owned())
            }
            Self { data, .. } if data.is_empty() => {
                Err("there are no data, expected a set at least".to_owned())
            }
            Self { arms, reference, .. } if !arms.contains_key(reference) => {
                Err(format!("reference is '{reference}', expected one of the arms {}", names()))
            }
            Self { rope, .. } if !(0. ..1.).contains(rope) => {
                Err(format!("rope is {rope}, expected a share from 0 to below 1"))
            }
            Self { folds: 0 | 1, .. } => Err(format!("folds is {}, expected at least 2", self.folds)),
            Self { repeats: 0, .. } => Err("repeats is 0, expected at least 1".to_owned()),
            Self { seed, .. } if *seed > u64::MAX >> 1 => Err(format!(
                "seed is {seed}, expected a number below 2^63, of which each repetition has the next one"
            )),
            _ => Ok(()),
        }
    }
}

/// Whether a name can stand in a table.
fn is_name(name: &str) -> bool {
    !name.trim().is_empty() && !name.chars().any(char::is_control)
}

/// The message of a deserialiser with the key that it is about.
fn one_line(error: &serde_path_to_error::Error<yaml_serde::Error>) -> String {
    let (path, message) = (error.path().to_string(), error.inner().to_string());
    // Names in backquotes would be taken for settings.
    let message = message.replace('\n', " ").replace('`', "'");
    // The names of Rust's types say less.
    let types = [("expected usize", "expected a whole number"), ("expected u64", "expected a whole number")];
    let message = types.iter().fold(message, |message, (from, to)| message.replace(from, to));
    let message = message.replace("expected f64", "expected a number");
    if path == "." { message } else { format!("{path}: {message}") }
}
