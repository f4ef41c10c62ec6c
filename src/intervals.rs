//! Intervals of the predictions of a run.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::metrics::{Intervals, Residuals, TargetIntervals, check_level};
use crate::run::{Predicted, Predictions, interval_columns};

/// Refuses targets that are called like the column of an interval of another.
pub(crate) fn check_columns(targets: &[String]) -> Result<()> {
    let mut columns = targets.iter().flat_map(|target| interval_columns(target));
    match columns.find(|column| targets.contains(column)) {
        None => Ok(()),
        Some(column) => {
            let problem = format!("gives a column '{column}', which a target is called; expected 0");
            Err(Error::config("interval", problem))
        }
    }
}

/// Gives the predictions of a cross-validation intervals of `level`, those of each fold by the errors on the
/// rows of all other folds of its repetition, which has `folds` folds.
///
/// So no row has a part in its own interval, and their coverage is one on new rows. It is cross-conformal
/// prediction (Vovk 2015, "Cross-conformal predictors") of the simplest kind, with one width for a fold: the
/// errors are those of networks as large parts of the rows make them, but not all of one network, so that in
/// theory, in contrast to CV+ (Barber, Candes, Ramdas and Tibshirani 2021, "Predictive inference with the
/// jackknife+"), nothing is guaranteed where networks change much with their rows. The coverage shows it.
///
/// # Errors
///
/// Fails with [`Error::Config`] of the key `interval` where there are too few rows for the level.
pub(crate) fn out_of_fold(
    predictions: Predictions,
    folds: usize,
    level: f64,
) -> Result<(Intervals, Predictions)> {
    let mut places: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (place, fold) in predictions.folds().iter().enumerate() {
        places.entry(*fold).or_default().push(place);
    }
    let residuals = |target: usize| {
        let sizes = sizes(&predictions, target);
        let others = |fold: usize| {
            let of_others =
                places.iter().filter(|(other, _)| **other != fold && *other / folds == fold / folds);
            Residuals::new(of_others.flat_map(|(_, places)| places).map(|place| sizes[*place]).collect())
        };
        places.keys().map(|fold| (*fold, others(*fold))).collect::<BTreeMap<_, _>>()
    };
    let residuals: Vec<_> = (0..predictions.targets().len()).map(residuals).collect();
    for of_fold in residuals.first().into_iter().flatten() {
        check_level(level, of_fold.1.rows(), "outside one of the folds")?;
    }
    with_intervals(predictions, level, |target, fold| residuals.get(target)?.get(&fold))
}

/// Gives `predictions` intervals of `level` by the `residuals` of a model, one of each target.
///
/// # Errors
///
/// Fails with [`Error::Config`] of the key `interval` where the model has the errors on too few rows for the
/// level.
pub fn of_model(
    predictions: Predictions,
    residuals: &[Residuals],
    level: f64,
) -> Result<(Intervals, Predictions)> {
    check_level(level, residuals.first().map_or(0, Residuals::rows), "for validation")?;
    with_intervals(predictions, level, |target, _| residuals.get(target))
}

/// Gives each row the interval by the residuals of its target and fold.
fn with_intervals<'r>(
    predictions: Predictions,
    level: f64,
    residuals: impl Fn(usize, usize) -> Option<&'r Residuals>,
) -> Result<(Intervals, Predictions)> {
    let of_target = |(target, name): (usize, &String)| {
        let mut parts: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
        for (fold, size) in predictions.folds().iter().zip(sizes(&predictions, target)) {
            parts.entry(*fold).or_default().push(size);
        }
        let parts = parts.into_iter().map(|(fold, sizes)| Some((residuals(target, fold)?, sizes)));
        TargetIntervals::of(name, level, &parts.collect::<Option<Vec<_>>>()?)
    };
    let targets: Option<Vec<_>> = predictions.targets().iter().enumerate().map(of_target).collect();
    let targets = targets.ok_or(Error::NoRows)?;
    let half_width =
        |target, fold| residuals(target, fold).and_then(|of| of.half_width(level)).unwrap_or(f64::INFINITY);
    Ok((Intervals { level, targets }, predictions.with_bounds(half_width)))
}

/// The sizes of the errors of a target in all rows.
fn sizes(predictions: &Predictions, target: usize) -> Vec<f64> {
    let truths = predictions.values(target, Predicted::Truth);
    truths
        .zip(predictions.values(target, Predicted::Mean))
        .map(|(truth, mean)| (truth - mean).abs())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: two repetitions of two folds with two rows each. A fold has the errors of the other, in the
    /// same repetition.
    #[test]
    fn a_fold_has_the_errors_of_the_others() {
        let errors = [[1., 2.], [3., 4.], [10., 20.], [30., 40.]];
        let mut predictions = Predictions::new(vec!["y".to_owned()], vec![1]);
        for (fold, errors) in errors.iter().enumerate() {
            for (row, error) in errors.iter().enumerate() {
                predictions.push(2 * (fold % 2) + row, fold, &[*error], &[0.], &[0.]).unwrap();
            }
        }
        // The rank is ceil(0.5 * 3) of 2.
        let (intervals, predictions) = out_of_fold(predictions, 2, 0.5).unwrap();
        let upper: Vec<_> = predictions.values(0, Predicted::Upper).collect();
        assert_eq!(upper, [4., 4., 2., 2., 40., 40., 20., 20.]);
        assert!(predictions.values(0, Predicted::Lower).eq(upper.iter().map(|upper| -upper)));
        let y = &intervals.targets[0];
        assert_eq!((y.coverage, y.width), (4. / 8., 2. * (8. + 4. + 80. + 40.) / 8.));
        let error = out_of_fold(predictions, 2, 0.7).unwrap_err().to_string();
        assert_eq!(
            error,
            "interval is 0.7, which needs the errors on more rows than the 2 outside one of the folds; expected at most 0.6666"
        );
    }

    /// Errors of a known distribution are covered as they should be: of n rows the count is binomial.
    #[test]
    fn noise_is_covered_as_the_binomial_distribution_has_it() {
        let (folds, rows) = (5, 4000);
        let mut state = 11u64;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        let mut predictions = Predictions::new(vec!["y".to_owned()], vec![1]);
        for row in 0..rows {
            // Exponential on both sides.
            let error = -(1. - uniform()).ln() * if uniform() < 0.5 { -1. } else { 1. };
            predictions.push(row, row % folds, &[error], &[0.], &[0.]).unwrap();
        }
        let (intervals, predictions) = out_of_fold(predictions, folds, 0.9).unwrap();
        let y = &intervals.targets[0];
        for point in y.calibration.iter().copied() {
            // The errors that the widths come of vary, too.
            let deviation = (2. * point.level * (1. - point.level) / rows as f64).sqrt();
            let off = (point.coverage - point.level).abs() / deviation;
            println!("level {}: {} covered, {off:.2} standard errors off", point.level, point.coverage);
            assert!(off <= 4.);
        }
        // An exponential exceeds -log(0.1) with the probability 0.1.
        let off = (y.width / 2. / -0.1f64.ln() - 1.).abs();
        println!("half width {}, {off} off", y.width / 2.);
        assert!(off <= 0.05);
        let bounds = predictions.values(0, Predicted::Lower).zip(predictions.values(0, Predicted::Upper));
        let covered = bounds.zip(predictions.values(0, Predicted::Truth));
        let covered = covered.filter(|((lower, upper), truth)| lower <= truth && truth <= upper).count();
        assert_eq!(covered as f64 / rows as f64, y.coverage);
    }
}
