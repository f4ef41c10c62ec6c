//! The scalar math of the cosine and of its derivatives.

use super::{double, fma, single};
use crate::ops::elementwise::{Map, map_slices};
use crate::ops::scalar::{Element, Scalar};

/// The magnitude below which the algorithms without branches are right.
const FAST_RANGE: f64 = (1u32 << 20) as f64;

/// Whether the algorithms without branches are right for x. They are not for NaN.
#[inline(always)]
fn in_fast_range<T: Scalar>(x: T) -> bool {
    x.abs() < T::of(FAST_RANGE)
}

/// The number of quarter turns that shift a cosine. Each derivative adds one.
#[derive(Debug, Clone, Copy)]
pub(super) enum QuarterTurns {
    Zero,
    One,
    Two,
    Three,
}

impl QuarterTurns {
    pub(super) fn next(self) -> Self {
        match self {
            Self::Zero => Self::One,
            Self::One => Self::Two,
            Self::Two => Self::Three,
            Self::Three => Self::Zero,
        }
    }
}

/// cos(x + n pi/2) without rounding the sum: a cosine and its derivatives in turn.
///
/// The functions are those of the libm crate and not the platform's: they are the same everywhere, and within
/// 1 ulp over the whole range.
fn shifted_cos<T: Scalar>(x: T, n: QuarterTurns) -> T {
    match n {
        QuarterTurns::Zero => x.by_type(libm::cosf, libm::cos),
        QuarterTurns::One => -x.by_type(libm::sinf, libm::sin),
        QuarterTurns::Two => -x.by_type(libm::cosf, libm::cos),
        QuarterTurns::Three => x.by_type(libm::sinf, libm::sin),
    }
}

/// cos(x).
#[derive(Clone, Copy)]
pub(super) struct Cos;

impl Map<1> for Cos {
    #[inline(always)]
    fn apply<T: Scalar>(&self, [x]: [T; 1]) -> T {
        x.by_type_with(0, single::cos, double::cos)
    }

    #[inline(always)]
    fn apply_fma<T: Scalar>(&self, [x]: [T; 1]) -> T {
        x.by_type_with(0, fma::single, fma::double)
    }

    #[inline(always)]
    fn in_fast_range<T: Scalar>(&self, [x]: [T; 1]) -> bool {
        in_fast_range(x)
    }

    fn apply_slow<T: Scalar>(&self, [x]: [T; 1]) -> T {
        shifted_cos(x, QuarterTurns::Zero)
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
        g * x.by_type_with(self.n as u8, single::cos, double::cos)
    }

    #[inline(always)]
    fn apply_fma<T: Scalar>(&self, [x, g]: [T; 2]) -> T {
        g * x.by_type_with(self.n as u8, fma::single, fma::double)
    }

    #[inline(always)]
    fn in_fast_range<T: Scalar>(&self, [x, _]: [T; 2]) -> bool {
        in_fast_range(x)
    }

    fn apply_slow<T: Scalar>(&self, [x, g]: [T; 2]) -> T {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fast_range_ends_at_2_to_the_20() {
        fn check<T: Scalar>() {
            let in_range = [0., 1.04e6, -1.04e6].map(|x| in_fast_range(T::of(x)));
            assert_eq!(in_range, [true; 3]);
            let outside = [FAST_RANGE, -FAST_RANGE, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
            assert_eq!(outside.map(|x| in_fast_range(T::of(x))), [false; 5]);
        }
        check::<f32>();
        check::<f64>();
    }
}
