//! Errors task by task.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::measurements::{Arm, DataSet, Measurements};
use crate::error::{Error, Result};
use crate::text::{list, quote};

/// The error of an arm in a fold: what came of a task of a study.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// The name of the arm.
    pub arm: String,
    /// The name of the data set.
    pub data: String,
    /// The number of the repetition, from any number on.
    pub repeat: usize,
    /// The number of the fold, from any number on.
    pub fold: usize,
    /// The error, above 0; lower is better.
    pub error: f64,
    /// The numbers of rows that were trained and tested on, if they are known: otherwise folds are those of a
    /// cross-validation, each as large as the others.
    pub rows: Option<[usize; 2]>,
}

/// A repetition and a fold.
type Place = (usize, usize);

/// The scores of an arm on a data set.
type Folds<'s> = BTreeMap<Place, &'s Score>;

impl Measurements {
    /// Sorts `scores`, which are in any order, by arm, data set, repetition and fold; `metric` is the name of
    /// the error.
    ///
    /// Arms and data sets have the order in which they come first.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Statistics`] where an arm lacks a fold that another has or has it twice, where
    /// repetitions of a data set have different folds, and as [`check`](Self::check).
    ///
    /// # Examples
    ///
    /// ```
    /// use taper::compare::{Measurements, Rules, Score, compare};
    ///
    /// let plain = [1., 1.1, 0.9, 1.2, 1.];
    /// let deep = [0.91, 1.02, 0.82, 1.08, 0.9];
    /// let scores = [("plain", plain), ("deep", deep)].into_iter().flat_map(|(arm, errors)| {
    ///     errors.into_iter().enumerate().map(move |(fold, error)| Score {
    ///         arm: arm.to_owned(),
    ///         data: "houses".to_owned(),
    ///         repeat: 0,
    ///         fold,
    ///         error,
    ///         rows: Some([400, 100]),
    ///     })
    /// });
    /// let measured = Measurements::from_scores("rmse", &scores.collect::<Vec<_>>())?;
    /// let comparison = compare(&measured, &Rules::default())?;
    /// assert!(comparison.answer.starts_with("deep errs 9.0 % less than plain, 95 % interval"));
    /// # Ok::<(), taper::Error>(())
    /// ```
    pub fn from_scores(metric: &str, scores: &[Score]) -> Result<Self> {
        let names = distinct(scores.iter().map(|score| score.arm.as_str()));
        let sets = distinct(scores.iter().map(|score| score.data.as_str()));
        let mut found: HashMap<_, Folds<'_>> = HashMap::new();
        for score in scores {
            let of = found.entry((score.arm.as_str(), score.data.as_str())).or_default();
            if of.insert((score.repeat, score.fold), score).is_some() {
                let place = in_words((score.repeat, score.fold), &score.data);
                return refused(format!("{} has {place} twice, expected one error", quote(&score.arm)));
            }
        }
        let arm = |name: &&str| Arm {
            name: (*name).to_owned(),
            settings: BTreeMap::new(),
            sources: Vec::new(),
            errors: Vec::new(),
        };
        let mut arms: Vec<_> = names.iter().map(arm).collect();
        let mut described = Vec::new();
        for set in sets {
            let of_arms: Vec<_> =
                names.iter().map(|arm| found.remove(&(*arm, set)).unwrap_or_default()).collect();
            described.push(checked(set, &names, &of_arms)?);
            for (arm, of_arm) in arms.iter_mut().zip(&of_arms) {
                arm.errors.push(of_arm.values().map(|score| score.error).collect());
            }
        }
        let measured = Self { metric: metric.to_owned(), sets: described, arms };
        measured.check()?;
        Ok(measured)
    }
}

fn refused<T>(problem: String) -> Result<T> {
    Err(Error::Statistics(problem))
}

/// The names in the order in which they come first.
fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = HashSet::new();
    names.filter(|name| seen.insert(*name)).collect()
}

/// The data set `name`, of which each of the arms has the same folds.
fn checked(name: &str, arms: &[&str], of_arms: &[Folds<'_>]) -> Result<DataSet> {
    let places: BTreeSet<Place> = of_arms.iter().flat_map(|of_arm| of_arm.keys().copied()).collect();
    for (arm, of_arm) in arms.iter().zip(of_arms) {
        let Some(missing) = places.iter().find(|place| !of_arm.contains_key(place)) else { continue };
        let (arm, missing) = (quote(arm), in_words(*missing, name));
        return refused(match of_arm.len() {
            0 => format!("{arm} has no errors on {}, expected those of all folds", quote(name)),
            _ => format!("{arm} lacks {missing}, which another has; expected the same folds of all"),
        });
    }
    let mut repetitions: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (repeat, fold) in &places {
        repetitions.entry(*repeat).or_default().push(*fold);
    }
    let mut of_repetitions = repetitions.iter();
    let (first, folds) = of_repetitions.next().map_or((0, 0), |(first, folds)| (*first, folds.len()));
    if let Some((other, of_other)) = of_repetitions.find(|(_, of)| Some(*of) != repetitions.get(&first)) {
        let [here, there] = [of_other, &repetitions[&first]].map(|folds| listed(folds));
        return refused(format!(
            "repetition {other} of {} has the folds {here}, and {there} in repetition {first}; expected the same",
            quote(name)
        ));
    }
    let repeats = repetitions.len();
    let rows = of_arms.iter().flat_map(BTreeMap::values).map(|score| score.rows);
    let rows: Option<Vec<[usize; 2]>> = rows.collect();
    let sums = rows.map(|rows| rows.iter().fold([0, 0], |[a, b], [train, test]| [a + train, b + test]));
    let tested = sums.map(|[_, test]| test / (arms.len() * repeats).max(1));
    let set = DataSet::new(name, tested, folds, repeats);
    Ok(match sums {
        Some([train, test]) => DataSet { test_per_train: test as f64 / train as f64, ..set },
        None => set,
    })
}

/// The first numbers.
fn listed(numbers: &[usize]) -> String {
    list(&numbers.iter().map(usize::to_string).collect::<Vec<_>>())
}

fn in_words((repeat, fold): Place, set: &str) -> String {
    format!("fold {fold} of repetition {repeat} of {}", quote(set))
}
