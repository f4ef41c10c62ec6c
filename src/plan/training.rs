//! A network in training: its parameters, what the optimiser remembers of them, and its plan at each depth.

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};

use candle_core::{Result, Tensor, bail};

use super::compile::{shares, training_step};
use super::device::{Device, Status};
use super::execute::{Memory, execute};
use super::graph::{Parameter, Stored, parameters};
use super::instruction::{Instruction, Value};
use super::memory::{Buffers, Size};
use crate::nn::DynamicNet;
use crate::ops::{Loss, seed_of};
use crate::optim::{ParameterState, Updates};

/// The most instructions of the plans that are kept, some 100 MB: all of a network of up to 500 depths. Of a
/// deeper one the deepest are made again, which takes longer than a step of a small network.
const MOST_INSTRUCTIONS: usize = 1 << 19;

/// The training of a network on the buffers of a device.
///
/// The parameters are copies: [`load`](Self::load) takes them from the network's variables, and
/// [`store`](Self::store) gives them back.
#[derive(Debug)]
pub(crate) struct Training<D: Device> {
    device: D,
    rule: Updates,
    parameters: Vec<Parameter>,
    /// The value of each parameter.
    values: Vec<D::Buffer>,
    /// What the optimiser remembers of each parameter.
    states: Vec<Vec<D::Buffer>>,
    /// The value of each parameter and its state as they were kept.
    kept: Vec<Vec<D::Buffer>>,
    /// The number of updates made.
    updates: u32,
    net: DynamicNet,
    loss: Loss,
    /// The weights of all depths from the least on, where a step at a depth has the losses of all up to it.
    depth_weights: Option<Vec<f64>>,
    /// Of the masks of all steps.
    seed: u64,
    /// For each depth that has been used.
    plans: BTreeMap<usize, Step>,
    buffers: Buffers,
    /// Features, targets, and everything that is computed; for batches of up to `rows` rows.
    others: Vec<Option<Box<D::Buffer>>>,
    sizes: Vec<Size>,
    rows: usize,
}

/// The plan of a training step.
#[derive(Debug)]
struct Step {
    /// Forward and backward.
    passes: Vec<Instruction>,
    /// The parameters that have a gradient, each with it.
    gradients: Vec<(Value, Value)>,
}

impl<D: Device> Training<D> {
    /// Prepares the training of `net` on its device. The buffers of a batch grow with the first batches. The
    /// masks of dropout come from `seed`.
    pub(crate) fn new(device: D, net: &DynamicNet, loss: Loss, rule: Updates, seed: u64) -> Result<Self> {
        rule.check()?;
        let parameters = parameters(net, D::WEIGHTS);
        let zeros = |count: usize| -> Result<Vec<Vec<D::Buffer>>> {
            let zeros = |parameter: &Parameter| {
                (0..count).map(|_| device.zeros(parameter.tensor.elem_count())).collect::<Result<_>>()
            };
            parameters.iter().map(zeros).collect()
        };
        let state = rule.state_names().len();
        Ok(Self {
            values: zeros(1)?.into_iter().flatten().collect(),
            states: zeros(state)?,
            kept: zeros(1 + state)?,
            updates: 0,
            net: net.clone(),
            loss,
            depth_weights: None,
            seed,
            plans: BTreeMap::new(),
            buffers: Buffers::new(parameters.len() + 2),
            others: Vec::new(),
            sizes: Vec::new(),
            rows: 0,
            device,
            rule,
            parameters,
        })
    }

    /// The same, where with weights, one for each depth, a step at a depth minimises the weighted mean loss
    /// of all depths up to it.
    #[must_use]
    pub(crate) fn with_depth_weights(self, depth_weights: Option<Vec<f64>>) -> Self {
        Self { depth_weights, ..self }
    }

    /// The parameters, sorted by name; the slots of the status are their numbers.
    pub(crate) fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The depths of its network.
    pub(crate) fn depths(&self) -> RangeInclusive<usize> {
        self.net.depths()
    }

