//! How a tie divides the gradient of a maximum.

/// The operand that gets the gradient of a [`maximum`](crate::ops::maximum) where both are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TieGrad {
    /// Half to each operand, as in PyTorch and JAX.
    #[default]
    Split,
    /// All of it to the first operand.
    First,
    /// All of it to the second operand.
    Second,
}

impl TieGrad {
    /// The shares of the first and the second operand, in halves.
    pub(super) fn halves(self) -> (u8, u8) {
        match self {
            Self::Split => (1, 1),
            Self::First => (2, 0),
            Self::Second => (0, 2),
        }
    }
}
