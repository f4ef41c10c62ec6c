//! What follows a layer's product.

use serde::{Deserialize, Serialize};

use crate::ops::MapKind;

/// The function act in a [`DynamicNet`](crate::nn::DynamicNet), applied element by element to what its input
/// layer and its hidden layer give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Nonlinearity {
    /// max(x, 0), [`relu`](crate::ops::relu).
    #[default]
    Relu,
    /// x / (1 + exp(-x)), [`silu`](crate::ops::silu).
    Silu,
    /// x tanh(log(1 + exp(x))), [`mish`](crate::ops::mish).
    Mish,
    /// x P(x) with the distribution function P of the standard normal distribution,
    /// [`gelu`](crate::ops::gelu).
    Gelu,
}

impl Nonlinearity {
    /// Its name in a configuration: `relu`, `silu`, `mish` or `gelu`.
    pub fn name(self) -> &'static str {
        self.function().name()
    }

    /// The function as plans know it.
    pub(super) fn function(self) -> MapKind {
        match self {
            Self::Relu => MapKind::Relu,
            Self::Silu => MapKind::Silu,
            Self::Mish => MapKind::Mish,
            Self::Gelu => MapKind::Gelu,
        }
    }
}
