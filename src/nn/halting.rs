//! Depths that are learned: when a row leaves the network.

use candle_core::{D, DType, Result, Tensor};
use candle_nn::{Init, VarBuilder};
use serde::{Deserialize, Serialize};

use crate::nn::{Layer, Linear};
use crate::ops::kernels::PLAIN_SHARE;
use crate::ops::{Prior, relu};

/// The largest probability of not having stopped with which a row exits, for the probability `exit` of having
/// stopped. It is larger than their difference by more than rounding, which would else decide where rows go
/// that stop by a uniform prior and exit at 1/2, and by less than matters.
pub(crate) fn going_on_at(exit: f64) -> f64 {
    (1. - exit) * (1. + 1e-5)
}

/// Whether a [`DynamicNet`](crate::nn::DynamicNet) learns how deep to go.
///
/// After each depth d a row stops with the probability sigmoid(`z_d`) if it has not stopped before, and after
/// the last one for certain. `z_d` is that of the [`Prior`] at first, and is learned together with the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Halting {
    /// No: a step of training draws a depth, and a prediction is the mean over all.
    #[default]
    None,
    /// Once for all rows: `z_d` is the prior's plus `halting.bias`.
    Shared,
    /// For each row by its activations: besides, `z_d` has u `h_d`, where u is `halting.weight`.
    Adaptive,
}

impl Halting {
    /// Its name in a configuration: `none`, `shared` or `adaptive`.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Shared => "shared",
            Self::Adaptive => "adaptive",
        }
    }
}

/// The parameters that a network learns its depths by.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    /// u (1, width), where rows have a gate of their own.
    layer: Option<Layer>,
    /// (depths - 1).
    bias: Tensor,
    prior: Prior,
}

impl Gate {
    /// Creates it for `depths` depths and activations of `width` numbers, with the parameters `weight`, if it
    /// is adaptive, and `bias` of `vb`, of zeros: it begins as the prior.
    pub(super) fn new(
        is_adaptive: bool,
        prior: Prior,
        depths: usize,
        width: usize,
        vb: &VarBuilder,
    ) -> Result<Self> {
        let zeros = Init::Const(0.);
        let layer = is_adaptive.then(|| Linear::with_init(width, 1, false, zeros, vb.clone())).transpose()?;
        let bias = vb.get_with_hints(depths - 1, "bias", zeros)?;
        Ok(Self { layer: layer.map(Layer::Linear), bias, prior })
    }

    /// What gives a row's own part of its logits from its activations, if they have one.
    pub(super) fn layer(&self) -> Option<&Layer> {
        self.layer.as_ref()
    }

    /// (depths - 1), what all rows have.
    pub(crate) fn bias(&self) -> &Tensor {
        &self.bias
    }

    pub(crate) fn prior(&self) -> Prior {
        self.prior
    }

    /// The part of the logits that all rows have, the prior's and the bias, of each depth but the last.
    pub(crate) fn logits(&self) -> Result<Vec<f64>> {
        let bias = self.bias.to_dtype(DType::F64)?.to_vec1::<f64>()?;
        let prior = self.prior.of(bias.len() + 1).logits;
        Ok(bias.iter().zip(prior).map(|(bias, prior)| prior + bias).collect())
    }

    /// The parameters with their names.
    pub(super) fn named_parameters(&self) -> impl Iterator<Item = (&'static str, &Tensor)> {
        let weight = self.layer.iter().map(|layer| ("weight", layer.parameters().weight()));
        weight.chain([("bias", &self.bias)])
    }

    /// The same with constants as parameters.
    pub(super) fn detached(&self) -> Self {
        let layer = self.layer.as_ref().map(|layer| {
            let weight = layer.parameters().weight().detach();
            Layer::Linear(Linear::from_tensors(weight, None))
        });
        Self { layer, bias: self.bias.detach(), prior: self.prior }
    }

