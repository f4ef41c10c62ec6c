//! How thorough a check is.

use std::fmt;

use serde::Serialize;

/// How much of a Jacobian is looked at.
///
/// Every backward is run twice, which the numbers below include. Either mode takes six more backwards for each output,
/// and five more forwards, or six where an input is not contiguous; entries that disagree are looked at with more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Every entry, ten million of them at most ([`Error::TooLarge`](super::Error::TooLarge)): two backwards for each
    /// output element, two forwards for each input element.
    #[default]
    Slow,
    /// Random projections of both sides: eight backwards for each output, eight forwards for each input, whatever
    /// their sizes.
    ///
    /// A Jacobian is seen along four random unit vectors of its output and of its input, the absolute tolerance
    /// scaled by the sums of their elements as PyTorch does for its one projection.
    ///
    /// That tolerance grows with what m n errors of atol may add up to in a Jacobian of m x n entries, so that a single
    /// entry that is wrong by less than about m n atol goes unseen. And of an elementwise function of n elements, whose
    /// Jacobian has n entries besides zeros, even errors in all of them can pass if they are below about n atol: with the
    /// default atol, and derivatives around 1, every one may be off by 10% at n = 10,000.
    ///
    /// Where fast mode fails slow mode is run to say where, and decides: what passes there passes, with a note in the
    /// report. Jacobians too large for slow mode fail with fast mode's own report.
    Fast,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Slow => "slow",
            Self::Fast => "fast",
        })
    }
}
