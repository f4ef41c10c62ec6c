//! Optimisers that implement [`candle_nn::Optimizer`].

mod adamw;

pub use adamw::{AdamW, AdamWConfig, AdamWState};
