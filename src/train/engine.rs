//! What carries out the steps of training.

use std::fmt::Debug;

use candle_core::Tensor;

use crate::data::Dataset;
use crate::error::{Error, Result};

/// One step of an epoch: the rows of its batch, and the depth drawn for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Batch<'a> {
    pub(super) rows: &'a [u32],
    pub(super) depth: usize,
}

/// Which step it is, as errors say it.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    pub(super) epoch: usize,
    pub(super) step: usize,
    pub(super) depth: usize,
}

impl At {
    /// The error that `what` is not finite in this step.
    pub(super) fn not_finite(self, what: String) -> Error {
        Error::NotFinite { what, epoch: self.epoch, step: self.step, depth: self.depth }
    }
}

/// Carries out the steps of training: forward, backward and update.
///
/// Whatever the engine, the same batches and depths give the same parameters but for rounding.
pub(super) trait Engine: Debug + Send {
    /// Makes one step on the batch `x` (n, features), `y` (n, targets), and returns the loss before it.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::NotFinite`], and leaves the parameters alone, when the loss or a gradient is not finite.
    fn step(&mut self, x: &Tensor, y: &Tensor, at: At) -> Result<f64>;

    /// Makes a step on every batch of `data` in turn, and returns the sum of their losses, each times its rows.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::NotFinite`] at the first loss or gradient that is not finite; the parameters are then those
    /// before that step.
    fn epoch(&mut self, data: &Dataset, batches: &[Batch], epoch: usize) -> Result<f64>;
}
