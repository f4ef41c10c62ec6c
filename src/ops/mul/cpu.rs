//! The scalar math of the product.

use crate::ops::Real;
use crate::ops::elementwise::Map;

/// x y.
#[derive(Clone, Copy)]
pub(super) struct Mul;

impl Map<2> for Mul {
    #[inline(always)]
    fn apply<T: Real>(&self, [x, y]: [T; 2]) -> T {
        x * y
    }
}
