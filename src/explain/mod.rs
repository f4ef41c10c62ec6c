//! What the predictions of a network depend on: how much worse they are without a column, and how they go
//! with it.
//!
//! **Permutation importance** (Breiman, *Random Forests*, 2001, section 10; Fisher, Rudin and Dominici, 2019): the
//! values of a column are shuffled over the rows that the network is tested on, and the error grows by what
//! the column was worth. It is scikit-learn's `permutation_importance` with an error in place of a score. A
//! column of the table is shuffled as a whole, with all categories or bins that a network has for it. If two
//! columns say the same, neither of them seems to be worth much.
//!
//! **Partial dependence** (Friedman, *Greedy Function Approximation*, 2001, section 8.2): the mean of the predictions
//! of all rows, with one column set to the same value in all of them, as a function of that value. It is
//! scikit-learn's `partial_dependence` with `method="brute"`. Where columns are correlated, it averages over
//! rows that do not occur.

mod combine;
mod dependence;
mod grid;
mod permutation;
mod subject;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::data::Column;
use crate::error::Result;
use crate::ops::Loss;
pub(crate) use combine::combine;
pub(crate) use grid::Grids;
pub(crate) use subject::Subject;

/// What is asked about a network.
#[derive(Debug, Clone, PartialEq)]
pub struct Explain {
    /// The columns of the table that the features are made of.
    pub columns: Vec<Column>,
    /// How often each column is shuffled.
    pub repeats: usize,
    /// The kind of error that is to grow.
    pub error: ErrorKind,
}

impl Explain {
    /// How often a column is shuffled if nobody says otherwise, as in scikit-learn.
    pub const REPEATS: usize = 5;

    /// Refuses columns that do not make so many features, and no shuffles.
    pub(crate) fn check(&self, features: usize) -> Result<()> {
        let width: usize = self.columns.iter().map(Column::width).sum();
        let problem = if width == features {
            (self.repeats == 0).then(|| "0 shuffles of each column, expected at least one".to_owned())
        } else {
            Some(format!("columns of {width} features, expected those of the data's {features}"))
        };
        problem.map_or(Ok(()), |problem| Err(candle_core::Error::msg(format!("Explain: {problem}")).into()))
    }
}

/// A kind of error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ErrorKind {
    /// The root of the mean squared error.
    #[default]
    Rmse,
    /// The mean absolute error.
    Mae,
    /// The mean pinball loss of all quantiles.
    Pinball,
}

impl ErrorKind {
    /// That of networks which were trained with `loss`.
    pub fn of(loss: Loss) -> Self {
        match loss {
            Loss::Mse | Loss::Huber { .. } => Self::Rmse,
            Loss::Mae => Self::Mae,
            Loss::Quantile(_) => Self::Pinball,
        }
    }

    /// Its name in tables, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rmse => "rmse",
            Self::Mae => "mae",
            Self::Pinball => "pinball",
        }
    }
}

/// What the predictions of the networks of a run depend on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The kind of error.
    pub error: ErrorKind,
    /// How often each column was shuffled.
    pub repeats: usize,
    /// The networks that were asked, each on rows that it had not seen.
    pub networks: usize,
    /// What the intervals are.
    pub interval: Interval,
    /// Of each target in turn.
    pub targets: Vec<TargetExplanation>,
}

/// What an interval of an importance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interval {
    /// 95 % by Student's distribution over the networks of a cross-validation, whose variance is corrected
    /// since their training rows overlap (Nadeau and Bengio, *Inference for the Generalization Error*, 2003).
    /// No estimate of it is without bias.
    CorrectedStudent,
    /// The mean of one network's shuffles, and a standard deviation of these to each side. It says nothing of
    /// other rows or other networks.
    Shuffles,
}

/// What the predictions of one target depend on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetExplanation {
    /// Its name.
    pub target: String,
    /// The error as the table is, the mean over the networks.
    pub error: f64,
    /// The columns, the most important first.
    pub columns: Vec<Importance>,
    /// How the predictions go with the most important of them.
    pub dependence: Vec<Dependence>,
}

/// By how much an error grows without a column, in the units of the target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Importance {
    /// The column.
    pub column: String,
    /// The mean over the networks and their shuffles.
    pub increase: f64,
    /// The ends of its interval.
    pub low: f64,
    /// As `low`.
    pub high: f64,
}

/// How predictions go with a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dependence {
    /// The column.
    pub column: String,
    /// The values that it is set to.
    pub values: Values,
    /// The mean prediction at each, the mean over the networks.
    pub mean: Vec<f64>,
    /// The least that a network has there; of one network the 10th percentile of the rows' own predictions,
    /// each row moved so that the mean of its predictions is that of all rows.
    pub low: Vec<f64>,
    /// The most, or the 90th percentile.
    pub high: Vec<f64>,
}

/// Values of a column, numbers and dates in ascending order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Values {
    /// Of a column of numbers, in its own units.
    Numbers(Vec<f64>),
    /// Of a column of texts.
    Categories(Vec<String>),
    /// Of a column of dates, such as 2024-01-31 or 2024-01-31 17:30:00.
    Dates(Vec<String>),
}

/// What one network says.
#[derive(Debug, Clone)]
pub(crate) struct Explained {
    /// The error of each target.
    errors: Vec<f64>,
    /// Of each column and each target the mean and the standard deviation of the increases.
    increases: Vec<Vec<[f64; 2]>>,
    /// Of each column and each target the curve.
    curves: Vec<Vec<Curve>>,
}

/// Mean predictions at the values of a column, and where those of most rows are.
#[derive(Debug, Clone)]
struct Curve {
    mean: Vec<f64>,
    low: Vec<f64>,
    high: Vec<f64>,
}
