//! What a training step does beside operations: gathering a batch, sums, and the check for what is not
//! finite.

mod columns;
mod cpu;
mod encode;
mod gather;

pub use columns::Columns;
pub(super) use columns::copy_columns;
#[cfg(feature = "cuda")]
pub(super) use columns::cuda as columns_on_cuda;
pub(super) use cpu::{add, all_finite};
pub use encode::Encoding;
#[cfg(feature = "cuda")]
pub(super) use encode::cuda as encode_on_cuda;
pub(super) use encode::encode;
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

/// Copies columns of a matrix into another.
#[cfg(feature = "cuda")]
pub const COLUMNS: Kernel = kernel!("batch", BATCH, "columns");

/// Encodes features as piecewise linear functions of themselves.
#[cfg(feature = "cuda")]
pub const ENCODE: Kernel = kernel!("batch", BATCH, "encode");
