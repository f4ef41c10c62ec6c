//! The interface of the engines that carry out the steps of training.

use std::collections::BTreeMap;
use std::fmt::Debug;

use candle_core::Tensor;

use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::optim::ParameterState;

/// One step of an epoch: the rows of its batch, the depth drawn for it, and its learning rate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Batch<'a> {
    pub(super) rows: &'a [u32],
    pub(super) depth: usize,
    pub(super) lr: f64,
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

/// Steps of one epoch, one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps<'a> {
    pub(super) batches: &'a [Batch<'a>],
    pub(super) epoch: usize,
    /// The number in the epoch of the first of them.
    pub(super) first: usize,
    /// The sum of the losses of the steps before them, each times its rows.
    pub(super) loss: f64,
}

impl Steps<'_> {
    /// Which step the `i`th of these is.
    pub(super) fn at(&self, i: usize) -> At {
        At { epoch: self.epoch, step: self.first + i, depth: self.batches[i].depth }
    }
}

/// Carries out the steps of training: forward, backward and update.
///
/// All engines give the same parameters for the same batches and depths, up to rounding.
pub(super) trait Engine: Debug + Send {
    /// Makes one step on the batch `x` (n, features), `y` (n, targets) at the learning rate `lr`, and returns
    /// the loss before the update.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::NotFinite`], and leaves the parameters alone, when the loss or a gradient is not
    /// finite.
    fn step(&mut self, x: &Tensor, y: &Tensor, lr: f64, at: At) -> Result<f64>;

    /// Makes these steps on `data`, until `pause`, which is asked after each, says so. Returns how many were
    /// made, and the sum of the epoch's losses by then; adding up resumes where it was, so a pause does not
    /// change the sum.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::NotFinite`] at the first loss or gradient that is not finite; the parameters are
    /// then those before that step.
    fn run(&mut self, data: &Dataset, steps: Steps, pause: &mut dyn FnMut() -> bool) -> Result<(usize, f64)>;

    /// Sets the weight of the divergence in the loss of a network that learns its depths; with none, their
    /// probabilities are not trained.
    fn set_divergence(&mut self, weight: Option<f64>);

    /// What the optimiser remembers of each parameter, by its name.
    ///
    /// # Errors
    ///
    /// Fails when the device has no memory for the copy.
    fn optimizer_state(&self) -> Result<BTreeMap<String, ParameterState>>;

    /// Lets the optimiser continue from what [`optimizer_state`](Self::optimizer_state) returned.
    ///
    /// # Errors
    ///
    /// Fails when it is that of other parameters.
    fn load_optimizer_state(&mut self, state: BTreeMap<String, ParameterState>) -> Result<()>;
}
