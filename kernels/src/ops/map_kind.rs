//! The elementwise functions that a training plan can be made of: a list of one line for each.

use candle_core::{Result, Tensor};

#[cfg(feature = "cuda")]
use crate::ops::launch::Kernel;
use crate::ops::scalar::Element;
use crate::ops::{cos, gelu, mish, relu, silu};

/// An elementwise function of one operand, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[doc(hidden)]
pub enum MapKind {
    /// [`relu`](crate::ops::relu()).
    Relu,
    /// [`cos`](crate::ops::cos()).
    Cos,
    /// [`silu`](crate::ops::silu()).
    Silu,
    /// [`mish`](crate::ops::mish()).
    Mish,
    /// [`gelu`](crate::ops::gelu()).
    Gelu,
}

/// What a function's derivative is computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[doc(hidden)]
pub enum Saved {
    /// From x.
    Operand,
    /// From f(x).
    Result,
}

impl MapKind {
    /// All functions.
    pub const ALL: [Self; 5] = [Self::Relu, Self::Cos, Self::Silu, Self::Mish, Self::Gelu];

    /// Its name, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Relu => "relu",
            Self::Cos => "cos",
            Self::Silu => "silu",
            Self::Mish => "mish",
            Self::Gelu => "gelu",
        }
    }

    /// What the backward is computed from.
    pub fn saves(self) -> Saved {
        match self {
            Self::Relu => Saved::Result,
            Self::Cos | Self::Silu | Self::Mish | Self::Gelu => Saved::Operand,
        }
    }

    /// f(x) as a differentiable operation.
    ///
    /// # Errors
    ///
    /// Fails when `x` is not floating-point.
    pub fn of(self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Relu => relu(x),
            Self::Cos => cos(x),
            Self::Silu => silu(x),
            Self::Mish => mish(x),
            Self::Gelu => gelu(x),
        }
    }

    /// out <- f(x), on slices of one length.
    pub(super) fn forward<T: Element>(self, x: &[T], out: &mut [T]) {
        match self {
            Self::Relu => relu::forward(x, out),
            Self::Cos => cos::cpu::forward(x, out),
            Self::Silu => silu::forward(x, out),
            Self::Mish => mish::forward(x, out),
            Self::Gelu => gelu::forward(x, out),
        }
    }

    /// out <- f'(.) grad, on slices of one length.
    pub(super) fn backward<T: Element>(self, saved: &[T], grad: &[T], out: &mut [T]) {
        match self {
            Self::Relu => relu::backward(saved, grad, out),
            Self::Cos => cos::cpu::backward(saved, grad, out),
            Self::Silu => silu::backward(saved, grad, out),
            Self::Mish => mish::backward(saved, grad, out),
            Self::Gelu => gelu::backward(saved, grad, out),
        }
    }

    /// The dense kernels of the function, of one operand, and of its derivative, of two.
    #[cfg(feature = "cuda")]
    pub fn kernels(self) -> [Kernel; 2] {
        match self {
            Self::Relu => relu::KERNELS,
            Self::Cos => cos::KERNELS,
            Self::Silu => silu::KERNELS,
            Self::Mish => mish::KERNELS,
            Self::Gelu => gelu::KERNELS,
        }
    }
}
