//! What else there is to say of predictions.

use serde::{Deserialize, Serialize};

/// More about the predictions of one target, or the means over several. Results of earlier versions have
/// none of it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Details {
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
        Details { quantiles: levels.iter().enumerate().filter_map(quantile).collect() }
    }
}

impl Details {
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
        Self { quantiles: quantiles.filter_map(quantile).collect() }
    }
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