    /// The device, for what is not part of a plan.
    pub(crate) fn device(&mut self) -> &mut D {
        &mut self.device
    }

    /// Makes a plan and room for batches of up to `rows` rows at `depth`. What was in the batch may be lost.
    pub(crate) fn prepare(&mut self, rows: usize, depth: usize) -> Result<()> {
        if !self.plans.contains_key(&depth) {
            if self.plans.values().map(|step| step.passes.len()).sum::<usize>() > MOST_INSTRUCTIONS {
                // One at a time: the others serve the next steps.
                self.plans.pop_last();
            }
            let least = *self.net.depths().start();
            let (first, shares) = match &self.depth_weights {
                Some(weights) => (least, shares(&weights[..=depth - least])),
                None => (depth, vec![1.]),
            };
            let (net, parameters, depths) = (&self.net, &self.parameters, first..=depth);
            let step =
                Step::new(net, parameters, D::WEIGHTS, (depths, &shares), self.loss, &mut self.buffers)?;
            self.plans.insert(depth, step);
            let sizes = self.buffers.sizes(self.parameters.len());
            if sizes != self.sizes {
                self.sizes = sizes;
                self.others.clear();
            }
        }
        let rows = self.rows.max(rows);
        if rows > self.rows || self.others.is_empty() {
            let zeros = |size: &Size| self.device.zeros(size.len(rows)).map(|buffer| Some(Box::new(buffer)));
            self.others = self.sizes.iter().map(zeros).collect::<Result<_>>()?;
            self.rows = rows;
        }
        Ok(())
    }

    /// Takes the parameters from the network's variables.
    pub(crate) fn load(&mut self) -> Result<()> {
        for (parameter, value) in self.parameters.iter().zip(&mut self.values) {
            self.device.load(&parameter.tensor, parameter.stored, value)?;
        }
        Ok(())
    }

    /// Gives the parameters to the network's variables.
    pub(crate) fn store(&self) -> Result<()> {
        for (parameter, value) in self.parameters.iter().zip(&self.values) {
            self.device.store(value, parameter.stored, &parameter.tensor)?;
        }
        Ok(())
    }

    /// Keeps the parameters and what the optimiser remembers of them; returns the number of updates.
    pub(crate) fn keep(&mut self) -> Result<u32> {
        for ((value, state), kept) in self.values.iter().zip(&self.states).zip(&mut self.kept) {
            for (from, to) in [value].into_iter().chain(state).zip(kept) {
                self.device.copy(from, to)?;
            }
        }
        Ok(self.updates)
    }

    /// Returns to what was [kept](Self::keep) after `updates`.
    pub(crate) fn restore(&mut self, updates: u32) -> Result<()> {
        for ((value, state), kept) in self.values.iter_mut().zip(&mut self.states).zip(&self.kept) {
            for (to, from) in [value].into_iter().chain(state).zip(kept) {
                self.device.copy(from, to)?;
            }
        }
        self.updates = updates;
        Ok(())
    }

    /// Copies the rows of `data` (features, targets) whose numbers are in `range` of `rows` into the batch.
    pub(crate) fn gather(
        &mut self,
        data: [&Tensor; 2],
        rows: &D::RowNumbers,
        range: Range<usize>,
    ) -> Result<()> {
        let [Some(x), Some(y), ..] = &mut self.others[..] else { bail!("a plan without a batch") };
        self.device.gather(data, rows, range, [x, y])
    }

    /// Copies `x` and `y` into the batch.
    pub(crate) fn load_batch(&mut self, x: &Tensor, y: &Tensor) -> Result<()> {
        let [Some(to_x), Some(to_y), ..] = &mut self.others[..] else { bail!("a plan without a batch") };
        self.device.load(x, Stored::Plain, to_x)?;
        self.device.load(y, Stored::Plain, to_y)
    }

