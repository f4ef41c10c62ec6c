//! Differentiable operations for Candle: the elementwise [`mul`], [`maximum`] and [`cos`], the
//! activations [`relu`], [`silu`], [`mish`] and [`gelu`], the layers [`linear`] and [`cos_linear`], each with
//! its relu in one operation, the normalisations [`rms_norm`], [`layer_norm`] and [`batch_norm`],
//! [`softmax`] and [`log_softmax`], [`dropout`], and the losses [`mse`], [`mae`], [`huber`] and [`pinball`].
//!
//! Every operation
//!
//! - takes tensors of `f16`, `bf16`, `f32` or `f64` in any layout: contiguous, transposed, narrowed,
//!   broadcast (stride 0), with no elements or no dimensions;
//! - broadcasts its operands like Candle's `broadcast_*` methods if it is elementwise;
//! - has a backward made of differentiable operations, so derivatives of every order are right. Candle keeps
//!   the graph of a backward when the environment has `CANDLE_GRAD_DO_NOT_DETACH=1`;
//! - computes no gradient for a constant operand, one that leads to no [`Var`](candle_core::Var);
//! - returns an error that names the operation and its operands when dtypes, shapes or devices do not match.
//!
//! `f16` and `bf16` are widened to `f32`, computed there and rounded once. Tensors may be on the CPU, or with
//! the feature `cuda` on CUDA.
//!
//! # Adding an operation
//!
//! An elementwise operation is a folder and its two lines, `mod` and `pub use`, in the list at the end of
//! this file:
//!
//! - `cpu.rs` has the scalar math. For one operand that is a `Function`: f(x) and g f'(x), generic over
//!   `Scalar`. `x.by_type(libm::tanhf, libm::tanh)` calls a function that exists once for each precision.
//! - `NAME.cu`, named like the folder, has the same math for CUDA.
//! - `mod.rs` has the public function, which calls `unary::apply`; the operation as a `Unary`, with its name,
//!   its kernels and f''(x) made of tensors; and its own tests. `relu` is an example.
//!
//! With more operands, or with a faster algorithm for some arguments, it implements `Map` for the math and
//! `Elementwise` for the derivative itself, like `mul` and `cos`. Either way loops, layouts, dtypes and
//! threads are written once: in `elementwise.rs` and `axes.rs` for the CPU, in `elementwise.cuh` and
//! `launch.rs` for CUDA. Any other operation implements Candle's `CustomOp` itself, on the slices that
//! `elements.rs` finds, like `mse`. A loss that is the mean of a function of differences states that function
//! alone, like `mae`: the sums are written once, in `difference` and in `loss.cuh`.
//!
//! Then the operation gets a row in the tables that test all of them: `tests/ops/operations.rs` with its
//! reference values from PyTorch (`tests/reference/make.py`), `tests/ops/properties.rs`,
//! `tests/common/derivatives.rs`, `tests/cuda/parity.rs`, and the gradient checks in `src/audit/own.rs`.

mod axes;
mod batch;
mod broadcast;
mod custom;
mod difference;
mod elements;
mod elementwise;
mod half_floats;
#[doc(hidden)]
pub mod kernels;
#[cfg(feature = "cuda")]
pub(crate) mod launch;
mod loss;
mod map_kind;
mod operands;
mod scalar;
pub(crate) mod simd;
mod smooth;

pub use simd::instruction_set;
#[cfg(test)]
mod testing;
mod unary;
/// The PTX of each `.cu` file as a constant, made by `build.rs`.
#[cfg(feature = "cuda")]
#[allow(unreachable_pub)]
pub(crate) mod ptx {
    include!(concat!(env!("OUT_DIR"), "/ptx.rs"));
}

mod cos;
mod dropout;
mod gelu;
mod halting;
mod huber;
mod linear;
mod mae;
mod maximum;
mod mish;
mod mse;
mod mul;
mod norm;
mod pinball;
mod relu;
mod silu;
mod softmax;

pub use cos::cos;
pub use dropout::{Dropout, dropout, seed_of};
pub use gelu::gelu;
pub use halting::Prior;
pub use huber::huber;
pub use linear::{Activation, cos_linear, cos_linear_with, linear, linear_with};
pub use loss::Loss;
pub use mae::mae;
pub use map_kind::{MapKind, Saved};
pub use maximum::{TieGrad, maximum, maximum_with};
pub use mish::mish;
pub use mse::mse;
pub use mul::mul;
pub use norm::{NormKind, batch_norm, layer_norm, rms_norm};
pub use pinball::{Quantiles, pinball};
pub use relu::relu;
pub use silu::silu;
pub use softmax::{log_softmax, softmax, softmax_last_dim};
