//! Optimisers that implement [`candle_nn::Optimizer`].

mod adamw;
mod in_place;

pub use adamw::{AdamW, AdamWConfig, AdamWState};
#[cfg(feature = "cuda")]
pub(crate) use adamw::{Rates, cuda as adamw_cuda};
