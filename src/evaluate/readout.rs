//! From the outputs of a network to predictions of its targets.

use candle_core::{DType, Tensor};

use crate::data::Scaling;
use crate::error::Result;
use crate::ops::Quantiles;

/// What the outputs of a network are.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Readout<'a> {
    /// The scaling of the targets that it was trained on.
    pub(crate) scaling: Option<&'a Scaling>,
    /// The quantiles of each target that it predicts.
    pub(crate) quantiles: Option<Quantiles>,
}

/// Predictions in the units of the targets, of any rows in row-major order.
pub(crate) struct Read {
    /// Of each target its prediction.
    pub(crate) points: Vec<f64>,
    /// Of each target its quantiles, in ascending order; nothing where none are predicted.
    pub(crate) quantiles: Vec<f64>,
}

impl Readout<'_> {
    /// The outputs for each target.
    pub(crate) fn outputs(&self) -> usize {
        self.quantiles.map_or(1, |quantiles| quantiles.len())
    }

    /// Reads `outputs`, of any shape that ends with (targets * outputs).
    pub(crate) fn read(&self, outputs: &Tensor) -> Result<Read> {
        let mut values: Vec<f64> = outputs.flatten_all()?.to_dtype(DType::F64)?.to_vec1()?;
        if let Some(scaling) = self.scaling {
            scaling.invert_each(&mut values, self.outputs());
        }
        let Some(quantiles) = self.quantiles else {
            return Ok(Read { points: values, quantiles: Vec::new() });
        };
        quantiles.sort(&mut values);
        Ok(Read { points: quantiles.points(&values), quantiles: values })
    }
}
