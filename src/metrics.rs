//! How far predictions are from their targets.

mod details;
mod intervals;

use serde::{Deserialize, Serialize};

use crate::stats::{self, Moments};

pub use details::{Details, QuantileErrors};
pub(crate) use details::{Kept, spearman};
pub(crate) use intervals::check_level;
pub use intervals::{Coverage, Intervals, Residuals, TargetIntervals};

/// The errors of a set of predictions of one target, or their means over several.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// The mean squared error.
    pub mse: f64,
    /// The root of the mean squared error, in the target's units.
    pub rmse: f64,
    /// The mean absolute error, in the target's units.
    pub mae: f64,
    /// The share of the targets' variance that is explained: 1 - mse / variance.
    ///
    /// As in scikit-learn's `r2_score`, constant targets give 1 when they are met exactly and 0 otherwise;
    /// for fewer than two samples there is none, nor when it is too far below 0 for a float.
    pub r2: Option<f64>,
}

impl Metrics {
    /// The mean of each error over some targets, all of which weigh the same: scikit-learn's
    /// `multioutput="uniform_average"`. There is no mean of `r2` where one target has none, and no mean of no
    /// targets.
    ///
    /// # Examples
    ///
    /// ```
    /// use taper::metrics::Metrics;
    ///
    /// let metrics = |mse: f64, r2| Metrics { mse, rmse: mse.sqrt(), mae: mse, r2: Some(r2) };
    /// let mean = Metrics::uniform_average(&[metrics(4., 0.5), metrics(0., 1.)]).unwrap();
    /// assert_eq!((mean.mse, mean.rmse, mean.r2), (2., 1., Some(0.75)));
    /// ```
    pub fn uniform_average(of: &[Self]) -> Option<Self> {
        (!of.is_empty()).then(|| Self::over(of, stats::mean))
    }

    /// A statistic of each error; there is none of `r2` where one of them has none.
    pub(crate) fn over(of: &[Self], statistic: fn(&[f64]) -> f64) -> Self {
        let over = |error: fn(&Self) -> f64| statistic(&of.iter().map(error).collect::<Vec<_>>());
        let r2: Option<Vec<_>> = of.iter().map(|metrics| metrics.r2).collect();
        Self {
            mse: over(|metrics| metrics.mse),
            rmse: over(|metrics| metrics.rmse),
            mae: over(|metrics| metrics.mae),
            r2: r2.map(|r2| statistic(&r2)),
        }
    }
}

/// Collects predictions of a target block by block, in `f64`; every sample weighs the same however the blocks
/// are cut.
///
/// # Examples
///
/// ```
/// use taper::metrics::Accumulator;
///
/// let mut errors = Accumulator::default();
/// errors.add(&[1., 2.], &[1., 4.]);
/// errors.add(&[5.], &[5.]);
/// let metrics = errors.metrics().unwrap();
/// assert_eq!(metrics.mse, 4. / 3.);
/// assert_eq!(metrics.mae, 2. / 3.);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Accumulator {
    squared: f64,
    absolute: f64,
    targets: Moments,
}

impl Accumulator {
    /// Adds pairs of a prediction and its target; what the longer slice has beyond the shorter is ignored.
    pub fn add(&mut self, predictions: &[f64], targets: &[f64]) {
        for (prediction, target) in predictions.iter().zip(targets) {
            self.push(*prediction, *target);
        }
    }

    /// Adds a prediction and its target.
    pub fn push(&mut self, prediction: f64, target: f64) {
        let error = prediction - target;
        self.squared += error * error;
        self.absolute += error.abs();
        self.targets.push(target);
    }

    /// The errors of all that was added, or `None` when that was nothing.
    pub fn metrics(&self) -> Option<Metrics> {
        let (count, deviation) = (self.targets.count(), self.targets.squared_deviations());
        if count == 0 {
            return None;
        }
        let n = count as f64;
        let mse = self.squared / n;
        let r2 = match count {
            1 => None,
            _ if deviation > 0. => Some(1. - self.squared / deviation),
            _ => Some(if self.squared == 0. { 1. } else { 0. }),
        };
        let r2 = r2.filter(|r2| r2.is_finite());
        Some(Metrics { mse, rmse: mse.sqrt(), mae: self.absolute / n, r2 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(predictions: &[f64], targets: &[f64]) -> Metrics {
        let mut errors = Accumulator::default();
        errors.add(predictions, targets);
        errors.metrics().unwrap()
    }

    /// The values of scikit-learn 1.7: `mean_squared_error`, `mean_absolute_error` and `r2_score` of
    /// [2.5, 0.0, 2, 8] against [3, -0.5, 2, 7], the example of its documentation.
    #[test]
    fn the_example_of_scikit_learn() {
        let m = metrics(&[2.5, 0., 2., 8.], &[3., -0.5, 2., 7.]);
        assert_eq!(m.mse, 0.375);
        assert_eq!(m.rmse, 0.375f64.sqrt());
        assert_eq!(m.mae, 0.5);
        let difference = (m.r2.unwrap() - 0.948_608_137_044_967_9).abs();
        assert!(difference <= 1e-15, "{difference}");
    }

    /// The values of scikit-learn 1.7 for the example of several outputs in its documentation:
    /// `r2_score([[0.5, 1], [-1, 1], [7, -6]], [[0, 2], [-1, 2], [8, -5]])` is 0.9368, of which the outputs
    /// have 0.9654 and 0.9082; the mean squared errors are 0.41666667 and 1.
    #[test]
    fn the_example_of_scikit_learn_with_two_targets() {
        let each = [metrics(&[0., -1., 8.], &[0.5, -1., 7.]), metrics(&[2., 2., -5.], &[1., 1., -6.])];
        let mean = Metrics::uniform_average(&each).unwrap();
        for (value, expected) in [
            (each[0].r2.unwrap(), 0.965_438),
            (each[1].r2.unwrap(), 0.908_163),
            (mean.r2.unwrap(), 0.936_801),
            (mean.mse, 0.708_333),
            (mean.mae, 0.75),
            (mean.rmse, 0.822_749),
        ] {
            assert!((value - expected).abs() <= 1e-6, "{value}, {expected}");
        }
    }

    #[test]
    fn r2_of_few_or_constant_targets() {
        assert_eq!(metrics(&[1.], &[2.]).r2, None);
        assert_eq!(metrics(&[2., 2.], &[2., 2.]).r2, Some(1.));
        assert_eq!(metrics(&[1., 2.], &[2., 2.]).r2, Some(0.));
    }

    #[test]
    fn a_large_mean_does_not_cancel() {
        let targets: Vec<f64> = (0..100).map(|i| 1e9 + f64::from(i % 2)).collect();
        let r2 = metrics(&vec![1e9 + 0.5; 100], &targets).r2.unwrap();
        assert!(r2.abs() <= 1e-6, "{r2}");
    }

    #[test]
    fn nothing_has_no_metrics_and_nan_stays_nan() {
        assert_eq!(Accumulator::default().metrics(), None);
        assert!(metrics(&[f64::NAN, 1.], &[0., 1.]).mse.is_nan());
    }
}
