//! The evaluation of a trained network on rows that it has not seen.

use std::collections::BTreeMap;

use candle_core::{DType, Tensor};

use crate::data::{Dataset, Scaling};
use crate::error::{Error, Result};
use crate::metrics::{Accumulator, Metrics};
use crate::nn::DynamicNet;
use crate::plan::Predictor;

/// How many rows are predicted at a time, so that memory does not grow with the data.
const BLOCK: usize = 4096;

/// The errors of a network on a set of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The errors of the prediction, the mean over all depths.
    pub mean: Metrics,
    /// The mean squared error of the output at each depth.
    pub mse_by_depth: BTreeMap<usize, f64>,
}

/// Predicts `rows` of `data` with `net` and holds the predictions against the targets.
///
/// # Errors
///
/// Fails with [`Error::NoRows`] when there are no rows, and with [`Error::NotFiniteResult`] when an error is not finite.
pub fn evaluate(net: &DynamicNet, data: &Dataset, rows: &[u32]) -> Result<Evaluation> {
    evaluate_scaled(net, data, rows, None)
}

/// As [`evaluate`], of a network that was trained on targets that `scaling` scaled: the predictions are taken back to the
/// units of the targets of `data`, which are not scaled.
///
/// # Errors
///
/// As [`evaluate`].
pub fn evaluate_scaled(
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

/// As [`evaluate_scaled`], and lets `visit` see each row.
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
    let mut errors = Accumulator::default();
    let mut by_depth: Vec<_> = net.depths().map(|depth| (depth, Accumulator::default())).collect();
    let width = targets * by_depth.len();
    for block in rows.chunks(BLOCK) {
        let (x, y) = data.select(block)?;
        let prediction = predictor.predict_all_depths(&x)?;
        let (truths, means, depths) =
            (values(&y)?, predicted(&prediction.mean)?, predicted(&prediction.by_depth)?);
        for (i, &row) in block.iter().enumerate() {
            let truth = &truths[i * targets..][..targets];
            let (mean, depths) = (&means[i * targets..][..targets], &depths[i * width..][..width]);
            errors.add(mean, truth);
            for ((_, errors), output) in by_depth.iter_mut().zip(depths.chunks_exact(targets)) {
                errors.add(output, truth);
            }
            visit(RowPrediction { row, truth, mean, by_depth: depths })?;
        }
    }
    let finite = |errors: &Accumulator| match errors.metrics() {
        Some(metrics) if metrics.mse.is_finite() => Ok(metrics),
        Some(_) => Err(Error::NotFiniteResult("the error on the test rows")),
        None => Err(Error::NoRows),
    };
    let mse_by_depth = by_depth.iter().map(|(depth, errors)| Ok((*depth, finite(errors)?.mse)));
    Ok(Evaluation { mean: finite(&errors)?, mse_by_depth: mse_by_depth.collect::<Result<_>>()? })
}

/// The elements of `x` in row-major order.
fn values(x: &Tensor) -> candle_core::Result<Vec<f64>> {
    x.flatten_all()?.to_dtype(DType::F64)?.to_vec1()
}
