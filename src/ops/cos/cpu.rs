//! The scalar math of the cosine and of its derivatives.

use super::QuarterTurns;
use crate::ops::elementwise::{Map, map_slices};
use crate::ops::scalar::{Element, Scalar};

/// cos(x + n pi/2), without rounding the sum: the four functions that follow each other as derivatives.
fn shifted_cos<T: Scalar>(x: T, n: QuarterTurns) -> T {
    match n {
        QuarterTurns::Zero => x.cos(),
        QuarterTurns::One => -x.sin(),
        QuarterTurns::Two => -x.cos(),
        QuarterTurns::Three => x.sin(),
    }
}

/// cos(x).
#[derive(Clone, Copy)]
pub(super) struct Cos;

impl Map<1> for Cos {
    #[inline(always)]
    fn apply<T: Scalar>(&self, [x]: [T; 1]) -> T {
        x.near_cos(0)
    }

    #[inline(always)]
    fn apply_fused<T: Scalar>(&self, [x]: [T; 1]) -> T {
        x.near_cos_fused(0)
    }

    #[inline(always)]
    fn is_usual<T: Scalar>(&self, [x]: [T; 1]) -> bool {
        x.is_near()
    }

    fn apply_unusual<T: Scalar>(&self, [x]: [T; 1]) -> T {
        x.cos()
    }
}

/// g cos(x + n pi/2).
#[derive(Clone, Copy)]
pub(super) struct CosGrad {
    pub(super) n: QuarterTurns,
}

impl Map<2> for CosGrad {
    #[inline(always)]
    fn apply<T: Scalar>(&self, [x, g]: [T; 2]) -> T {
        g * x.near_cos(self.n as u8)
    }

    #[inline(always)]
    fn apply_fused<T: Scalar>(&self, [x, g]: [T; 2]) -> T {
        g * x.near_cos_fused(self.n as u8)
    }

    #[inline(always)]
    fn is_usual<T: Scalar>(&self, [x, _]: [T; 2]) -> bool {
        x.is_near()
    }

    fn apply_unusual<T: Scalar>(&self, [x, g]: [T; 2]) -> T {
        g * shifted_cos(x, self.n)
    }
}

/// z <- cos(x), on slices of one length.
pub(crate) fn forward<T: Element>(x: &[T], z: &mut [T]) {
    map_slices(&Cos, [x], z);
}

/// dx <- -sin(x) dz, on slices of one length.
pub(crate) fn backward<T: Element>(x: &[T], grad: &[T], x_grad: &mut [T]) {
    map_slices(&CosGrad { n: QuarterTurns::One }, [x, grad], x_grad);
}
