//! What else there is to say of predictions.

use serde::{Deserialize, Serialize};

use crate::stats::{self, Moments};

/// More about the predictions of one target, or the means over several. Results of earlier versions have
/// none of it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Details {
    /// The median of the absolute errors, in the target's units: scikit-learn's `median_absolute_error`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub median_ae: Option<f64>,
    /// The mean of the absolute errors, each divided by its target: scikit-learn's
    /// `mean_absolute_percentage_error`, which is a share and not a percentage. There is none where a target
    /// is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mape: Option<f64>,
    /// The share of the targets' variance that remains explained when the mean error is taken away: 1 - the
    /// variance of the errors / that of the targets.
    ///
    /// As in scikit-learn's `explained_variance_score`, constant targets give 1 for constant errors and 0
    /// otherwise; for fewer than two samples there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explained_variance: Option<f64>,
    /// Spearman's rank correlation of predictions and targets, equal numbers at the mean of their ranks:
    /// scipy's `spearmanr`. There is none of constant targets or predictions, such as a single one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spearman: Option<f64>,
    /// The errors of each quantile that is predicted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quantiles: Vec<QuantileErrors>,
}

/// The errors of the predictions of a quantile.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct QuantileErrors {
    /// The quantile, above 0 and below 1.
    pub quantile: f64,
    /// The mean [pinball loss](crate::ops::pinball()), in the target's units: scikit-learn's
    /// `mean_pinball_loss`.
    pub pinball: f64,
    /// The share of the truths that are at or below the prediction, which should be near the quantile.
    pub coverage: f64,
}

/// All predictions of a target, which its details need at once: 8 bytes for each number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept {
    truths: Vec<f64>,
    predictions: Vec<f64>,
    /// Of each row in turn.
    quantiles: Vec<f64>,
}

impl Kept {
    /// Adds a row: the truth, the prediction, and its quantiles if they are predicted.
    pub(crate) fn push(&mut self, truth: f64, prediction: f64, quantiles: &[f64]) {
        self.truths.push(truth);
        self.predictions.push(prediction);
        self.quantiles.extend(quantiles);
    }

    /// The details of all rows, which have a prediction of each of the quantiles `levels`.
    pub(crate) fn details(&self, levels: &[f64]) -> Details {
        let quantile = |(i, &level): (usize, &f64)| {
            let predictions = self.quantiles.iter().skip(i).step_by(levels.len());
            QuantileErrors::of(level, predictions.copied().zip(self.truths.iter().copied()))
        };
        let quantiles = levels.iter().enumerate().filter_map(quantile).collect();
        Details { quantiles, ..Details::of(&self.predictions, &self.truths) }
    }
}

impl Details {
    /// The details of the predictions of one target, but those of quantiles. Of slices of two lengths what the
    /// longer has beyond the shorter is ignored.
    ///
    /// # Examples
    ///
    /// ```
    /// use taper::metrics::Details;
    ///
    /// let details = Details::of(&[2.5, 0., 2., 8.], &[3., -0.5, 2., 7.]);
    /// assert_eq!((details.median_ae, details.spearman), (Some(0.5), Some(1.)));
    /// ```
    pub fn of(predictions: &[f64], truths: &[f64]) -> Self {
        let rows = predictions.len().min(truths.len());
        let (predictions, truths) = (&predictions[..rows], &truths[..rows]);
        if rows == 0 {
            return Self::default();
        }
        let pairs = || predictions.iter().zip(truths);
        let median_ae =
            stats::median(pairs().map(|(prediction, truth)| (prediction - truth).abs()).collect());
        let finite = |number: f64| Some(number).filter(|number| number.is_finite());
        Self {
            median_ae: finite(median_ae),
            mape: percentage(predictions, truths).and_then(finite),
            explained_variance: explained_variance(predictions, truths).and_then(finite),
            spearman: spearman(predictions, truths),
            quantiles: Vec::new(),
        }
    }

