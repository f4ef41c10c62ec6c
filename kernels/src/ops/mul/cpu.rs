//! The scalar math of the product.

use crate::ops::elementwise::Map;
use crate::ops::scalar::Scalar;

/// x y.
#[derive(Clone, Copy)]
pub(super) struct Mul;

impl Map<2> for Mul {
    #[inline(always)]
    fn apply<T: Scalar>(&self, [x, y]: [T; 2]) -> T {
        x * y
    }
}
