//! The elementwise functions that a training plan can be made of: a list of one line for each.

#[cfg(feature = "cuda")]
use crate::ops::launch::Kernel;
use crate::ops::scalar::Element;
use crate::ops::{cos, relu};

/// An elementwise function of one operand, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[doc(hidden)]
pub enum MapKind {
    /// [`relu`](crate::ops::relu()).
    Relu,
    /// [`cos`](crate::ops::cos()).
    Cos,
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
    #[cfg(feature = "cuda")]
    pub const ALL: [Self; 2] = [Self::Relu, Self::Cos];

    /// Its name, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Relu => "relu",
            Self::Cos => "cos",
        }
    }

    /// What the backward is computed from.
    pub fn saves(self) -> Saved {
        match self {
            Self::Relu => Saved::Result,
            Self::Cos => Saved::Operand,
        }
    }

    /// out <- f(x), on slices of one length.
    pub(super) fn forward<T: Element>(self, x: &[T], out: &mut [T]) {
        match self {
            Self::Relu => relu::forward(x, out),
            Self::Cos => cos::cpu::forward(x, out),
        }
    }

    /// out <- f'(.) grad, on slices of one length.
    pub(super) fn backward<T: Element>(self, saved: &[T], grad: &[T], out: &mut [T]) {
        match self {
            Self::Relu => relu::backward(saved, grad, out),
            Self::Cos => cos::cpu::backward(saved, grad, out),
        }
    }

    /// The dense kernels of the function, of one operand, and of its derivative, of two.
    #[cfg(feature = "cuda")]
    pub fn kernels(self) -> [Kernel; 2] {
        match self {
            Self::Relu => relu::KERNELS,
            Self::Cos => cos::KERNELS,
        }
    }
}
