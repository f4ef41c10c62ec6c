//! The evaluation of a trained network on rows that it has not seen.

use std::collections::BTreeMap;

use candle_core::{DType, Tensor};

use crate::data::{Dataset, Scaling};
use crate::error::{Error, Result};
use crate::metrics::{Accumulator, Metrics};
use crate::nn::{DynamicNet, Predictor};

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
    let predicted = |output: &Tensor| -> Result<Vec<f64>> {
        let mut predictions = values(output)?;
        if let Some(scaling) = scaling {
            scaling.invert(&mut predictions);
        }
        Ok(predictions)
    };
    let predictor = Predictor::new(net)?;
    let mut mean = Accumulator::default();
    let mut by_depth: Vec<_> = net.depths().map(|depth| (depth, Accumulator::default())).collect();
    for block in rows.chunks(BLOCK) {
        let (x, y) = data.select(block)?;
        let targets = values(&y)?;
        let prediction = predictor.predict_all_depths(&x)?;
        for (i, (_, errors)) in by_depth.iter_mut().enumerate() {
            errors.add(&predicted(&prediction.by_depth.narrow(1, i, 1)?)?, &targets);
        }
        mean.add(&predicted(&prediction.mean)?, &targets);
    }
    let finite = |errors: &Accumulator| match errors.metrics() {
        Some(metrics) if metrics.mse.is_finite() => Ok(metrics),
        Some(_) => Err(Error::NotFiniteResult("the error on the test rows")),
        None => Err(Error::NoRows),
    };
    let mse_by_depth = by_depth.iter().map(|(depth, errors)| Ok((*depth, finite(errors)?.mse)));
    Ok(Evaluation { mean: finite(&mean)?, mse_by_depth: mse_by_depth.collect::<Result<_>>()? })
}

/// The elements of `x` in row-major order.
fn values(x: &Tensor) -> candle_core::Result<Vec<f64>> {
    x.flatten_all()?.to_dtype(DType::F64)?.to_vec1()
}
