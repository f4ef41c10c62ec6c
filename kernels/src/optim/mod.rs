//! Optimisers that implement [`candle_nn::Optimizer`].

mod adamw;
mod in_place;
mod optimizer;

pub use adamw::{AdamW, AdamWConfig, AdamWState};
pub use optimizer::OptimizerConfig;
#[doc(hidden)]
pub use optimizer::{CpuUpdate, ParameterState, Stateful, Update};
