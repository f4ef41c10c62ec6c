//! What a training step does beside operations: gathering a batch, sums, and the check for what is not
//! finite.

mod cpu;
mod gather;

pub(super) use cpu::{add, all_finite};
pub(super) use gather::gather;

#[cfg(feature = "cuda")]
use crate::ops::launch::{Kernel, kernel};

/// Gathers the features and the targets of a batch, x (count, features) and y (count, targets).
#[cfg(feature = "cuda")]
pub const GATHER: Kernel = kernel!("batch", BATCH, "gather");

/// Sets a flag if an element is not finite.
#[cfg(feature = "cuda")]
pub const CHECK: Kernel = kernel!("batch", BATCH, "check");

/// The dense elementwise sum of two operands.
#[cfg(feature = "cuda")]
pub const ADD: Kernel = kernel!("batch", BATCH, "add");
