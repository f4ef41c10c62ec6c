//! The engine that executes a network's plan: no graph, no allocation, and no waiting for the device inside
//! an epoch.

use std::collections::BTreeMap;
use std::iter;

use candle_core::{Error as CandleError, Tensor};

use super::engine::{At, Engine, Steps};
use crate::data::Dataset;
use crate::error::Result;
use crate::optim::{ParameterState, in_order};
use crate::plan::{Device, Training};

/// Training by a [plan](crate::plan).
///
/// The parameters are copied from the network's variables before an epoch or a step and back after it.
#[derive(Debug)]
pub(super) struct Planned<D: Device> {
    training: Training<D>,
    /// The features and the targets of a row.
    widths: [usize; 2],
}

impl<D: Device> Planned<D> {
    pub(super) fn new(training: Training<D>, widths: [usize; 2]) -> Self {
        Self { training, widths }
    }

    /// One step on the batch that is loaded: waits for the device, checks the loss and every gradient before
    /// the update, and returns the loss times the rows.
    fn checked_step(&mut self, rows: usize, lr: f64, at: At) -> Result<f64> {
        self.training.device().reset_status(0.)?;
        self.training.gradients(rows, at.depth)?;
        let status = self.training.checked_gradients(at.depth)?;
        if !status.loss.is_finite() {
            return Err(at.not_finite("the loss".to_owned()));
        }
        if let Some(i) = status.not_finite {
            return Err(at.not_finite(format!("the gradient of {}", self.training.parameters()[i].name)));
        }
        self.training.update(at.depth, lr)?;
        Ok(status.loss)
    }

    /// The steps until a pause, and all of them again if something was not finite.
    fn run_steps(
        &mut self,
        data: &Dataset,
        rows: &D::RowNumbers,
        steps: Steps,
        pause: &mut dyn FnMut() -> bool,
    ) -> Result<(usize, f64)> {
        let updates = self.training.keep()?;
        let made = self.queue(data, rows, steps, pause)?;
        // A gradient that is not finite leaves its parameter so from then on.
        let status = self.training.checked_parameters()?;
        if status.loss.is_finite() && status.not_finite.is_none() {
            return Ok((made, status.loss));
        }
        self.training.restore(updates)?;
        let steps = Steps { batches: &steps.batches[..made], ..steps };
        Ok((made, self.replay(data, rows, steps)?))
    }

    /// Queues the steps until a pause, one after the other, and returns their number.
    fn queue(
        &mut self,
        data: &Dataset,
        rows: &D::RowNumbers,
        steps: Steps,
        pause: &mut dyn FnMut() -> bool,
    ) -> Result<usize> {
        self.training.device().reset_status(steps.loss)?;
        let mut start = 0;
        for (i, batch) in steps.batches.iter().enumerate() {
            let end = start + batch.rows.len();
            self.training.prepare(batch.rows.len(), batch.depth)?;
            self.training.gather([data.x(), data.y()], rows, start..end)?;
            self.training.gradients(batch.rows.len(), batch.depth)?;
            self.training.update(batch.depth, batch.lr)?;
            start = end;
            if pause() {
                return Ok(i + 1);
            }
        }
        Ok(steps.batches.len())
    }

    /// The same steps again, each checked, to find the first that is not finite.
    fn replay(&mut self, data: &Dataset, rows: &D::RowNumbers, steps: Steps) -> Result<f64> {
        let (mut loss, mut start) = (steps.loss, 0);
        for (i, batch) in steps.batches.iter().enumerate() {
            let end = start + batch.rows.len();
            self.training.prepare(batch.rows.len(), batch.depth)?;
            self.training.gather([data.x(), data.y()], rows, start..end)?;
            loss += self.checked_step(batch.rows.len(), batch.lr, steps.at(i))?;
            start = end;
        }
        Ok(loss)
    }

    /// Rejects data that do not fit the network, and depths that it lacks.
    fn check_batch(&self, x: &Tensor, y: &Tensor, mut depths: impl Iterator<Item = usize>) -> Result<()> {
        let Some(parameter) = self.training.parameters().first() else { return Ok(()) };
        let (dtype, device) = (parameter.tensor.dtype(), parameter.tensor.device());
        let fits = |data: &Tensor, columns| {
            data.dims().len() == 2
                && data.dims()[0] == x.dims()[0]
                && data.dims()[1] == columns
                && data.dtype() == dtype
                && data.device().same_device(device)
        };
        let [features, targets] = self.widths;
        if !fits(x, features) || !fits(y, targets) {
            let describe =
                |x: &Tensor| format!("{:?} {:?} on {:?}", x.dtype(), x.dims(), x.device().location());
            return Err(CandleError::msg(format!(
                "Trainer: x is {}, y is {}, expected {dtype:?} [n, {features}] and [n, {targets}] on {:?}",
                describe(x),
                describe(y),
                device.location()
            ))
            .into());
        }
        let known = self.training.depths();
        match depths.find(|depth| !known.contains(depth)) {
            None => Ok(()),
            Some(depth) => {
                let message = format!("DynamicNet: depth is {depth}, expected one of {known:?}");
                Err(CandleError::msg(message).into())
            }
        }
    }
}

impl<D: Device> Engine for Planned<D> {
    fn step(&mut self, x: &Tensor, y: &Tensor, lr: f64, at: At) -> Result<f64> {
        self.check_batch(x, y, iter::once(at.depth))?;
        let rows = x.dims()[0];
        self.training.prepare(rows, at.depth)?;
        self.training.load_batch(x, y)?;
        self.training.load()?;
        let loss = self.checked_step(rows, lr, at)?;
        self.training.store()?;
        Ok(loss / rows as f64)
    }

    fn run(&mut self, data: &Dataset, steps: Steps, pause: &mut dyn FnMut() -> bool) -> Result<(usize, f64)> {
        self.check_batch(data.x(), data.y(), steps.batches.iter().map(|batch| batch.depth))?;
        let order: Vec<u32> = steps.batches.iter().flat_map(|batch| batch.rows).copied().collect();
        data.check_rows(&order)?;
        let rows = self.training.device().row_numbers(&order)?;
        let largest = steps.batches.iter().map(|batch| batch.rows.len()).max().unwrap_or(0);
        if let Some(first) = steps.batches.first() {
            self.training.prepare(largest, first.depth)?;
        }
        self.training.load()?;
        let result = self.run_steps(data, &rows, steps, pause);
        self.training.store()?;
        result
    }

    fn set_divergence(&mut self, weight: Option<f64>) {
        self.training.device().set_divergence(weight);
    }

    fn optimizer_state(&self) -> Result<BTreeMap<String, ParameterState>> {
        let names = self.training.parameters().iter().map(|parameter| parameter.name.clone());
        Ok(names.zip(self.training.states()?).collect())
    }

    fn load_optimizer_state(&mut self, state: BTreeMap<String, ParameterState>) -> Result<()> {
        let names = self.training.parameters().iter().map(|parameter| parameter.name.as_str());
        let states = in_order("Trainer", names, state)?;
        Ok(self.training.load_states(&states)?)
    }
}