    /// A statistic of each number; there is none where one of them has none.
    pub(crate) fn over(of: &[&Self], statistic: fn(&[f64]) -> f64) -> Self {
        let quantiles = of.first().into_iter().flat_map(|first| first.quantiles.iter().enumerate());
        let quantile = |(i, first): (usize, &QuantileErrors)| {
            let each: Option<Vec<_>> = of.iter().map(|details| details.quantiles.get(i)).collect();
            let each = each?;
            let over = |number: fn(&QuantileErrors) -> f64| {
                statistic(&each.iter().map(|errors| number(errors)).collect::<Vec<_>>())
            };
            let (pinball, coverage) = (over(|errors| errors.pinball), over(|errors| errors.coverage));
            Some(QuantileErrors { quantile: first.quantile, pinball, coverage })
        };
        let over = |number: fn(&Self) -> Option<f64>| {
            let each: Option<Vec<_>> = of.iter().map(|details| number(details)).collect();
            each.filter(|each| !each.is_empty()).map(|each| statistic(&each))
        };
        Self {
            median_ae: over(|details| details.median_ae),
            mape: over(|details| details.mape),
            explained_variance: over(|details| details.explained_variance),
            spearman: over(|details| details.spearman),
            quantiles: quantiles.filter_map(quantile).collect(),
        }
    }
}

/// The mean of |p - t| / |t|, if no target is 0. Like scikit-learn it divides by the spacing of numbers near 1
/// where the target is smaller than that.
fn percentage(predictions: &[f64], truths: &[f64]) -> Option<f64> {
    if truths.contains(&0.) {
        return None;
    }
    let share = |(p, t): (&f64, &f64)| (p - t).abs() / t.abs().max(f64::EPSILON);
    Some(predictions.iter().zip(truths).map(share).sum::<f64>() / truths.len() as f64)
}

/// 1 - the variance of the errors / that of the targets.
fn explained_variance(predictions: &[f64], truths: &[f64]) -> Option<f64> {
    let errors: Moments = predictions.iter().zip(truths).map(|(p, t)| t - p).collect();
    let targets: Moments = truths.iter().copied().collect();
    let (left, all) = (errors.squared_deviations(), targets.squared_deviations());
    match targets.count() {
        0 | 1 => None,
        _ if all > 0. => Some(1. - left / all),
        _ => Some(if left == 0. { 1. } else { 0. }),
    }
}

/// The correlation of the ranks, if neither are constant.
pub(crate) fn spearman(x: &[f64], y: &[f64]) -> Option<f64> {
    let (x, y) = (centred_ranks(x), centred_ranks(y));
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    let spread = (dot(&x, &x) * dot(&y, &y)).sqrt();
    (spread > 0.).then(|| (dot(&x, &y) / spread).clamp(-1., 1.))
}

/// The rank of each number less the mean of all ranks; equal numbers have the mean of theirs.
fn centred_ranks(x: &[f64]) -> Vec<f64> {
    let mut order: Vec<_> = (0..x.len()).collect();
    order.sort_unstable_by(|&a, &b| x[a].total_cmp(&x[b]));
    let mut ranks = vec![0.; x.len()];
    let mut before = 0;
    // Zeros of both signs are equal, and side by side.
    for equal in order.chunk_by(|&a, &b| x[a] == x[b]) {
        let mean = before as f64 + (equal.len() as f64 - 1.) / 2.;
        for &i in equal {
            ranks[i] = mean - (x.len() as f64 - 1.) / 2.;
        }
        before += equal.len();
    }
    ranks
}

impl QuantileErrors {
    /// The errors of predictions of `quantile`, each with the truth; `None` where there are none.
    ///
    /// # Examples
    ///
    /// ```
    /// use taper::metrics::QuantileErrors;
    ///
    /// let errors = QuantileErrors::of(0.25, [(1., 2.), (3., 2.)]).unwrap();
    /// assert_eq!((errors.pinball, errors.coverage), ((0.25 + 0.75) / 2., 0.5));
    /// ```
    pub fn of(quantile: f64, pairs: impl IntoIterator<Item = (f64, f64)>) -> Option<Self> {
        let (mut count, mut loss, mut covered) = (0usize, 0., 0usize);
        for (prediction, truth) in pairs {
            let above = prediction - truth;
            count += 1;
            loss += if above > 0. { (1. - quantile) * above } else { -quantile * above };
            covered += usize::from(truth <= prediction);
        }
        let n = count as f64;
        (count > 0).then(|| Self { quantile, pinball: loss / n, coverage: covered as f64 / n })
    }
}
