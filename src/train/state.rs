//! What training needs to go on later, in another process.

use std::collections::BTreeMap;

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use super::{Trainer, UnderWay};
use crate::error::Result;
use crate::optim::AdamWState;

/// The state of a [`Trainer`]: parameters, moments, the positions of its random streams, epoch and step.
///
/// With the data and the order of the rows, which the caller has, training goes on from it to the bit as if it had not been
/// interrupted.
#[derive(Debug, Clone)]
pub struct TrainerState {
    /// Where training is.
    pub progress: Progress,
    /// The parameters and their moments: `parameter.NAME`, `first_moment.NAME` and `second_moment.NAME`.
    pub tensors: BTreeMap<String, Tensor>,
}

/// Where training is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The epochs that are done.
    pub epoch: usize,
    /// The steps that are made of an epoch under way; 0 when there is none.
    pub step: usize,
    /// The sum of the losses of those steps, each times its rows.
    pub loss: f64,
    /// The position in the stream of the orders of the rows.
    pub shuffle: u64,
    /// The position in the stream of depths, at the start of an epoch that is under way.
    pub depth: u64,
    /// The updates of each parameter.
    pub updates: BTreeMap<String, u32>,
}

const PARAMETER: &str = "parameter";
const FIRST: &str = "first_moment";
const SECOND: &str = "second_moment";

impl Trainer {
    /// A copy of the present state.
    ///
    /// # Errors
    ///
    /// Fails when the device has no memory for the copy.
    pub fn state(&self) -> Result<TrainerState> {
        let (mut tensors, mut updates) = (BTreeMap::new(), BTreeMap::new());
        for (name, var) in &self.params {
            tensors.insert(format!("{PARAMETER}.{name}"), var.as_detached_tensor().copy()?);
        }
        for (name, state) in self.engine.optimizer_state()? {
            tensors.insert(format!("{FIRST}.{name}"), state.first_moment);
            tensors.insert(format!("{SECOND}.{name}"), state.second_moment);
            updates.insert(name, state.steps);
        }
        let depth = self.under_way.as_ref().map_or(self.depth.get_word_pos(), |epoch| epoch.depth_position);
        let progress = Progress {
            epoch: self.epoch,
            step: self.under_way.as_ref().map_or(0, |epoch| epoch.steps),
            loss: self.under_way.as_ref().map_or(0., |epoch| epoch.loss),
            // The streams have 2^68 words, of which no training draws 2^64.
            shuffle: self.shuffle.get_word_pos() as u64,
            depth: depth as u64,
            updates,
        };
        Ok(TrainerState { progress, tensors })
    }

    /// Goes on from `state`, which a trainer of the same network, settings, seed and index had. The rows that are given to
    /// the next [`epoch`](Self::epoch) must be in the order in which that trainer left them.
    ///
    /// # Errors
    ///
    /// Fails when it is the state of another network; the trainer is then not to be used further.
    pub fn load_state(&mut self, state: &TrainerState) -> Result<()> {
        let TrainerState { progress, tensors } = state;
        let tensor = |kind: &str, name: &str| {
            let name = format!("{kind}.{name}");
            tensors.get(&name).ok_or_else(|| candle_core::Error::msg(format!("there is no tensor {name}")))
        };
        for (name, var) in &self.params {
            let value = tensor(PARAMETER, name)?;
            if value.dtype() != var.dtype() || value.shape() != var.shape() {
                let (found, dims) = (value.dtype(), value.dims());
                let message =
                    format!("{name} is {found:?} {dims:?}, expected {:?} {:?}", var.dtype(), var.dims());
                return Err(candle_core::Error::msg(message).into());
            }
            var.set(&value.to_device(var.device())?)?;
        }
        let device = self.net.layers()[0].weight().device();
        let moments = progress.updates.iter().map(|(name, &steps)| {
            let moment = |kind| tensor(kind, name)?.to_device(device);
            let state = AdamWState { steps, first_moment: moment(FIRST)?, second_moment: moment(SECOND)? };
            Ok((name.clone(), state))
        });
        self.engine.load_optimizer_state(moments.collect::<Result<_>>()?)?;
        self.shuffle.set_word_pos(progress.shuffle.into());
        self.depth.set_word_pos(progress.depth.into());
        self.epoch = progress.epoch;
        self.step = 0;
        let depth_position = self.depth.get_word_pos();
        // The depths are drawn again when it goes on.
        self.under_way = (progress.step > 0).then(|| UnderWay {
            depth_position,
            depths: Vec::new(),
            steps: progress.step,
            loss: progress.loss,
        });
        Ok(())
    }
}
