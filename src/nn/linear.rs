//! The affine layer.

use candle_core::{Module, Result, Tensor};
use candle_nn::{Init, VarBuilder};

use crate::ops::{Activation, linear_with};

/// An affine layer: y = x W^T + b.
///
/// x is (..., in), W is (out, in), b is (out) and y is (..., out). PyTorch's equivalent is `torch.nn.Linear`,
/// with the same initialisation; `candle_nn::Linear` initialises differently and does not use a seeded
/// stream.
#[derive(Debug, Clone)]
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    /// Creates the layer with the parameters `weight` and, if `bias`, `bias` of `vb`.
    ///
    /// A new weight and bias are drawn from U(-1/sqrt(in), 1/sqrt(in)).
    ///
    /// # Errors
    ///
    /// Fails when `vb` holds one of these names with another shape.
    pub fn new(in_features: usize, out_features: usize, bias: bool, vb: VarBuilder) -> Result<Self> {
        Self::with_init(in_features, out_features, bias, fan_in_uniform(in_features), vb)
    }

    /// Creates the layer as [`new`](Self::new) does, with a new weight drawn as `weight` says.
    pub(super) fn with_init(
        in_features: usize,
        out_features: usize,
        bias: bool,
        weight: Init,
        vb: VarBuilder,
    ) -> Result<Self> {
        let weight = vb.get_with_hints((out_features, in_features), "weight", weight)?;
        let bias =
            bias.then(|| vb.get_with_hints(out_features, "bias", fan_in_uniform(in_features))).transpose()?;
        Ok(Self { weight, bias })
    }

    /// The layer with these parameters.
    pub(super) fn from_tensors(weight: Tensor, bias: Option<Tensor>) -> Self {
        Self { weight, bias }
    }

    /// The weight, (out, in).
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// The bias, (out).
    pub fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }

    /// The layer with `activation` on its result, in one operation ([`linear_with`]).
    ///
    /// # Errors
    ///
    /// Fails when the last axis of `x` has another length than `in`, or its dtype or device differs.
    pub fn forward_with(&self, x: &Tensor, activation: Activation) -> Result<Tensor> {
        linear_with(x, &self.weight, self.bias.as_ref(), activation)
    }

    /// The parameters with their names, `weight` and, if there is one, `bias`.
    pub fn named_parameters(&self) -> impl Iterator<Item = (&'static str, &Tensor)> {
        [("weight", &self.weight)].into_iter().chain(self.bias.as_ref().map(|bias| ("bias", bias)))
    }
}

impl Module for Linear {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.forward_with(x, Activation::Identity)
    }
}

/// U(-1/sqrt(n), 1/sqrt(n)) for a fan-in of n, PyTorch's default for a linear layer's weight and bias.
fn fan_in_uniform(fan_in: usize) -> Init {
    let bound = 1. / (fan_in as f64).sqrt();
    Init::Uniform { lo: -bound, up: bound }
}
