//! The types that scalar math is written in, and the elements of tensors.

use std::ops::{Add, Div, Mul, Neg, Sub};

use half::{bf16, f16};

use crate::ops::half_floats;

/// A type that scalar math is written in: `f32` or `f64`. Its default is zero.
#[allow(clippy::return_self_not_must_use)]
pub trait Scalar:
    Copy
    + Default
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// The smallest positive normal number.
    const MIN_POSITIVE: Self;

    /// The number nearest to `x`.
    fn of(x: f64) -> Self;

    /// |x|.
    fn abs(self) -> Self;

    /// The square root.
    fn sqrt(self) -> Self;

    /// Calls the function for this type, as an operation has to whose algorithm depends on the precision:
    /// `x.by_type(libm::tanhf, libm::tanh)`.
    fn by_type(self, single: impl Fn(f32) -> f32, double: impl Fn(f64) -> f64) -> Self;

    /// Calls the function for this type with one more argument.
    ///
    /// That argument is passed and not captured, because a closure is a function of its own, which the
    /// compiler need not inline; a loop around it would not become vectors.
    fn by_type_with<A: Copy>(
        self,
        argument: A,
        single: impl Fn(f32, A) -> f32,
        double: impl Fn(f64, A) -> f64,
    ) -> Self;
}

macro_rules! scalar {
    ($type:ident, $single:ident, $double:ident, $chosen:ident) => {
        impl Scalar for $type {
            const MIN_POSITIVE: Self = Self::MIN_POSITIVE;

            #[inline(always)]
            fn of(x: f64) -> Self {
                x as Self
            }

            #[inline(always)]
            fn abs(self) -> Self {
                self.abs()
            }

            #[inline(always)]
            fn sqrt(self) -> Self {
                self.sqrt()
            }

            #[inline(always)]
            fn by_type(self, $single: impl Fn(f32) -> f32, $double: impl Fn(f64) -> f64) -> Self {
                $chosen(self)
            }

            #[inline(always)]
            fn by_type_with<A: Copy>(
                self,
                argument: A,
                $single: impl Fn(f32, A) -> f32,
                $double: impl Fn(f64, A) -> f64,
            ) -> Self {
                $chosen(self, argument)
            }
        }
    };
}

scalar!(f32, single, _double, single);
scalar!(f64, _single, double, double);

/// An element of a tensor, and the [`Scalar`] it is computed in.
pub trait Element: Copy + Default + Send + Sync {
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
