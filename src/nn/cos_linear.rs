//! The affine layer whose weight is a cosine.

use std::f64::consts::FRAC_PI_2;

use candle_core::{Module, Result, Tensor};
use candle_nn::{Init, VarBuilder};
use serde::{Deserialize, Serialize};

use crate::nn::Linear;
use crate::ops::{Activation, cos_linear_with};

/// How the weight of a [`CosLinear`] starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CosInit {
    /// pi/2 + U(-1/sqrt(in), 1/sqrt(in)): cos(W) starts like the weight of a [`Linear`](super::Linear), since
    /// cos(pi/2 + e) is about -e.
    #[default]
    Centred,
    /// U(-sqrt(6/in), sqrt(6/in)): every cos(W) starts near 1, and a stack of such layers explodes.
    Kaiming,
}

impl CosInit {
    fn weight(self, fan_in: usize) -> Init {
        let (centre, bound) = match self {
            Self::Centred => (FRAC_PI_2, 1. / (fan_in as f64).sqrt()),
            Self::Kaiming => (0., (6. / fan_in as f64).sqrt()),
        };
        Init::Uniform { lo: centre - bound, up: centre + bound }
    }
}

/// An affine layer whose weight is a cosine: y = x cos(W)^T + b.
///
/// x is (..., in), W is (out, in), b is (out) and y is (..., out). No weight is larger than 1 in magnitude,
/// and the gradient of W passes through -sin(W).
#[derive(Debug, Clone)]
pub struct CosLinear {
    /// The layer whose weight is W itself.
    parameters: Linear,
}

impl CosLinear {
    /// Creates the layer with the parameters `weight` and, if `bias`, `bias` of `vb`.
    ///
    /// A new weight is drawn as `init` says, a new bias from U(-1/sqrt(in), 1/sqrt(in)).
    ///
    /// # Errors
    ///
    /// Fails when `vb` holds one of these names with another shape.
    pub fn new(
        in_features: usize,
        out_features: usize,
        bias: bool,
        init: CosInit,
        vb: VarBuilder,
    ) -> Result<Self> {
        let weight = init.weight(in_features);
        Ok(Self { parameters: Linear::with_init(in_features, out_features, bias, weight, vb)? })
    }

    /// The weight W, (out, in), before the cosine.
    pub fn weight(&self) -> &Tensor {
        self.parameters.weight()
    }

    /// The bias, (out).
    pub fn bias(&self) -> Option<&Tensor> {
        self.parameters.bias()
    }

    /// The layer with `activation` on its result, in one operation ([`cos_linear_with`]).
    ///
    /// # Errors
    ///
    /// Fails when the last axis of `x` has another length than `in`, or its dtype or device differs.
    pub fn forward_with(&self, x: &Tensor, activation: Activation) -> Result<Tensor> {
        cos_linear_with(x, self.weight(), self.bias(), activation)
    }

    /// The linear layer whose weight is W itself.
    pub fn parameters(&self) -> &Linear {
        &self.parameters
    }
}

impl Module for CosLinear {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.forward_with(x, Activation::Identity)
    }
}
