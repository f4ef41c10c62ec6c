//! Optimisers that implement [`candle_nn::Optimizer`].

mod adamw;
mod in_place;
mod optimizer;

pub use adamw::{AdamW, AdamWConfig, AdamWState};
pub use optimizer::OptimizerConfig;
pub(crate) use optimizer::{ParameterState, Stateful, Update};
