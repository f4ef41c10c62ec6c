//! The evaluation of a trained network on rows that it has not seen.

mod exits;
mod readout;

use std::collections::BTreeMap;

use candle_core::{DType, Tensor};
use serde::{Deserialize, Serialize};

use crate::data::{Dataset, Scaling};
use crate::error::{Error, Result};
use crate::metrics::{Accumulator, Details, Kept, Metrics};
use crate::nn::DynamicNet;
use crate::ops::Loss;
use crate::plan::Predictor;
use crate::stats;
pub use exits::ExitReport;
pub(crate) use exits::KeptExits;
pub(crate) use readout::Readout;

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
    /// More about the prediction.
    #[serde(flatten)]
    pub details: Details,
    /// The mean squared error of the output at each depth.
    pub mse_by_depth: BTreeMap<usize, f64>,
    /// The errors of each target.
    #[serde(default)]
    pub targets: Vec<TargetErrors>,
    /// Where rows exit from a network that learns its depths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exits: Option<ExitReport>,
}

/// The errors of one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetErrors {
    /// The target's name.
    pub target: String,
    /// The errors of the prediction, the mean over all depths.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// More about the prediction.
    #[serde(flatten)]
    pub details: Details,
    /// The mean squared error of the output at each depth.
    pub mse_by_depth: BTreeMap<usize, f64>,
}

impl Evaluation {
    /// The errors of `targets` and their means, or `None` of no targets.
    pub fn of_targets(targets: Vec<TargetErrors>) -> Option<Self> {
        if targets.is_empty() {
            return None;
        }
        let errors: Vec<_> = targets.iter().map(Part::of_target).collect();
        let (metrics, details, mse_by_depth) = over(&errors, stats::mean);
        Some(Self { metrics, details, mse_by_depth, targets, exits: None })
    }
}

/// The errors of one of several parts.
pub(crate) struct Part<'a> {
    pub(crate) metrics: Metrics,
    pub(crate) details: &'a Details,
    pub(crate) mse_by_depth: &'a BTreeMap<usize, f64>,
}

impl<'a> Part<'a> {
    pub(crate) fn of_target(target: &'a TargetErrors) -> Self {
        let TargetErrors { metrics, details, mse_by_depth, .. } = target;
        Self { metrics: *metrics, details, mse_by_depth }
    }
}

/// A statistic of the metrics, of the details and of the errors at each depth.
pub(crate) fn over(parts: &[Part], statistic: fn(&[f64]) -> f64) -> (Metrics, Details, BTreeMap<usize, f64>) {
    let at = |depth: &usize| {
        let errors: Vec<_> = parts.iter().filter_map(|part| part.mse_by_depth.get(depth).copied()).collect();
        (*depth, statistic(&errors))
    };
    let depths = parts.first().into_iter().flat_map(|part| part.mse_by_depth.keys());
    let by_depth = depths.map(at).collect();
    let metrics: Vec<_> = parts.iter().map(|part| part.metrics).collect();
    let details: Vec<_> = parts.iter().map(|part| part.details).collect();
    (Metrics::over(&metrics, statistic), Details::over(&details, statistic), by_depth)
}

impl TargetErrors {
    /// Puts together the errors that were collected of the target `target`: of the prediction, with details,
    /// and of the output at each depth.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::NoRows`] when nothing was collected, and with [`Error::NotFiniteResult`] when an
    /// error is not finite.
    pub(crate) fn new(
        target: String,
        mean: &Accumulator,
        details: Details,
        by_depth: impl IntoIterator<Item = (usize, Accumulator)>,
    ) -> Result<Self> {
        let finite = |errors: &Accumulator| match errors.metrics() {
            Some(metrics) if metrics.mse.is_finite() => Ok(metrics),
            Some(_) => Err(Error::NotFiniteResult("the error on the test rows")),
            None => Err(Error::NoRows),
        };
        let mse_by_depth = by_depth.into_iter().map(|(depth, errors)| Ok((depth, finite(&errors)?.mse)));
        let mse_by_depth = mse_by_depth.collect::<Result<_>>()?;
        Ok(Self { target, metrics: finite(mean)?, details, mse_by_depth })
    }
}

