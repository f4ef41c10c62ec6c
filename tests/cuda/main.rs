//! CUDA against the CPU, on a GPU or on the emulator of `tests/cuda_emulator`.

#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub, reason = "test code")]

#[path = "../common/autograd.rs"]
mod autograd;
#[path = "../common/compare.rs"]
mod compare;
#[path = "../common/cosines.rs"]
mod cosines;
#[path = "../common/custom_op.rs"]
mod custom_op;
#[path = "../common/derivatives.rs"]
mod derivatives;
#[path = "../common/error.rs"]
mod error;
#[path = "../common/half_moments.rs"]
mod half_moments;
#[path = "../common/long_sums.rs"]
mod long_sums;
#[path = "../common/plain.rs"]
mod plain;
#[path = "../common/reference.rs"]
mod reference;
#[path = "../common/second_order.rs"]
mod second_order;
#[path = "../common/tensors.rs"]
mod tensors;
#[path = "../common/trajectories.rs"]
mod trajectories;

mod command_line;
mod cosine;
mod errors;
mod gradcheck;
mod graphs;
mod large;
mod launches;
mod layers;
mod many_terms;
mod operations;
mod optimizer;
mod parity;
mod training;

/// The engines are compared on the GPU as on the CPU.
#[path = "../train/engines.rs"]
mod engines;
#[path = "../train/losses.rs"]
mod losses;

use candle_core::Device;

/// Where the engines are compared.
fn devices() -> [Device; 1] {
    [parity::gpu()]
}