    /// Computes the gradients of all parameters for the `rows` rows of the batch at `depth`. The loss in the
    /// status grows. The masks are those of the step after so many updates.
    pub(crate) fn gradients(&mut self, rows: usize, depth: usize) -> Result<()> {
        let Some(step) = self.plans.get(&depth) else { bail!("depth {depth} has no plan") };
        let mut memory = Memory { parameters: &self.values, others: &mut self.others };
        let seed = seed_of(self.seed, self.updates.into());
        execute(&mut self.device, &step.passes, rows, seed, &mut memory)
    }

    /// The status with every gradient of `depth` checked.
    pub(crate) fn checked_gradients(&mut self, depth: usize) -> Result<Status> {
        let first = self.parameters.len();
        let Some(step) = self.plans.get(&depth) else { bail!("depth {depth} has no plan") };
        for &(parameter, grad) in &step.gradients {
            let Some(Some(buffer)) = self.others.get(grad.number - first) else {
                bail!("a gradient is missing")
            };
            // A gradient's rows never depend on the batch.
            self.device.check(parameter.number, grad.len(0), buffer)?;
        }
        self.device.status()
    }

    /// The status with every parameter checked.
    pub(crate) fn checked_parameters(&mut self) -> Result<Status> {
        for (i, (parameter, value)) in self.parameters.iter().zip(&self.values).enumerate() {
            self.device.check(i, parameter.tensor.elem_count(), value)?;
        }
        self.device.status()
    }

    /// A copy of what the optimiser remembers of each parameter.
    pub(crate) fn states(&self) -> Result<Vec<ParameterState>> {
        let state = |(parameter, state): (&Parameter, &Vec<D::Buffer>)| {
            let copy = |buffer: &D::Buffer| {
                let copy = parameter.tensor.zeros_like()?;
                self.device.store(buffer, parameter.stored, &copy)?;
                Ok(copy)
            };
            let tensors = state.iter().map(copy).collect::<Result<_>>()?;
            Ok(ParameterState { steps: self.updates, tensors })
        };
        self.parameters.iter().zip(&self.states).map(state).collect()
    }

    /// Takes what the optimiser remembers of each parameter, of which all have the same number of updates.
    pub(crate) fn load_states(&mut self, states: &[ParameterState]) -> Result<()> {
        let updates = states.first().map_or(0, |state| state.steps);
        if states.iter().any(|state| state.steps != updates) {
            bail!("the parameters differ in their number of updates")
        }
        let tensors = self.rule.state_names().len();
        if states.iter().any(|state| state.tensors.len() != tensors) {
            bail!("a parameter's state is incomplete, expected {:?}", self.rule.state_names())
        }
        for ((parameter, to), state) in self.parameters.iter().zip(&mut self.states).zip(states) {
            let variable = &parameter.tensor;
            for (from, to) in state.tensors.iter().zip(to) {
                if from.dtype() != variable.dtype() || from.shape() != variable.shape() {
                    bail!(
                        "a moment is {:?} {:?}, expected {:?} {:?}",
                        from.dtype(),
                        from.dims(),
                        variable.dtype(),
                        variable.shape()
                    )
                }
                self.device.load(&from.to_device(variable.device())?, parameter.stored, to)?;
            }
        }
        self.updates = updates;
        Ok(())
    }
}

impl Step {
    fn new(
        net: &DynamicNet,
        parameters: &[Parameter],
        weights: Stored,
        (depths, shares): (RangeInclusive<usize>, &[f64]),
        loss: Loss,
        buffers: &mut Buffers,
    ) -> Result<Self> {
        let mut passes = training_step(net, parameters, weights, depths, shares, loss)?.instructions;
        buffers.assign(&mut passes, &mut []);
        let is_update = |instruction: &Instruction| matches!(instruction, Instruction::Update { .. });
        let updates = passes.split_off(passes.iter().position(is_update).unwrap_or(passes.len()));
        let gradient = |update| match update {
            Instruction::Update { parameter, grad } => Some((parameter, grad)),
            _ => None,
        };
        Ok(Self { passes, gradients: updates.into_iter().filter_map(gradient).collect() })
    }
}

#[cfg(test)]
mod tests;
mod update;
