//! The ways to call a function under check.

use std::fmt;

use serde::Serialize;

/// A way to call a function that must not change what it computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Context {
    /// The inputs are contiguous.
    Contiguous,
    /// The inputs are laid out as by [`strided`](super::strided).
    Strided,
    /// The inputs are results of an operation instead of leaves of the graph.
    Intermediate,
    /// A single input is tracked, and all others are constants.
    Alone,
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Contiguous => "the inputs are contiguous",
            Self::Strided => "the inputs are strided",
            Self::Intermediate => "the inputs are results of an operation instead of leaves of the graph",
            Self::Alone => "no other input is tracked",
        })
    }
}

impl Context {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Contiguous, Self::Strided, Self::Intermediate, Self::Alone];

    /// Whether a difference in values is one between memory layouts.
    pub(super) fn is_layout(self) -> bool {
        matches!(self, Self::Contiguous | Self::Strided)
    }
}
