//! The kinds of layer that a network can be made of.

use candle_core::{Module, Result, Tensor};
use candle_nn::VarBuilder;

use crate::nn::{CosInit, CosLinear, Linear};
use crate::ops::Activation;

/// Which kind of layer a network is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LayerKind {
    /// [`Linear`].
    #[default]
    Linear,
    /// [`CosLinear`], with the initialisation of its weight.
    Cos(CosInit),
}

/// A layer of any kind, with a bias.
#[derive(Debug, Clone)]
pub enum Layer {
    /// y = x W^T + b.
    Linear(Linear),
    /// y = x cos(W)^T + b.
    Cos(CosLinear),
}

impl Layer {
    /// Creates the layer with the parameters `weight` and `bias` of `vb`.
    ///
    /// # Errors
    ///
    /// Fails when `vb` holds one of these names with another shape.
    pub fn new(kind: LayerKind, in_features: usize, out_features: usize, vb: VarBuilder) -> Result<Self> {
        match kind {
            LayerKind::Linear => Linear::new(in_features, out_features, true, vb).map(Self::Linear),
            LayerKind::Cos(init) => CosLinear::new(in_features, out_features, true, init, vb).map(Self::Cos),
        }
    }

    /// The weight W, (out, in), before the cosine if there is one.
    pub fn weight(&self) -> &Tensor {
        match self {
            Self::Linear(layer) => layer.weight(),
            Self::Cos(layer) => layer.weight(),
        }
    }

    /// The bias, (out).
    pub fn bias(&self) -> Option<&Tensor> {
        match self {
            Self::Linear(layer) => layer.bias(),
            Self::Cos(layer) => layer.bias(),
        }
    }

    /// The layer with `activation` on its result, in one operation.
    ///
    /// # Errors
    ///
    /// Fails when the last axis of `x` has another length than `in`, or its dtype or device is another one.
    pub fn forward_with(&self, x: &Tensor, activation: Activation) -> Result<Tensor> {
        match self {
            Self::Linear(layer) => layer.forward_with(x, activation),
            Self::Cos(layer) => layer.forward_with(x, activation),
        }
    }

    /// The layer with its present parameters as constants.
    #[must_use]
    pub fn detach(&self) -> Self {
        match self {
            Self::Linear(layer) => Self::Linear(layer.detach()),
            Self::Cos(layer) => Self::Cos(layer.detach()),
        }
    }
}

impl Module for Layer {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.forward_with(x, Activation::Identity)
    }
}