/// Predicts `rows` of `data` with `net` and compares the predictions with the targets.
///
/// Of a network that was trained on scaled targets `scaling` takes the predictions back to the units of the
/// targets of `data`, which are not scaled. The network has one output for each target.
///
/// # Errors
///
/// Fails with [`Error::NoRows`] when there are no rows, with [`Error::NotFiniteResult`] when an error is not
/// finite, and when the network has more or fewer outputs than there are targets.
pub fn evaluate(
    net: &DynamicNet,
    data: &Dataset,
    rows: &[u32],
    scaling: Option<&Scaling>,
) -> Result<Evaluation> {
    evaluate_each(net, data, rows, Readout { scaling, quantiles: None }, true, |_| Ok(()))
}

/// The targets and the predictions of one row, in the targets' own units.
pub(crate) struct RowPrediction<'a> {
    pub(crate) row: u32,
    pub(crate) truth: &'a [f64],
    pub(crate) mean: &'a [f64],
    /// Of each depth in turn.
    pub(crate) by_depth: &'a [f64],
    /// Of each target in turn.
    pub(crate) quantiles: &'a [f64],
    /// The depth at which it exits, if depths are learned.
    pub(crate) exit: Option<usize>,
}

/// As [`evaluate`], and lets `visit` see each row. Details take memory and time, and only so if they are
/// wanted.
pub(crate) fn evaluate_each(
    net: &DynamicNet,
    data: &Dataset,
    rows: &[u32],
    readout: Readout,
    has_details: bool,
    mut visit: impl FnMut(RowPrediction) -> Result<()>,
) -> Result<Evaluation> {
    let predictor = Predictor::new(net)?;
    let (targets, depths) = (data.targets(), net.depths().count());
    let (expected, outputs) = (targets * readout.outputs(), net.spec().out_features);
    if outputs != expected {
        let message = format!("a network of {outputs} outputs for {targets} targets, expected {expected}");
        return Err(candle_core::Error::msg(message).into());
    }
    let levels = readout.quantiles.map(Vec::from).unwrap_or_default();
    let (width, quantiles) = (depths * targets, targets * levels.len());
    let mut errors = Errors::new(targets, depths);
    if has_details {
        errors = errors.with_details(levels);
    }
    let mut exits = if has_details { KeptExits::new(&predictor, targets)? } else { None };
    for block in rows.chunks(BLOCK) {
        let (x, y) = data.select(block)?;
        let prediction = predictor.predict_all_depths(&x)?;
        let (truths, means, by_depth) =
            (values(&y)?, readout.read(&prediction.mean)?, readout.read(&prediction.by_depth)?.points);
        for (i, &row) in block.iter().enumerate() {
            let row = RowPrediction {
                row,
                truth: &truths[i * targets..][..targets],
                mean: &means.points[i * targets..][..targets],
                by_depth: &by_depth[i * width..][..width],
                quantiles: &means.quantiles[i * quantiles..][..quantiles],
                exit: prediction.exits.as_ref().map(|exits| exits.depths[i]),
            };
            errors.push(&row);
            if let (Some(exits), Some(of_block)) = (&mut exits, &prediction.exits) {
                exits.push(of_block, i, row.truth, row.mean);
            }
            visit(row)?;
        }
    }
    let exits = exits.as_ref().map(KeptExits::report);
    Ok(Evaluation { exits, ..errors.evaluation(data.target_names(), net.depths())? })
}

