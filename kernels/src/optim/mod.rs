//! Optimisers that implement [`candle_nn::Optimizer`].

mod adamw;
mod by_name;
mod in_place;
mod optimizer;
mod passes;
mod penalised;
mod plateau;
mod schedule;
mod updater;
mod updates;

pub use adamw::{AdamW, AdamWConfig, AdamWState};
#[doc(hidden)]
pub use by_name::in_order;
pub use optimizer::OptimizerConfig;
#[doc(hidden)]
pub use optimizer::{CpuUpdate, ParameterState, Stateful, Update};
#[doc(hidden)]
pub use passes::Pass;
#[cfg(feature = "cuda")]
#[doc(hidden)]
pub use passes::{ADD_SQUARES, cuda};
pub use penalised::Penalised;
pub use plateau::{Plateau, Stagnation};
pub use schedule::Schedule;
#[doc(hidden)]
pub use updater::Updater;
#[doc(hidden)]
pub use updates::AVERAGE;
pub use updates::Updates;
