//! The scalar math of the maximum and of its derivative.

use super::TieShare;
use crate::ops::elementwise::{Map, Real};

/// The larger of x and y; NaN if either is NaN.
pub(super) struct Maximum;

impl Map<2> for Maximum {
    fn apply<T: Real>(&self, [x, y]: [T; 2]) -> T {
        // Only NaN differs from itself; a NaN in y falls through to the last branch.
        #[allow(clippy::eq_op)]
        if x > y || x != x { x } else { y }
    }
}

/// The gradient of x: g where x > y, its share of g where x = y, else 0.
impl Map<3> for TieShare {
    fn apply<T: Real>(&self, [x, y, g]: [T; 3]) -> T {
        if x > y {
            g
        } else if x == y {
            match self {
                TieShare::All => g,
                TieShare::Half => g * T::HALF,
                TieShare::Nothing => T::default(),
            }
        } else {
            T::default()
        }
    }
}
