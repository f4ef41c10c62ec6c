//! The scalar math of the maximum and of its derivative.

use super::{TieGrad, TieShare};
use crate::ops::Real;
use crate::ops::elementwise::Map;

/// The larger of x and y; NaN if either is NaN.
pub(super) struct Maximum {
    /// Only the derivative asks for it.
    pub(super) tie: TieGrad,
}

impl Map<2> for Maximum {
    #[inline(always)]
    fn apply<T: Real>(&self, [x, y]: [T; 2]) -> T {
        // Only NaN differs from itself; a NaN in y falls through to the last branch.
        #[allow(clippy::eq_op)]
        if x > y || x != x { x } else { y }
    }
}

/// The gradient of x: g where x > y, its share of g where x = y, else 0.
pub(super) struct MaximumGrad {
    pub(super) share: TieShare,
}

impl Map<3> for MaximumGrad {
    #[inline(always)]
    fn apply<T: Real>(&self, [x, y, g]: [T; 3]) -> T {
        if x > y {
            g
        } else if x == y {
            match self.share {
                TieShare::All => g,
                TieShare::Half => g * T::HALF,
                TieShare::Nothing => T::default(),
            }
        } else {
            T::default()
        }
    }
}
