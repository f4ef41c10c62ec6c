//! An affine layer of any kind.

use candle_core::{Module, Result, Tensor};
use candle_nn::VarBuilder;

use crate::nn::{CosInit, CosLinear, Linear};
use crate::ops::{Activation, cos};

/// The kind of layer that a network is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LayerKind {
    /// [`Linear`].
    #[default]
    Linear,
    /// [`CosLinear`], with the initialisation of its weight.
    Cos(CosInit),
}

impl LayerKind {
    /// Its name in a configuration: `linear` or `cos`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Cos(_) => "cos",
        }
    }

    /// The initialisation of a cos layer's weight; the default for any other kind.
    pub(super) fn cos_init(self) -> CosInit {
        match self {
            Self::Linear => CosInit::default(),
            Self::Cos(init) => init,
        }
    }
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

    /// The layer's parameters: W (out, in), before the cosine if there is one, and the bias (out).
    pub fn parameters(&self) -> &Linear {
        match self {
            Self::Linear(layer) => layer,
            Self::Cos(layer) => layer.parameters(),
        }
    }

    /// The matrix (out, in) that multiplies x: W, or cos(W) in a cos layer.
    ///
    /// # Errors
    ///
    /// Fails when the device has no memory for the cosine.
    pub fn matrix(&self) -> Result<Tensor> {
        match self {
            Self::Linear(layer) => Ok(layer.weight().clone()),
            Self::Cos(layer) => cos(layer.weight()),
        }
    }

    /// The layer with `activation` on its result, in one operation.
    ///
    /// # Errors
    ///
    /// Fails when the last axis of `x` has another length than `in`, or its dtype or device differs.
    pub fn forward_with(&self, x: &Tensor, activation: Activation) -> Result<Tensor> {
        match self {
            Self::Linear(layer) => layer.forward_with(x, activation),
            Self::Cos(layer) => layer.forward_with(x, activation),
        }
    }
}

impl Module for Layer {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.forward_with(x, Activation::Identity)
    }
}
