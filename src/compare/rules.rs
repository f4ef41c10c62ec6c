//! What is asked.

use crate::statistics::Bootstrap;

/// What is asked of measurements.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// The arm with which all others are compared.
    pub reference: usize,
    /// The region of practical equivalence: a log ratio of errors of this size or less makes no difference.
    /// 0.01 is about 1 % of the error.
    pub rope: f64,
    /// The level of intervals and verdicts.
    pub level: f64,
    /// How often the bootstrap draws.
    pub draws: usize,
    /// The seed of the bootstrap.
    pub seed: u64,
}

impl Default for Rules {
    fn default() -> Self {
        Self { reference: 0, rope: 0.01, level: 0.95, draws: Bootstrap::DRAWS, seed: 1 }
    }
}
