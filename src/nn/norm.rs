//! The normalisation of activations.

use candle_core::{Module, Result, Tensor};
use candle_nn::{Init, VarBuilder};
use serde::{Deserialize, Serialize};

use crate::ops::{NormKind, layer_norm, rms_norm};

/// How a [`DynamicNet`](crate::nn::DynamicNet) normalises the activations of a row before its hidden layer, at
/// each application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Norm {
    /// Not at all.
    #[default]
    None,
    /// Divided by their root mean square, with a scale that is learnt ([`rms_norm`]).
    Rms,
    /// Brought to mean 0 and standard deviation 1, with a scale and a shift that are learnt ([`layer_norm`]).
    Layer,
}

impl Norm {
    /// Its name in a configuration: `none`, `rms` or `layer`.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Rms => "rms",
            Self::Layer => "layer",
        }
    }

    /// The operation, if there is one.
    pub(super) fn kind(self) -> Option<NormKind> {
        match self {
            Self::None => None,
            Self::Rms => Some(NormKind::Rms),
            Self::Layer => Some(NormKind::Layer),
        }
    }
}

/// A normalisation with its parameters.
#[derive(Debug, Clone)]
pub(crate) struct NormLayer {
    kind: NormKind,
    scale: Tensor,
    shift: Option<Tensor>,
}

impl NormLayer {
    /// Creates it for rows of `width` activations with the parameters `weight`, of ones, and if it is centred
    /// `bias`, of zeros, of `vb`.
    pub(super) fn new(kind: NormKind, width: usize, vb: &VarBuilder) -> Result<Self> {
        let scale = vb.get_with_hints(width, "weight", Init::Const(1.))?;
        let shift =
            kind.is_centred().then(|| vb.get_with_hints(width, "bias", Init::Const(0.))).transpose()?;
        Ok(Self { kind, scale, shift })
    }

    pub(crate) fn kind(&self) -> NormKind {
        self.kind
    }

    /// (width), named `weight` as in PyTorch.
    pub(crate) fn scale(&self) -> &Tensor {
        &self.scale
    }

    /// (width), named `bias` as in PyTorch.
    pub(crate) fn shift(&self) -> Option<&Tensor> {
        self.shift.as_ref()
    }

    /// The parameters with their names.
    pub(super) fn named_parameters(&self) -> impl Iterator<Item = (&'static str, &Tensor)> {
        [("weight", &self.scale)].into_iter().chain(self.shift.as_ref().map(|shift| ("bias", shift)))
    }

    /// The same with constants as parameters.
    pub(super) fn detached(&self) -> Self {
        Self { kind: self.kind, scale: self.scale.detach(), shift: self.shift.as_ref().map(Tensor::detach) }
    }
}

impl Module for NormLayer {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match &self.shift {
            None => rms_norm(x, &self.scale),
            Some(shift) => layer_norm(x, &self.scale, shift),
        }
    }
}
