//! Layers and the network, all built on the operations of [`ops`](crate::ops).
//!
//! Parameters live in a Candle [`VarMap`](candle_nn::VarMap) under their usual names. [`seeded_builder`]
//! makes the [`VarBuilder`](candle_nn::VarBuilder) that creates them from a random stream of your own, since
//! Candle's CPU generator cannot be seeded.

mod block;
mod cos_linear;
mod dynamic_net;
mod encoding;
pub(crate) mod forward;
mod halting;
mod init;
mod layer;
mod linear;
mod nonlinearity;
mod norm;
mod spec;

pub use block::Block;
pub use cos_linear::{CosInit, CosLinear};
pub use dynamic_net::DynamicNet;
pub(crate) use dynamic_net::Outputs;
pub(crate) use encoding::EncodingLayer;
pub use halting::Halting;
pub(crate) use halting::{Gate, Weighted, going_on_at};
pub use init::{named_vars, seeded_builder};
pub use layer::{Layer, LayerKind};
pub use linear::Linear;
pub use nonlinearity::Nonlinearity;
pub use norm::Norm;
pub(crate) use norm::NormLayer;
pub use spec::*;
