//! The evaluation of a trained network on rows that it has not seen.

use std::collections::BTreeMap;

use candle_core::{DType, Tensor};
use serde::{Deserialize, Serialize};

use crate::data::{Dataset, Scaling};
use crate::error::{Error, Result};
use crate::metrics::{Accumulator, Metrics};
use crate::nn::DynamicNet;
use crate::ops::Loss;
use crate::plan::Predictor;
use crate::stats;

/// How many rows are predicted at a time, so that memory does not grow with the data.
const BLOCK: usize = 4096;

/// The errors of a network on a set of rows: the means over its targets, and those of each.
///
/// A target counts the same whatever its unit is, as by scikit-learn's `multioutput="uniform_average"`; so
/// the mean of `mse` is mostly that of the target with the largest numbers, and the mean of `r2` is not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The errors of the prediction, the mean over all depths.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// The mean squared error of the output at each depth.
    pub mse_by_depth: BTreeMap<usize, f64>,
    /// The errors of each target.
    #[serde(default)]
    pub targets: Vec<TargetErrors>,
}

/// The errors of one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetErrors {
    /// The target's name.
    pub target: String,
    /// The errors of the prediction, the mean over all depths.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// The mean squared error of the output at each depth.
    pub mse_by_depth: BTreeMap<usize, f64>,
}

impl Evaluation {
    /// The errors of `targets` and their means, or `None` of no targets.
    pub fn of_targets(targets: Vec<TargetErrors>) -> Option<Self> {
        if targets.is_empty() {
            return None;
        }
        let errors = targets.iter().map(|target| (target.metrics, &target.mse_by_depth));
        let (metrics, mse_by_depth) = over(errors, stats::mean);
        Some(Self { metrics, mse_by_depth, targets })
    }
}

/// A statistic of the metrics and of the errors at each depth.
pub(crate) fn over<'a>(
    errors: impl Iterator<Item = (Metrics, &'a BTreeMap<usize, f64>)>,
    statistic: fn(&[f64]) -> f64,
) -> (Metrics, BTreeMap<usize, f64>) {
    let (metrics, by_depth): (Vec<_>, Vec<_>) = errors.unzip();
    let at = |depth: &usize| {
        let errors: Vec<_> = by_depth.iter().filter_map(|by_depth| by_depth.get(depth).copied()).collect();
        (*depth, statistic(&errors))
    };
    let depths = by_depth.first().into_iter().flat_map(|by_depth| by_depth.keys());
    (Metrics::over(&metrics, statistic), depths.map(at).collect())
}

impl TargetErrors {
    /// Puts together the errors that were collected of the target `target`: of the prediction, and of the
    /// output at each depth.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::NoRows`] when nothing was collected, and with [`Error::NotFiniteResult`] when an
    /// error is not finite.
    pub(crate) fn new(
        target: String,
        mean: &Accumulator,
        by_depth: impl IntoIterator<Item = (usize, Accumulator)>,
    ) -> Result<Self> {
        let finite = |errors: &Accumulator| match errors.metrics() {
            Some(metrics) if metrics.mse.is_finite() => Ok(metrics),
            Some(_) => Err(Error::NotFiniteResult("the error on the test rows")),
            None => Err(Error::NoRows),
        };
        let mse_by_depth = by_depth.into_iter().map(|(depth, errors)| Ok((depth, finite(&errors)?.mse)));
        Ok(Self { target, metrics: finite(mean)?, mse_by_depth: mse_by_depth.collect::<Result<_>>()? })
    }
}

/// Predicts `rows` of `data` with `net` and compares the predictions with the targets.
///
/// Of a network that was trained on scaled targets `scaling` takes the predictions back to the units of the
/// targets of `data`, which are not scaled.
///
/// # Errors
///
/// Fails with [`Error::NoRows`] when there are no rows, and with [`Error::NotFiniteResult`] when an error is
/// not finite.
pub fn evaluate(
    net: &DynamicNet,
    data: &Dataset,
    rows: &[u32],
    scaling: Option<&Scaling>,
) -> Result<Evaluation> {
    evaluate_each(net, data, rows, scaling, |_| Ok(()))
}

/// The targets and the predictions of one row, in the targets' own units.
pub(crate) struct RowPrediction<'a> {
    pub(crate) row: u32,
    pub(crate) truth: &'a [f64],
    pub(crate) mean: &'a [f64],
    /// Of each depth in turn.
    pub(crate) by_depth: &'a [f64],
}

