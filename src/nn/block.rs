//! What the hidden layer does to the activations at each application.

use serde::{Deserialize, Serialize};

/// How the next activations follow from the last ones, h, in a [`DynamicNet`](crate::nn::DynamicNet) whose
/// input layer gives U x + c and whose [`Nonlinearity`](crate::nn::Nonlinearity) is act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Block {
    /// act(W h + b).
    #[default]
    Plain,
    /// h + act(W h + b): the layer learns a change (He and others, 2015).
    Residual,
    /// act(W h + b + U x + c): the features come in again at each application, so that what it iterates
    /// depends on them and not only on where it began (the recall of Bansal and others, 2022).
    Injection,
}

impl Block {
    /// Its name in a configuration: `plain`, `residual` or `injection`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Residual => "residual",
            Self::Injection => "injection",
        }
    }
}
