//! The scalar math of the product.

use crate::ops::elementwise::{Map, Real};

/// x y.
pub(super) struct Mul;

impl Map<2> for Mul {
    fn apply<T: Real>(&self, [x, y]: [T; 2]) -> T {
        x * y
    }
}