/// As [`evaluate`], and lets `visit` see each row.
pub(crate) fn evaluate_each(
    net: &DynamicNet,
    data: &Dataset,
    rows: &[u32],
    scaling: Option<&Scaling>,
    mut visit: impl FnMut(RowPrediction) -> Result<()>,
) -> Result<Evaluation> {
    let predicted = |output: &Tensor| -> Result<Vec<f64>> {
        let mut predictions = values(output)?;
        if let Some(scaling) = scaling {
            scaling.invert(&mut predictions);
        }
        Ok(predictions)
    };
    let predictor = Predictor::new(net)?;
    let targets = data.targets();
    let width = net.depths().count() * targets;
    let mut errors = Errors::new(targets, net.depths().count());
    for block in rows.chunks(BLOCK) {
        let (x, y) = data.select(block)?;
        let prediction = predictor.predict_all_depths(&x)?;
        let (truths, means, depths) =
            (values(&y)?, predicted(&prediction.mean)?, predicted(&prediction.by_depth)?);
        for (i, &row) in block.iter().enumerate() {
            let truth = &truths[i * targets..][..targets];
            let (mean, depths) = (&means[i * targets..][..targets], &depths[i * width..][..width]);
            errors.push(truth, mean, depths);
            visit(RowPrediction { row, truth, mean, by_depth: depths })?;
        }
    }
    errors.evaluation(data.target_names(), net.depths())
}

/// The mean `loss` of the predictions of `rows`, as `net` was trained and as `data` has the targets.
///
/// # Errors
///
/// As [`evaluate`].
pub(crate) fn mean_loss(net: &DynamicNet, loss: Loss, data: &Dataset, rows: &[u32]) -> Result<f64> {
    if rows.is_empty() {
        return Err(Error::NoRows);
    }
    let predictor = Predictor::new(net)?;
    let mut sum = 0.;
    for block in rows.chunks(BLOCK) {
        let (x, y) = data.select(block)?;
        // Rounded to single precision the losses of neighbouring epochs might be equal.
        let [prediction, y] = [predictor.predict(&x)?, y].map(|values| values.to_dtype(DType::F64));
        sum += loss.of(&prediction?, &y?)?.to_scalar::<f64>()? * block.len() as f64;
    }
    let mean = sum / rows.len() as f64;
    if mean.is_finite() {
        Ok(mean)
    } else {
        Err(Error::NotFiniteResult("the loss on the rows for validation"))
    }
}

/// The errors of rows that are predicted one after the other.
pub(crate) struct Errors {
    /// Of each target the errors of the prediction.
    mean: Vec<Accumulator>,
    /// Of each depth the errors of each target, as the outputs are.
    by_depth: Vec<Accumulator>,
}

impl Errors {
    pub(crate) fn new(targets: usize, depths: usize) -> Self {
        let accumulators = |count| vec![Accumulator::default(); count];
        Self { mean: accumulators(targets), by_depth: accumulators(depths * targets) }
    }

    /// Adds a row with the predictions (targets) and the outputs (depths, targets).
    pub(crate) fn push(&mut self, truth: &[f64], mean: &[f64], by_depth: &[f64]) {
        for ((errors, mean), truth) in self.mean.iter_mut().zip(mean).zip(truth) {
            errors.push(*mean, *truth);
        }
        for ((errors, output), truth) in self.by_depth.iter_mut().zip(by_depth).zip(truth.iter().cycle()) {
            errors.push(*output, *truth);
        }
    }

    /// The errors of the targets of these `names` at these `depths`.
    ///
    /// # Errors
    ///
    /// As [`evaluate`].
    pub(crate) fn evaluation(
        &self,
        names: &[String],
        depths: impl Iterator<Item = usize> + Clone,
    ) -> Result<Evaluation> {
        let of_target = |(i, name): (usize, &String)| {
            let by_depth = self.by_depth.iter().skip(i).step_by(names.len()).cloned();
            TargetErrors::new(name.clone(), &self.mean[i], depths.clone().zip(by_depth))
        };
        let each = names.iter().enumerate().map(of_target).collect::<Result<_>>()?;
        Evaluation::of_targets(each).ok_or(Error::NoRows)
    }
}

/// The elements of `x` in row-major order.
fn values(x: &Tensor) -> candle_core::Result<Vec<f64>> {
    x.flatten_all()?.to_dtype(DType::F64)?.to_vec1()
}
