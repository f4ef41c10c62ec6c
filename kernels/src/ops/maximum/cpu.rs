//! The scalar math of the maximum and of its derivative.

use super::tie::TieGrad;
use crate::ops::elementwise::Map;
use crate::ops::scalar::Scalar;

/// The larger of x and y; NaN if either is NaN.
#[derive(Clone, Copy)]
pub(super) struct Maximum {
    /// Used by the derivative alone.
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
/// The share is part of the type and not a field, because a choice in the loop would keep it from becoming
/// vectors.
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
        // A choice between two values that are computed already is not a branch.
        let otherwise = if x == y { tie } else { zero };
        if x > y { g } else { otherwise }
    }
}