/// The mean `loss` of the predictions of `rows`, as `net` was trained and as `data` has the targets.
///
/// A network that was trained on transformed targets may be judged by the loss of targets that are not: then
/// `data` has these in their own units, and of the two `scalings` the first is that of the training, and the
/// second one without a transform.
///
/// # Errors
///
/// As [`evaluate`].
pub(crate) fn mean_loss(
    net: &DynamicNet,
    loss: Loss,
    data: &Dataset,
    rows: &[u32],
    scalings: Option<[&Scaling; 2]>,
) -> Result<f64> {
    if rows.is_empty() {
        return Err(Error::NoRows);
    }
    let predictor = Predictor::new(net)?;
    let mut sum = 0.;
    for block in rows.chunks(BLOCK) {
        let (x, y) = data.select(block)?;
        // Rounded to single precision the losses of neighbouring epochs might be equal.
        let [prediction, y] = [predictor.predict(&x)?, y].map(|values| values.to_dtype(DType::F64));
        let (mut prediction, mut y) = (prediction?, y?);
        if let Some([trained, own]) = scalings {
            let each = loss.outputs();
            prediction = mapped(&prediction, |outputs| {
                trained.invert_each(outputs, each);
                own.scale_each(outputs, each);
            })?;
            y = mapped(&y, |targets| own.scale_each(targets, 1))?;
        }
        if let Loss::Quantile(quantiles) = loss {
            prediction = mapped(&prediction, |values| quantiles.sort(values))?;
        }
        sum += loss.of(&prediction, &y)?.to_scalar::<f64>()? * block.len() as f64;
    }
    let mean = sum / rows.len() as f64;
    if mean.is_finite() {
        Ok(mean)
    } else {
        Err(Error::NotFiniteResult("the loss on the rows for validation"))
    }
}

/// `x`, of f64, with `map` made of its elements in row-major order.
fn mapped(x: &Tensor, map: impl FnOnce(&mut [f64])) -> candle_core::Result<Tensor> {
    let mut values = x.flatten_all()?.to_vec1()?;
    map(&mut values);
    Tensor::from_vec(values, x.shape(), x.device())
}

/// The errors of rows that are predicted one after the other.
pub(crate) struct Errors {
    /// Of each target the errors of the prediction.
    mean: Vec<Accumulator>,
    /// Of each depth the errors of each target, as the outputs are.
    by_depth: Vec<Accumulator>,
    /// Of each target all predictions, if there are to be details.
    kept: Vec<Kept>,
    /// The quantiles that are predicted.
    levels: Vec<f64>,
}

impl Errors {
    pub(crate) fn new(targets: usize, depths: usize) -> Self {
        let accumulators = |count| vec![Accumulator::default(); count];
        let (mean, by_depth) = (accumulators(targets), accumulators(depths * targets));
        Self { mean, by_depth, kept: Vec::new(), levels: Vec::new() }
    }

    /// The same with details, those of these quantiles among them.
    pub(crate) fn with_details(self, levels: Vec<f64>) -> Self {
        Self { kept: vec![Kept::default(); self.mean.len()], levels, ..self }
    }

    /// Adds a row, with the predictions (targets), the outputs (depths, targets) and the quantiles (targets,
    /// quantiles).
    pub(crate) fn push(&mut self, row: &RowPrediction) {
        let RowPrediction { truth, mean, by_depth, quantiles, .. } = row;
        for ((errors, mean), truth) in self.mean.iter_mut().zip(*mean).zip(*truth) {
            errors.push(*mean, *truth);
        }
        for ((errors, output), truth) in self.by_depth.iter_mut().zip(*by_depth).zip(truth.iter().cycle()) {
            errors.push(*output, *truth);
        }
        for (i, kept) in self.kept.iter_mut().enumerate() {
            let count = self.levels.len();
            kept.push(truth[i], mean[i], &quantiles[i * count..][..count]);
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
            let details = self.kept.get(i).map(|kept| kept.details(&self.levels)).unwrap_or_default();
            TargetErrors::new(name.clone(), &self.mean[i], details, depths.clone().zip(by_depth))
        };
        let each = names.iter().enumerate().map(of_target).collect::<Result<_>>()?;
        Evaluation::of_targets(each).ok_or(Error::NoRows)
    }
}

/// The elements of `x` in row-major order.
fn values(x: &Tensor) -> candle_core::Result<Vec<f64>> {
    x.flatten_all()?.to_dtype(DType::F64)?.to_vec1()
}