    /// The logarithms of the probabilities (n, depths) that each of n rows stops at each depth, and that it
    /// has not stopped before, for their own parts of the logits, (n, 1) of each depth but the last, or none
    /// where they have none.
    fn log_probabilities(&self, own: &[Tensor], n: usize) -> Result<[Tensor; 2]> {
        let gates = self.bias.dims()[0];
        let logits = &self.prior.of(gates + 1).logits[..gates];
        let logits = (Tensor::new(logits, self.bias.device())?.to_dtype(self.bias.dtype())? + &self.bias)?;
        let logits = match own {
            [] => logits.expand((n, gates))?,
            own => Tensor::cat(own, 1)?.broadcast_add(&logits)?,
        };
        let [stops, goes_on] = [log_sigmoid(&logits)?, log_sigmoid(&logits.neg()?)?];
        let mut before = vec![stops.narrow(1, 0, 1)?.zeros_like()?];
        for depth in 0..gates {
            before.push((&before[depth] + goes_on.narrow(1, depth, 1)?)?);
        }
        let before = Tensor::cat(&before, 1)?;
        let certain = stops.narrow(1, 0, 1)?.zeros_like()?;
        Ok([(&before + Tensor::cat(&[stops, certain], 1)?)?, before])
    }

    /// The loss of a training step and the expected error, both as scalars: see
    /// [`DynamicNet::expected_loss`](crate::nn::DynamicNet::expected_loss).
    pub(super) fn expected_loss(
        &self,
        outputs: &[Tensor],
        own: &[Tensor],
        target: &Tensor,
        divergence: Option<f64>,
    ) -> Result<[Tensor; 2]> {
        let [mut log_p, _] = self.log_probabilities(own, target.dims()[0])?;
        if divergence.is_none() {
            // Gradients of 0, and not none: to an optimiser every step is a step of every parameter.
            // (Candle follows no factor that is the number 0.)
            log_p = (log_p.detach() + (&log_p * log_p.zeros_like()?)?)?;
        }
        let error = |output: &Tensor| (output - target)?.sqr()?.mean_keepdim(D::Minus1);
        let errors = Tensor::cat(&outputs.iter().map(error).collect::<Result<Vec<_>>>()?, 1)?;
        let p = log_p.exp()?;
        let expected = (&p * &errors)?.sum(1)?.mean(0)?;
        let more = if let Some(weight) = divergence {
            let prior = &self.prior.of(outputs.len()).logarithms[..outputs.len()];
            let prior = Tensor::new(prior, log_p.device())?.to_dtype(log_p.dtype())?;
            let each = (p * log_p.broadcast_sub(&prior)?)?;
            (each.sum(1)?.mean(0)? * weight)?
        } else {
            (errors.mean_all()? * PLAIN_SHARE)?
        };
        Ok([(&expected + more)?, expected])
    }

    /// What is predicted from the outputs, and how, where rows exit at the first depth by which they have
    /// stopped with at least the probability `exit`.
    pub(super) fn weighted(&self, outputs: &[Tensor], own: &[Tensor], exit: f64) -> Result<Weighted> {
        let [log_p, log_before] = self.log_probabilities(own, outputs[0].dims()[0])?;
        let is_reached = log_before.exp()?.gt(going_on_at(exit))?.to_dtype(log_p.dtype())?;
        let probabilities = log_p.exp()?;
        let weights = (&probabilities * &is_reached)?;
        let weighted =
            |(depth, output): (usize, &Tensor)| output.broadcast_mul(&weights.narrow(1, depth, 1)?);
        let mut terms = outputs.iter().enumerate().map(weighted);
        let none = outputs[0].zeros_like()?;
        let sum = terms.try_fold(none, |sum, term| sum + term?)?;
        let mean = sum.broadcast_div(&weights.sum_keepdim(1)?)?;
        Ok(Weighted { mean, probabilities, is_reached })
    }
}

/// The prediction of a network that learns its depths.
#[derive(Debug)]
pub(crate) struct Weighted {
    /// The mean (n, out) of the outputs down to the depth where a row exits, weighted by the probabilities of
    /// stopping at each.
    pub(crate) mean: Tensor,
    /// Those of each depth, (n, depths).
    pub(crate) probabilities: Tensor,
    /// 1 for the depths that a row goes through until it exits, 0 for those below, (n, depths).
    pub(crate) is_reached: Tensor,
}

/// log(1 / (1 + e^-x)), for any x: -max(-x, 0) - log(1 + e^-|x|).
fn log_sigmoid(x: &Tensor) -> Result<Tensor> {
    let small = x.abs()?.neg()?.exp()?;
    (relu(&x.neg()?)? + (small + 1.)?.log()?)?.neg()
}
