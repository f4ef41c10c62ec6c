//! A network as a list of instructions: its training step at each depth, and its prediction.
//!
//! A step of a small network is known before its first row: products with an epilogue, maps, sums, a loss,
//! updates. So it is written down once as data, for each depth, and then only executed:
//!
//! ```text
//! DynamicNet::forward_with      the network, once, for Candle and for plans
//!   -> graph                    forward instructions in single assignment; the gradient by a rule for each of them
//!   -> rewrite                  fused: bias, activation, sums and the gradient of a relu into their product
//!   -> memory                   values that never live at the same time share a buffer
//!   -> execute                  one kernel for each instruction, on the CPU or on CUDA
//! ```
//!
//! A step allocates nothing and waits for nothing. [`Predictor`] executes the forward instructions alone. A
//! new layer, loss or optimiser is an instruction or a function with its rule and its kernels; nobody writes
//! the backward of a network by hand. The idea of gradients as a table of rules is that of tinygrad's
//! `gradient.py`.
//!
//! [`Plan`] shows the instructions of a network with their floating-point operations and bytes.

mod compile;
mod cost;
pub(crate) mod cpu;
#[cfg(feature = "cuda")]
pub(crate) mod cuda;
mod device;
mod execute;
mod exits;
mod graph;
mod inference;
mod instruction;
mod listing;
mod memory;
mod numbered;
mod predictor;
mod rewrite;
mod steps;
#[cfg(test)]
mod tests;
mod training;

pub(crate) use compile::shares;
pub(crate) use device::Device;
pub use exits::Exits;
pub(crate) use instruction::{Epilogue, Factor, Instruction, Value};
pub use listing::{Line, Plan};
pub use predictor::{Prediction, Predictor};
pub(crate) use steps::Steps;
pub(crate) use training::Training;
