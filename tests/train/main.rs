//! Training, and the models that it makes.

#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub, reason = "test code")]

#[path = "../common/autograd.rs"]
mod autograd;
#[path = "../common/compare.rs"]
mod compare;
#[path = "../common/encoding.rs"]
mod encoding;
#[path = "../common/error.rs"]
mod error;
#[path = "../common/reference.rs"]
mod reference;
#[path = "../common/tensors.rs"]
mod tensors;
#[path = "../common/times.rs"]
mod times;
#[path = "../common/trajectories.rs"]
mod trajectories;

mod comparisons;
mod details;
mod engines;
mod halting;
mod losses;
mod members;
mod models;
mod plan;
mod statistics;
mod training;
mod validation;

use candle_core::Device;

/// Where the engines are compared.
fn devices() -> [Device; 1] {
    [Device::Cpu]
}
