//! The errors of a cross-validation: those of each fold, and their mean and spread.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::TargetTransform;
use crate::data::Transform;
use crate::error::{Error, Result};
use crate::evaluate::{Evaluation, ExitReport, Part, TargetErrors, over};
use crate::metrics::{Details, Metrics};
use crate::stats;

/// The result of a fold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoldReport {
    /// The fold, counted from 0.
    pub fold: usize,
    /// The number of rows that it was tested on; 0 where an earlier version did not say.
    #[serde(default)]
    pub rows: usize,
    /// The errors of the prediction on these rows, the means over the targets.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// More about the prediction.
    #[serde(flatten)]
    pub details: Details,
    /// The mean squared error of the output at each depth, the mean over the targets.
    pub mse_by_depth: BTreeMap<usize, f64>,
    /// The errors of each target; none where an earlier version did not say.
    #[serde(default)]
    pub targets: Vec<TargetErrors>,
    /// Where rows exit from a network that learns its depths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exits: Option<ExitReport>,
    /// The transform of each target, if any has one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub target_transforms: Vec<Option<Transform>>,
    /// The mean loss that training met in each epoch; of several targets that are scaled, or of transformed
    /// ones, it is that of the scaled ones.
    #[serde(alias = "train_mse")]
    pub train_loss: Vec<f64>,
    /// What the rows that were set aside for validation showed, if there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Validation>,
    /// How long the fold took.
    pub seconds: f64,
}

/// What the training rows that were set aside for validation showed of a network's training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// The number of these rows.
    pub rows: usize,
    /// The loss on them after each epoch of the training without them, of several targets that are scaled it is
    /// that of the scaled ones, but not transformed.
    pub loss: Vec<f64>,
    /// The number of epochs after which the network was taken.
    pub selected: usize,
    /// Whether training stopped since the loss no longer improved.
    pub stopped: bool,
    /// Of a bag, the number of epochs after which each member was taken, of which `selected` is the mean; the
    /// losses are the means of the members', and the rows those of one of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<usize>,
    /// The transforms of the targets that were tried, in order; none where there was no choice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trials: Vec<TransformTrial>,
}

/// How a network did on the rows for validation with a transform of its targets.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TransformTrial {
    /// The transform.
    pub transform: TargetTransform,
    /// The loss of its network, as [`Validation::loss`].
    pub loss: f64,
    /// The number of epochs after which that network was taken.
    pub epochs: usize,
}

impl Validation {
    /// The transform that was chosen where several were tried: the one of the lowest loss, if that is lower
    /// than the first's, of no transform, by a share of more than 2 / sqrt(rows).
    ///
    /// On few rows the difference of two losses is mostly chance: with errors of one size its standard error is
    /// about that share's half.
    pub fn chosen(&self) -> Option<TransformTrial> {
        let losses: Vec<_> = self.trials.iter().map(|trial| trial.loss).collect();
        self.trials.get(clearly_lowest(&losses, self.rows)).copied()
    }

    /// The number of epochs after which the network was taken, and of those that were made.
    pub(crate) fn epochs(&self) -> (usize, usize) {
        (self.selected, self.loss.len())
    }
}

/// The place of the lowest of `losses` over `rows` rows, the first of equals; or 0 where the first is not
/// clearly higher.
pub(crate) fn clearly_lowest(losses: &[f64], rows: usize) -> usize {
    let share = 1. - 2. / (rows as f64).sqrt();
    let limit = losses.first().map_or(0., |first| share * first);
    let clear = losses.iter().enumerate().filter(|(_, loss)| **loss < limit);
    clear.min_by(|(_, a), (_, b)| a.total_cmp(b)).map_or(0, |(place, _)| place)
}

/// The losses that tell whether a training was long enough: those on the rows for validation, or where there
/// are none those that it met. None where it stopped by itself.
pub(crate) fn watched<'l>(train_loss: &'l [f64], validation: Option<&'l Validation>) -> Option<&'l [f64]> {
    match validation {
        None => Some(train_loss),
        Some(validation) if validation.stopped => None,
        Some(validation) => Some(&validation.loss),
    }
}

impl FoldReport {
    /// Puts the results of fold `fold` together, which was tested on `rows` rows.
    pub fn new(fold: usize, rows: usize, evaluation: Evaluation, train_loss: Vec<f64>, seconds: f64) -> Self {
        let Evaluation { metrics, details, mse_by_depth, targets, exits } = evaluation;
        Self {
            fold,
            rows,
            metrics,
            details,
            mse_by_depth,
            targets,
            exits,
            target_transforms: Vec::new(),
            train_loss,
            validation: None,
            seconds,
        }
    }

    /// The report with the transform of each target.
    #[must_use]
    pub fn with_transforms(self, target_transforms: Vec<Option<Transform>>) -> Self {
        Self { target_transforms, ..self }
    }

    /// The report with what the rows for validation showed.
    #[must_use]
    pub fn with_validation(self, validation: Option<Validation>) -> Self {
        Self { validation, ..self }
    }
}

impl<'a> Part<'a> {
    fn of_fold(fold: &'a FoldReport) -> Self {
        let FoldReport { metrics, details, mse_by_depth, .. } = fold;
        Self { metrics: *metrics, details, mse_by_depth }
    }
}

