//! The parameters that a penalty is for.

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

/// Which parameters are penalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Penalised {
    /// Those of two axes or more: the weights of layers, and neither biases nor scales.
    #[default]
    Weights,
    /// All of them.
    All,
}

impl Penalised {
    /// Whether `parameter` is one of them.
    pub fn contains(self, parameter: &Tensor) -> bool {
        self == Self::All || parameter.rank() >= 2
    }
}
