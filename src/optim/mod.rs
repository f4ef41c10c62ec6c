//! Optimisers that implement [`candle_nn::Optimizer`].

mod adamw;
mod in_place;

#[cfg(feature = "cuda")]
pub(crate) use adamw::cuda as adamw_cuda;
pub use adamw::{AdamW, AdamWConfig, AdamWState};
pub(crate) use adamw::{StepCoefficients, cpu as adamw_cpu};
