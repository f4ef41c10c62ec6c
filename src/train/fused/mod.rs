//! The engine with a hand-derived backward: no graph, no allocation, and no waiting for the device inside an epoch.

mod backend;
mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod layer;

use std::collections::BTreeMap;
use std::iter;
use std::mem::swap;
use std::ops::RangeInclusive;

use candle_core::Tensor;

use super::engine::{At, Engine, Steps};
use crate::data::Dataset;
use crate::error::Result;
use crate::nn::DynamicNet;
use crate::ops::kernels::{Activation, Write};
use crate::optim::{AdamWConfig, AdamWState, StepCoefficients};
use backend::Backend;
pub(in crate::train) use cpu::{Cpu, IsFinite};
#[cfg(feature = "cuda")]
pub(in crate::train) use cuda::Cuda;
use layer::Layers;

/// The training step of a [`DynamicNet`] on the buffers of a [`Backend`].
///
/// ```text
/// h_0 = relu(x C_i^T + b_i)             C is W, or cos(W) in a cos layer
/// h_k = relu(h_(k-1) C_h^T + b_h)       k = 1..d
/// y   = h_d C_o^T + b_o                 loss = mean((y - t)^2)
///
/// dy  = 2 (y - t) / n
/// dC_o = dy^T h_d, db_o = sum(dy), dh_d = dy C_o
/// dz_k = dh_k [h_k > 0]                 k = d..1
/// dC_h += dz_k^T h_(k-1), db_h += sum(dz_k), dh_(k-1) = dz_k C_h
/// dz_0 = dh_0 [h_0 > 0], dC_i = dz_0^T x, db_i = sum(dz_0)
/// dW  = dC, or -sin(W) dC in a cos layer
/// ```
///
/// The parameters are copied from the network's variables before an epoch or a step and back after it.
#[derive(Debug)]
pub(super) struct Fused<B: Backend> {
    backend: B,
    layers: Layers<B>,
    depths: RangeInclusive<usize>,
    config: AdamWConfig,
    /// The number of updates made.
    updates: u32,
    scratch: Scratch<B>,
}

/// The buffers of a batch, for up to `rows` rows and as many activations as the greatest depth needs.
#[derive(Debug)]
struct Scratch<B: Backend> {
    rows: usize,
    x: B::Buffer,
    y: B::Buffer,
    /// `h_0`, `h_1`, ...
    activations: Vec<B::Buffer>,
    prediction: B::Buffer,
    /// The gradient of the present activation, and of the one below it.
    grad: B::Buffer,
    grad_below: B::Buffer,
}

impl<B: Backend> Scratch<B> {
    fn new(backend: &B, layers: &Layers<B>, rows: usize, activations: usize) -> Result<Self> {
        let Layers { input, output, .. } = layers;
        let zeros = |columns: usize| backend.zeros(rows * columns);
        let widest = input.outputs.max(output.outputs);
        Ok(Self {
            rows,
            x: zeros(input.inputs)?,
            y: zeros(output.outputs)?,
            activations: (0..activations)
                .map(|_| zeros(input.outputs))
                .collect::<candle_core::Result<_>>()?,
            prediction: zeros(output.outputs)?,
            grad: zeros(widest)?,
            grad_below: zeros(widest)?,
        })
    }
}

impl<B: Backend> Fused<B> {
    /// Prepares the training of `net` on the device of `backend`. The buffers of a batch grow with the first batches.
    pub(super) fn new(backend: B, net: &DynamicNet, config: AdamWConfig) -> Result<Self> {
        config.check()?;
        let layers = Layers::new(&backend, net)?;
        let scratch = Scratch::new(&backend, &layers, 1, net.depths().end() + 1)?;
        Ok(Self { backend, layers, depths: net.depths(), config, updates: 0, scratch })
    }

    fn reserve(&mut self, rows: usize) -> Result<()> {
        if rows > self.scratch.rows {
            self.scratch = Scratch::new(&self.backend, &self.layers, rows, self.scratch.activations.len())?;
        }
        Ok(())
    }

