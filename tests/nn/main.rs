//! Networks, their predictions, and the optimiser.

#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub, reason = "test code")]

#[path = "../common/compare.rs"]
mod compare;
#[path = "../common/encoding.rs"]
mod encoding;
#[path = "../common/error.rs"]
mod error;
#[path = "../common/half_moments.rs"]
mod half_moments;
#[path = "../common/reference.rs"]
mod reference;
#[path = "../common/tensors.rs"]
mod tensors;

mod networks;
mod optimizer;
mod optimizer_state;
mod prediction;
mod updates;
