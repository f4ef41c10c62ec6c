//! The error that is compared.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::evaluate::TargetErrors;
use crate::metrics::{Details, Metrics};
use crate::results::FoldReport;

/// An error by which arms are compared: lower is better, and 0 is perfect.
///
/// There is none of R²: within a fold the ratio of 1 - R² is that of the mean squared errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// The root of the mean squared error.
    #[default]
    Rmse,
    /// The mean squared error.
    Mse,
    /// The mean absolute error.
    Mae,
    /// The median of the absolute errors.
    MedianAe,
    /// The mean of the absolute errors, each divided by its target.
    Mape,
    /// The mean pinball loss of the predicted quantiles.
    Pinball,
}

impl Metric {
    /// Its name in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rmse => "rmse",
            Self::Mse => "mse",
            Self::Mae => "mae",
            Self::MedianAe => "median_ae",
            Self::Mape => "mape",
            Self::Pinball => "pinball",
        }
    }

    /// The error in a fold: of several targets the geometric mean of theirs, in which units do not count.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Statistics`] where a fold lacks it, or has none above 0, of which there is no
    /// ratio.
    pub fn of(self, fold: &FoldReport) -> Result<f64> {
        let number = fold.fold;
        match fold.targets.as_slice() {
            // Of an earlier version.
            [] => self.geometric_mean(number, [(&fold.metrics, &fold.details)]),
            targets => self.of_targets(number, targets),
        }
    }

    /// The error of the targets in fold `number`, as [`of`](Self::of).
    pub(crate) fn of_targets(self, number: usize, targets: &[TargetErrors]) -> Result<f64> {
        self.geometric_mean(number, targets.iter().map(|target| (&target.metrics, &target.details)))
    }

    fn geometric_mean<'a>(
        self,
        number: usize,
        targets: impl IntoIterator<Item = (&'a Metrics, &'a Details)>,
    ) -> Result<f64> {
        let errors = targets.into_iter().map(|(metrics, details)| self.of_one(metrics, details));
        let errors: Option<Vec<_>> = errors.collect();
        let Some(errors) = errors else {
            return Err(Error::Statistics(format!("fold {number} has no {self}, expected another metric")));
        };
        match errors.iter().find(|error| !(**error > 0. && error.is_finite())) {
            Some(error) => Err(Error::Statistics(format!(
                "the {self} of fold {number} is {error}, of which there is no ratio; expected errors above 0"
            ))),
            None => Ok((errors.iter().map(|error| error.ln()).sum::<f64>() / errors.len() as f64).exp()),
        }
    }

    fn of_one(self, metrics: &Metrics, details: &Details) -> Option<f64> {
        match self {
            Self::Rmse => Some(metrics.rmse),
            Self::Mse => Some(metrics.mse),
            Self::Mae => Some(metrics.mae),
            Self::MedianAe => details.median_ae,
            Self::Mape => details.mape,
            Self::Pinball => {
                let losses: Vec<_> = details.quantiles.iter().map(|errors| errors.pinball).collect();
                (!losses.is_empty()).then(|| crate::stats::mean(&losses))
            }
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