    /// The gradients of all parameters for the batch in the scratch, at `depth`, 1 or more.
    fn gradients(&mut self, rows: usize, depth: usize) -> Result<()> {
        let Self { backend, layers: Layers { input, hidden, output }, scratch, .. } = self;
        let Scratch { x, y, activations, prediction, grad, grad_below, .. } = scratch;
        for layer in [&mut *input, hidden, output] {
            layer.refresh(backend)?;
        }
        input.forward(backend, rows, x, Activation::Relu, &mut activations[0])?;
        for k in 1..=depth {
            let (below, above) = activations.split_at_mut(k);
            hidden.forward(backend, rows, &below[k - 1], Activation::Relu, &mut above[0])?;
        }
        output.forward(backend, rows, &activations[depth], Activation::Identity, prediction)?;
        backend.mse(rows * output.outputs, rows as f64, prediction, y, grad)?;

        backend.bias_grad(output.sizes(rows), grad, &mut output.bias.grad)?;
        output.weight_grad(backend, rows, &activations[depth], grad, Write::Set)?;
        output.input_grad(backend, rows, grad, &activations[depth], Some(hidden), grad_below)?;
        for k in (1..=depth).rev() {
            swap(grad, grad_below);
            let below = &activations[k - 1];
            let write = if k < depth { Write::Add } else { Write::Set };
            hidden.weight_grad(backend, rows, below, grad, write)?;
            hidden.input_grad(backend, rows, grad, below, (k == 1).then_some(&mut *input), grad_below)?;
        }
        input.weight_grad(backend, rows, x, grad_below, Write::Set)?;
        for layer in [input, hidden, output] {
            layer.finish(backend)?;
        }
        Ok(())
    }

    fn update(&mut self) -> Result<()> {
        self.updates = self.updates.saturating_add(1);
        let coefficients = StepCoefficients::new(&self.config, self.updates);
        self.layers.for_each(|p| {
            let [first, second] = &mut p.moments;
            Ok(self.backend.adamw([&mut p.value, first, second], &p.grad, &coefficients)?)
        })
    }

    /// One step on the batch in the scratch that waits for the device, looks at the loss and every gradient before the
    /// update, and returns the loss times the rows.
    fn checked_step(&mut self, rows: usize, at: At) -> Result<f64> {
        self.backend.reset_status(0.)?;
        self.gradients(rows, at.depth)?;
        let parameters = self.layers.by_name();
        for (k, (_, parameter)) in parameters.iter().enumerate() {
            self.backend.check(k, &parameter.grad)?;
        }
        let status = self.backend.status()?;
        if !status.loss.is_finite() {
            return Err(at.not_finite("the loss".to_owned()));
        }
        if let Some((name, _)) = status.not_finite.map(|k| parameters[k]) {
            return Err(at.not_finite(format!("the gradient of {name}")));
        }
        self.update()?;
        Ok(status.loss)
    }

    /// The steps until a pause, and all of them again if something was not finite.
    fn run_steps(
        &mut self,
        data: &Dataset,
        rows: &B::Rows,
        steps: Steps,
        pause: &mut dyn FnMut() -> bool,
    ) -> Result<(usize, f64)> {
        let updates = self.updates;
        self.layers.for_each(|p| p.save(&self.backend))?;
        let made = self.queue(data, rows, steps, pause)?;
        if let Some(loss) = self.finite_loss()? {
            return Ok((made, loss));
        }
        self.updates = updates;
        self.layers.for_each(|p| p.restore(&self.backend))?;
        let steps = Steps { batches: &steps.batches[..made], ..steps };
        Ok((made, self.replay(data, rows, steps)?))
    }

    /// Queues the steps until a pause, one after the other, and returns their number.
    fn queue(
        &mut self,
        data: &Dataset,
        rows: &B::Rows,
        steps: Steps,
        pause: &mut dyn FnMut() -> bool,
    ) -> Result<usize> {
        self.backend.reset_status(steps.loss)?;
        let mut start = 0;
        for (i, batch) in steps.batches.iter().enumerate() {
            let end = start + batch.rows.len();
            self.backend.gather(data, rows, start..end, &mut self.scratch.x, &mut self.scratch.y)?;
            self.gradients(batch.rows.len(), batch.depth)?;
            self.update()?;
            start = end;
            if pause() {
                return Ok(i + 1);
            }
        }
        Ok(steps.batches.len())
    }

    /// The loss of the steps that were queued, when the device has made them; `None` if something is not finite.
    fn finite_loss(&mut self) -> Result<Option<f64>> {
        // What is not finite in a gradient is so in its parameter from then on.
        for (k, (_, parameter)) in self.layers.by_name().iter().enumerate() {
            self.backend.check(k, &parameter.value)?;
        }
        let status = self.backend.status()?;
        Ok((status.loss.is_finite() && status.not_finite.is_none()).then_some(status.loss))
    }