/// A statistic over the folds of every number that a fold has.
impl Evaluation {
    /// The mean over `folds`.
    pub fn mean_over(folds: &[FoldReport]) -> Self {
        Self::over(folds, stats::mean)
    }

    /// The sample standard deviation over `folds`.
    pub fn std_over(folds: &[FoldReport]) -> Self {
        Self::over(folds, stats::sample_std)
    }

    fn over(folds: &[FoldReport], statistic: fn(&[f64]) -> f64) -> Self {
        let parts: Vec<_> = folds.iter().map(Part::of_fold).collect();
        let (metrics, details, mse_by_depth) = over(&parts, statistic);
        let targets = folds.first().into_iter().flat_map(|fold| fold.targets.iter().enumerate());
        let of_target = |(i, first): (usize, &TargetErrors)| {
            let targets = folds.iter().filter_map(|fold| fold.targets.get(i));
            let (metrics, details, mse_by_depth) =
                over(&targets.map(Part::of_target).collect::<Vec<_>>(), statistic);
            TargetErrors { target: first.target.clone(), metrics, details, mse_by_depth }
        };
        let exits: Option<Vec<_>> = folds.iter().map(|fold| fold.exits.as_ref()).collect();
        let exits = exits.and_then(|exits| ExitReport::over(&exits, statistic));
        Self { metrics, details, mse_by_depth, targets: targets.map(of_target).collect(), exits }
    }

    /// Refuses a number that is not finite.
    pub(crate) fn check_finite(&self) -> Result<()> {
        let Metrics { mse, rmse, mae, r2 } = self.metrics;
        let numbers = [mse, rmse, mae, r2.unwrap_or_default()].into_iter();
        if numbers.chain(self.mse_by_depth.values().copied()).all(f64::is_finite) {
            return Ok(());
        }
        Err(Error::NotFiniteResult("the mean or the standard deviation over the folds"))
    }
}

/// The errors of a simple model on the folds of a cross-validation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// `constant` or `ridge`.
    pub name: String,
    /// The mean over the folds.
    pub mean: Evaluation,
    /// The errors of all rows together.
    pub pooled: Evaluation,
}

#[cfg(test)]
impl FoldReport {
    /// A fold for tests whose errors follow from `mse`.
    pub(crate) fn made_up(fold: usize, mse: f64) -> Self {
        let metrics = Metrics { mse, rmse: mse.sqrt(), mae: mse, r2: Some(1. - mse) };
        let mse_by_depth = BTreeMap::from([(1, mse), (2, 2. * mse)]);
        let target =
            TargetErrors { target: "y".to_owned(), metrics, details: Details::default(), mse_by_depth };
        let evaluation = Evaluation::of_targets(vec![target]).unwrap();
        Self::new(fold, 10, evaluation, vec![1., mse], 0.5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summaries(errors: [f64; 2]) -> [Evaluation; 2] {
        let folds = errors.map(|mse| FoldReport::made_up(0, mse));
        [Evaluation::mean_over(&folds), Evaluation::std_over(&folds)]
    }

    #[test]
    fn a_fold_is_read_by_the_first_name_of_its_losses() {
        let fold = FoldReport::made_up(2, 0.25);
        let text = serde_json::to_string(&fold).unwrap();
        let old = text.replace("train_loss", "train_mse");
        assert_ne!(old, text);
        assert_eq!(serde_json::from_str::<FoldReport>(&old).unwrap(), fold);
    }

    #[test]
    fn only_a_clearly_lower_loss_is_chosen() {
        // Of 100 rows a fifth less.
        for (losses, rows, expected) in [
            (&[10., 8.1, 9.][..], 100, 0),
            (&[10., 7.9, 9.], 100, 1),
            (&[10., 7.9, 7.8], 100, 2),
            (&[10., 7.8, 7.8], 100, 1),
            (&[10., 9.7, 9.81], 10_000, 1),
            (&[10., 0., f64::NAN], 4, 0),
            (&[10.], 100, 0),
            (&[], 0, 0),
        ] {
            assert_eq!(clearly_lowest(losses, rows), expected, "{losses:?}");
        }
    }

    #[test]
    fn mean_and_sample_standard_deviation() {
        let [mean, std] = summaries([1., 3.]);
        assert_eq!((mean.metrics.mse, std.metrics.mse), (2., 2f64.sqrt()));
        assert_eq!(mean.mse_by_depth[&2], 4.);
        assert_eq!(mean.metrics.r2, Some(-1.));
        assert_eq!(mean.metrics.rmse, f64::midpoint(1., 3f64.sqrt()));
        assert_eq!(mean.metrics.mae, 2.);
        mean.check_finite().unwrap();
        std.check_finite().unwrap();
    }

    #[test]
    fn large_errors_do_not_overflow_and_infinite_ones_are_refused() {
        let [mean, std] = summaries([1e300, 3e300]);
        mean.check_finite().unwrap();
        std.check_finite().unwrap();
        assert!((std.metrics.mse / 2e300 - 0.5f64.sqrt()).abs() <= 1e-15, "{}", std.metrics.mse);
        for error in [f64::INFINITY, f64::NAN] {
            assert!(summaries([1., error])[0].check_finite().is_err());
        }
    }
}
