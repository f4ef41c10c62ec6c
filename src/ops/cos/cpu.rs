//! The scalar math of the cosine and of its derivatives.

use super::QuarterTurns;
use crate::ops::elementwise::{Map, Real};

/// cos(x + n pi/2), without rounding the sum: the four functions that follow each other as derivatives.
fn shifted_cos<T: Real>(x: T, n: QuarterTurns) -> T {
    match n {
        QuarterTurns::Zero => x.cos(),
        QuarterTurns::One => -x.sin(),
        QuarterTurns::Two => -x.cos(),
        QuarterTurns::Three => x.sin(),
    }
}

/// cos(x).
pub(super) struct Cos;

impl Map<1> for Cos {
    fn apply<T: Real>(&self, [x]: [T; 1]) -> T {
        x.cos()
    }
}

/// g cos(x + n pi/2).
pub(super) struct CosGrad {
    pub(super) n: QuarterTurns,
}

impl Map<2> for CosGrad {
    fn apply<T: Real>(&self, [x, g]: [T; 2]) -> T {
        g * shifted_cos(x, self.n)
    }
}