    /// The same steps again, each looked at, to find the first one that is not finite.
    fn replay(&mut self, data: &Dataset, rows: &B::Rows, steps: Steps) -> Result<f64> {
        let (mut loss, mut start) = (steps.loss, 0);
        for (i, batch) in steps.batches.iter().enumerate() {
            let end = start + batch.rows.len();
            self.backend.gather(data, rows, start..end, &mut self.scratch.x, &mut self.scratch.y)?;
            loss += self.checked_step(batch.rows.len(), steps.at(i))?;
            start = end;
        }
        Ok(loss)
    }
}

impl<B: Backend> Fused<B> {
    /// Refuses data that do not fit the network, and depths that it has not.
    fn check_batch(&self, x: &Tensor, y: &Tensor, mut depths: impl Iterator<Item = usize>) -> Result<()> {
        let Layers { input, output, .. } = &self.layers;
        let (dtype, device) = (input.weight.variable.dtype(), input.weight.variable.device());
        let fits = |data: &Tensor, columns| {
            data.dims().len() == 2
                && data.dims()[0] == x.dims()[0]
                && data.dims()[1] == columns
                && data.dtype() == dtype
                && data.device().same_device(device)
        };
        if !fits(x, input.inputs) || !fits(y, output.outputs) {
            let describe =
                |x: &Tensor| format!("{:?} {:?} on {:?}", x.dtype(), x.dims(), x.device().location());
            return Err(candle_core::Error::msg(format!(
                "Trainer: x is {}, y is {}, expected {dtype:?} [n, {}] and [n, {}] on {:?}",
                describe(x),
                describe(y),
                input.inputs,
                output.outputs,
                device.location()
            ))
            .into());
        }
        match depths.find(|depth| !self.depths.contains(depth)) {
            None => Ok(()),
            Some(depth) => Err(candle_core::Error::msg(format!(
                "DynamicNet: depth is {depth}, expected one of {:?}",
                self.depths
            ))
            .into()),
        }
    }
}

impl<B: Backend> Engine for Fused<B> {
    fn step(&mut self, x: &Tensor, y: &Tensor, at: At) -> Result<f64> {
        self.check_batch(x, y, iter::once(at.depth))?;
        let rows = x.dims()[0];
        self.reserve(rows)?;
        self.backend.load(x, &mut self.scratch.x)?;
        self.backend.load(y, &mut self.scratch.y)?;
        self.layers.for_each(|p| p.load(&self.backend))?;
        let loss = self.checked_step(rows, at)?;
        self.layers.for_each(|p| p.store(&self.backend))?;
        Ok(loss / rows as f64)
    }

    fn run(&mut self, data: &Dataset, steps: Steps, pause: &mut dyn FnMut() -> bool) -> Result<(usize, f64)> {
        self.check_batch(data.x(), data.y(), steps.batches.iter().map(|batch| batch.depth))?;
        let order: Vec<u32> = steps.batches.iter().flat_map(|batch| batch.rows).copied().collect();
        data.check_rows(&order)?;
        let rows = self.backend.rows(&order)?;
        self.reserve(steps.batches.iter().map(|batch| batch.rows.len()).max().unwrap_or(0))?;
        self.layers.for_each(|p| p.load(&self.backend))?;
        let result = self.run_steps(data, &rows, steps, pause);
        self.layers.for_each(|p| p.store(&self.backend))?;
        result
    }

    fn optimizer_state(&self) -> Result<BTreeMap<String, AdamWState>> {
        let states = self
            .layers
            .by_name()
            .map(|(name, parameter)| Ok((name.to_owned(), parameter.state(&self.backend, self.updates)?)));
        states.into_iter().collect()
    }

    fn load_optimizer_state(&mut self, state: BTreeMap<String, AdamWState>) -> Result<()> {
        let refused = |problem: String| Err(candle_core::Error::msg(problem).into());
        let updates = state.values().next().map_or(0, |state| state.steps);
        if state.values().any(|state| state.steps != updates) {
            return refused("the parameters differ in their number of updates".to_owned());
        }
        for (name, parameter) in self.layers.by_name_mut() {
            let Some(state) = state.get(name) else { return refused(format!("there is no state of {name}")) };
            parameter.load_state(&self.backend, state)?;
        }
        self.updates = updates;
        Ok(())
    }
}
