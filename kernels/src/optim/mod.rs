//! Optimisers that implement [`candle_nn::Optimizer`].

mod adamw;
mod by_name;
mod in_place;
mod optimizer;
mod schedule;

pub use adamw::{AdamW, AdamWConfig, AdamWState};
#[doc(hidden)]
pub use by_name::in_order;
pub use optimizer::OptimizerConfig;
#[doc(hidden)]
pub use optimizer::{CpuUpdate, ParameterState, Stateful, Update};
pub use schedule::Schedule;
