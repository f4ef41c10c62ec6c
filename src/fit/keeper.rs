//! The checkpoints of a network in training.

use std::time::{Duration, Instant};

use crate::run::{Checkpoints, Identity, RunDirectory};

/// Where a network's checkpoints go, and when.
pub(super) struct Keeper<'a> {
    pub(super) directory: &'a RunDirectory,
    pub(super) identity: &'a Identity,
    pub(super) checkpoints: Checkpoints,
    every: Duration,
    pub(super) last: Instant,
}

impl<'a> Keeper<'a> {
    pub(super) fn new(directory: &'a RunDirectory, identity: &'a Identity, index: usize) -> Self {
        let (checkpoints, every) = (directory.checkpoints(index), directory.checkpoint_time());
        Self { directory, identity, checkpoints, every, last: Instant::now() }
    }

    /// Whether it is time for a checkpoint.
    pub(super) fn is_due(&self) -> bool {
        self.last.elapsed() >= self.every
    }
}
