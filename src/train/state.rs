//! What training needs to resume later, in another process.

use std::collections::BTreeMap;

use candle_core::{Tensor, Var};
use serde::{Deserialize, Serialize};

use super::{Trainer, UnderWay};
use crate::error::Result;
use crate::optim::ParameterState;

/// The state of a [`Trainer`]: parameters, moments, the positions of its random streams, epoch and step.
///
/// With the data and the order of the rows, which the caller has, training resumes from it bit for bit as if
/// it had not been interrupted.
#[derive(Debug, Clone)]
pub struct TrainerState {
    /// Where training is.
    pub progress: Progress,
    /// The parameters, `parameter.NAME`, and what the optimiser remembers of them, such as
    /// `first_moment.NAME`.
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
    /// The mean loss of the last epoch that is done, of a network that learns its depths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_loss: Option<f64>,
    /// The position in the stream of the orders of the rows.
    pub shuffle: u64,
    /// The position in the stream of depths, at the start of an epoch that is under way.
    pub depth: u64,
    /// The updates of each parameter.
    pub updates: BTreeMap<String, u32>,
}

const PARAMETER: &str = "parameter";

impl TrainerState {
    /// The parameter `name`.
    ///
    /// # Errors
    ///
    /// Fails when the state lacks it.
    pub(crate) fn parameter(&self, name: &str) -> candle_core::Result<&Tensor> {
        self.tensor(PARAMETER, name)
    }

    fn tensor(&self, kind: &str, name: &str) -> candle_core::Result<&Tensor> {
        let name = format!("{kind}.{name}");
        self.tensors.get(&name).ok_or_else(|| candle_core::Error::msg(format!("there is no tensor {name}")))
    }
}

impl Trainer {
    /// A copy of the present parameters, by name.
    fn parameters(&self) -> Result<BTreeMap<String, Tensor>> {
        let copy = |(name, var): &(String, Var)| Ok((name.clone(), var.as_detached_tensor().copy()?));
        self.params.iter().map(copy).collect()
    }

    /// Gives each parameter the value that `value` has for its name, which must be one of its shape.
    fn set_parameters<'v>(&mut self, value: impl Fn(&str) -> candle_core::Result<&'v Tensor>) -> Result<()> {
        for (name, var) in &self.params {
            let value = value(name)?;
            if value.dtype() != var.dtype() || value.shape() != var.shape() {
                let (found, dims) = (value.dtype(), value.dims());
                let message =
                    format!("{name} is {found:?} {dims:?}, expected {:?} {:?}", var.dtype(), var.dims());
                return Err(candle_core::Error::msg(message).into());
            }
            var.set(&value.to_device(var.device())?)?;
        }
        Ok(())
    }

    /// A copy of the present state.
    ///
    /// # Errors
    ///
    /// Fails when the device has no memory for the copy.
    pub fn state(&self) -> Result<TrainerState> {
        let parameters = self.parameters()?.into_iter();
        let mut tensors: BTreeMap<_, _> =
            parameters.map(|(name, tensor)| (format!("{PARAMETER}.{name}"), tensor)).collect();
        let mut updates = BTreeMap::new();
        for (name, state) in self.engine.optimizer_state()? {
            for (kind, tensor) in self.state_names.iter().zip(state.tensors) {
                tensors.insert(format!("{kind}.{name}"), tensor);
            }
            updates.insert(name, state.steps);
        }
        let depth = self.under_way.as_ref().map_or(self.depth.get_word_pos(), |epoch| epoch.depth_position);
        let progress = Progress {
            epoch: self.epoch,
            step: self.under_way.as_ref().map_or(0, |epoch| epoch.steps),
            loss: self.under_way.as_ref().map_or(0., |epoch| epoch.loss),
            last_loss: self.last_loss,
            // The streams have 2^68 words, of which no training draws 2^64.
            shuffle: self.shuffle.get_word_pos() as u64,
            depth: depth as u64,
            updates,
        };
        Ok(TrainerState { progress, tensors })
    }

    /// Goes on from `state`, which a trainer of the same network, settings, seed and index had. The rows that
    /// are given to the next [`epoch`](Self::epoch) must be in the order in which that trainer left them.
    ///
    /// # Errors
    ///
    /// Fails when it is the state of another network; the trainer is then not to be used further.
    pub fn load_state(&mut self, state: &TrainerState) -> Result<()> {
        let progress = &state.progress;
        self.set_parameters(|name| state.parameter(name))?;
        let device = self.net.device();
        let states = progress.updates.iter().map(|(name, &steps)| {
            let tensors = self.state_names.iter().map(|kind| state.tensor(kind, name)?.to_device(device));
            Ok((
                name.clone(),
                ParameterState { steps, tensors: tensors.collect::<candle_core::Result<_>>()? },
            ))
        });
        let states = states.collect::<Result<_>>()?;
        self.engine.load_optimizer_state(states)?;
        self.shuffle.set_word_pos(progress.shuffle.into());
        self.depth.set_word_pos(progress.depth.into());
        self.epoch = progress.epoch;
        self.last_loss = progress.last_loss;
        self.step = 0;
        let depth_position = self.depth.get_word_pos();
        // The depths are drawn again when it resumes.
        self.under_way = (progress.step > 0).then(|| UnderWay {
            depth_position,
            depths: Vec::new(),
            steps: progress.step,
            loss: progress.loss,
        });
        Ok(())
    }
}
