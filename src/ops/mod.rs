//! Differentiable operations for Candle: the elementwise [`mul`], [`maximum`] (with [`relu`]) and [`cos`], the layers
//! [`linear`] and [`cos_linear`], each with its relu in one operation, and the loss [`mse`].
//!
//! Every operation
//!
//! - takes tensors of `f16`, `bf16`, `f32` or `f64`, of any layout: contiguous, transposed, narrowed, broadcast
//!   (stride 0), with no elements or no dimensions;
//! - if it is elementwise, broadcasts its operands like Candle's `broadcast_*` methods;
//! - has a backward that is itself made of differentiable operations, so derivatives of every order are right.
//!   Candle keeps the graph of a backward when the environment has `CANDLE_GRAD_DO_NOT_DETACH=1`;
//! - computes no gradient for a constant operand, one that leads to no [`Var`](candle_core::Var);
//! - returns an error that names the operation and its operands when dtypes, shapes or devices do not fit.
//!
//! `f16` and `bf16` are widened to `f32`, computed there and rounded once. CPU and CUDA tensors are served, the latter
//! with the feature `cuda`.
//!
//! # Adding an operation
//!
//! An elementwise operation is a folder: `cpu.rs` has its scalar math as a `Map`, a `.cu` file of the folder's name the same math
//! for CUDA, and `mod.rs` the public function and the derivative as an `Elementwise`. Loops, layouts and dtypes are
//! written once: in `elementwise.rs` and `axes.rs` for the CPU, in `elementwise.cuh` and `launch.rs` for CUDA. Another
//! operation implements Candle's `CustomOp` itself, on the slices that `elements.rs` finds. Then add the folder to the
//! list below.

mod axes;
mod custom;
mod elements;
mod elementwise;
mod half_floats;
pub(crate) mod kernels;
#[cfg(feature = "cuda")]
pub(crate) mod launch;
mod operands;
mod scalar;
mod simd;
/// The PTX of every `.cu` file as a constant, made by `build.rs`.
#[cfg(feature = "cuda")]
#[allow(unreachable_pub)]
pub(crate) mod ptx {
    include!(concat!(env!("OUT_DIR"), "/ptx.rs"));
}

mod cos;
mod linear;
mod maximum;
mod mse;
mod mul;

pub use cos::cos;
pub use linear::{Activation, cos_linear, cos_linear_with, linear, linear_with};
pub use maximum::{TieGrad, maximum, maximum_with, relu};
pub use mse::mse;
pub use mul::mul;
