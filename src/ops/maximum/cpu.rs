//! The scalar math of the maximum and of its derivative.

use super::TieGrad;
use crate::ops::elementwise::{Map, map_slices};
use crate::ops::scalar::{Element, Scalar};

/// The larger of x and y; NaN if either is NaN.
#[derive(Clone, Copy)]
pub(super) struct Maximum {
    /// Only the derivative asks for it.
    pub(super) tie: TieGrad,
}

impl Map<2> for Maximum {
    #[inline(always)]
    fn apply<T: Scalar>(&self, [x, y]: [T; 2]) -> T {
        // One instruction, and y if either is NaN.
        let larger = if x > y { x } else { y };
        // Only NaN differs from itself.
        #[allow(clippy::eq_op)]
        if x == x { larger } else { x }
    }
}

/// The gradient of x: g where x > y, HALVES halves of g where x = y, else 0.
///
/// The share is a part of the type and not a field: a choice in the loop would keep it from becoming vectors.
#[derive(Clone, Copy)]
pub(super) struct MaximumGrad<const HALVES: u8>;

impl<const HALVES: u8> Map<3> for MaximumGrad<HALVES> {
    #[inline(always)]
    fn apply<T: Scalar>(&self, [x, y, g]: [T; 3]) -> T {
        let zero = T::default();
        let tie = match HALVES {
            0 => zero,
            1 => g * T::of(0.5),
            _ => g,
        };
        // Choices between values that are there already are no branches.
        let otherwise = if x == y { tie } else { zero };
        if x > y { g } else { otherwise }
    }
}

/// max(x, 0), or NaN for NaN.
#[derive(Clone, Copy)]
struct Relu;

impl Map<1> for Relu {
    #[inline(always)]
    fn apply<T: Scalar>(&self, [x]: [T; 1]) -> T {
        // NaN is not below zero.
        if x < T::default() { T::default() } else { x }
    }
}

/// g where the relu's result is positive, else 0.
#[derive(Clone, Copy)]
struct ReluBackward;

impl Map<2> for ReluBackward {
    #[inline(always)]
    fn apply<T: Scalar>(&self, [output, g]: [T; 2]) -> T {
        if output > T::default() { g } else { T::default() }
    }
}

/// z <- max(x, 0), on slices of one length.
pub(in crate::ops) fn relu<T: Element>(x: &[T], z: &mut [T]) {
    map_slices(&Relu, [x], z);
}

/// dx <- dz where the relu's result z is positive, else 0, on slices of one length.
pub(in crate::ops) fn relu_backward<T: Element>(output: &[T], grad: &[T], x_grad: &mut [T]) {
    map_slices(&ReluBackward, [output, grad], x_grad);
}
