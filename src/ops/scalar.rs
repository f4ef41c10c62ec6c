//! The types that scalar math is written in, and the elements of tensors.

use std::ops::{Add, Div, Mul, Neg, Sub};

use half::{bf16, f16};

use crate::ops::cos::{double, fused, single};
use crate::ops::half_floats;

/// A type that scalar math is written in: `f32` or `f64`. Its default is zero.
pub(crate) trait Scalar:
    Copy
    + Default
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// The smallest normal number.
    const MIN_POSITIVE: Self;
    /// The nearest number to `x`.
    fn of(x: f64) -> Self;
    fn sqrt(self) -> Self;
    fn sin(self) -> Self;
    fn cos(self) -> Self;

    /// Whether [`near_cos`](Self::near_cos) serves this argument.
    fn is_near(self) -> bool;

    /// cos(x + n pi/2) for an argument that [is near](Self::is_near) zero, without branches.
    fn near_cos(self, n: u8) -> Self;

    /// The same for instruction sets that [fuse](crate::ops::simd::has_fma), faster there and very slow elsewhere.
    fn near_cos_fused(self, n: u8) -> Self;
}

impl Scalar for f32 {
    const MIN_POSITIVE: Self = Self::MIN_POSITIVE;

    #[inline(always)]
    fn of(x: f64) -> Self {
        x as Self
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        self.sqrt()
    }

    // The libm crate and not the platform's: its results are the same everywhere, and within 1 ulp over the
    // whole range.
    fn sin(self) -> Self {
        libm::sinf(self)
    }

    fn cos(self) -> Self {
        libm::cosf(self)
    }

    #[inline(always)]
    fn is_near(self) -> bool {
        single::is_near(self)
    }

    #[inline(always)]
    fn near_cos(self, n: u8) -> Self {
        single::cos(self, n)
    }

    #[inline(always)]
    fn near_cos_fused(self, n: u8) -> Self {
        fused::single(self, n)
    }
}

impl Scalar for f64 {
    const MIN_POSITIVE: Self = Self::MIN_POSITIVE;

    #[inline(always)]
    fn of(x: f64) -> Self {
        x
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        self.sqrt()
    }

    fn sin(self) -> Self {
        libm::sin(self)
    }

    fn cos(self) -> Self {
        libm::cos(self)
    }

    #[inline(always)]
    fn is_near(self) -> bool {
        double::is_near(self)
    }

    #[inline(always)]
    fn near_cos(self, n: u8) -> Self {
        double::cos(self, n)
    }

    #[inline(always)]
    fn near_cos_fused(self, n: u8) -> Self {
        fused::double(self, n)
    }
}

/// An element of a tensor, and the [`Scalar`] it is computed in.
pub(crate) trait Element: Copy + Default + Send + Sync {
    type Compute: Scalar;
    fn widen(self) -> Self::Compute;
    fn narrow(x: Self::Compute) -> Self;
}

macro_rules! element {
    ($type:ty, $compute:ty, $widen:expr, $narrow:expr) => {
        impl Element for $type {
            type Compute = $compute;

            #[inline(always)]
            fn widen(self) -> $compute {
                $widen(self)
            }

            #[inline(always)]
            fn narrow(x: $compute) -> Self {
                $narrow(x)
            }
        }
    };
}

element!(f64, f64, f64::from, f64::from);
element!(f32, f32, f32::from, f32::from);
element!(f16, f32, half_floats::widen_f16, half_floats::narrow_f16);
element!(bf16, f32, half_floats::widen_bf16, half_floats::narrow_bf16);
