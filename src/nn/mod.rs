//! Layers, the loss and the network, all built on the operations of [`ops`](crate::ops).
//!
//! Parameters live in a Candle [`VarMap`](candle_nn::VarMap) under their usual names. [`seeded_builder`] makes the
//! [`VarBuilder`](candle_nn::VarBuilder) that creates them from a random stream of your own, since Candle's CPU
//! generator cannot be seeded.

mod cos_linear;
mod dynamic_net;
mod init;
mod layer;
mod linear;
mod loss;
mod predictor;

pub use cos_linear::{CosInit, CosLinear};
pub use dynamic_net::{DynamicNet, DynamicNetConfig};
pub use init::{named_vars, seeded_builder};
pub use layer::{Layer, LayerKind};
pub use linear::Linear;
pub use loss::mse_loss;
pub use predictor::{Float, Prediction, Predictor};
