//! A layer of the fused engine: its parameters, and its part of the forward and the backward.

use std::array;

use candle_core::Tensor;

use super::backend::{Backend, Sizes};
use crate::error::Result;
use crate::nn::{DynamicNet, Layer};
use crate::ops::kernels::{Activation, Write};
use crate::optim::AdamWState;

/// The names of the parameters, in order.
const NAMES: [&str; 6] =
    ["hidden.bias", "hidden.weight", "input.bias", "input.weight", "output.bias", "output.weight"];

/// The layers of a network.
#[derive(Debug)]
pub(super) struct Layers<B: Backend> {
    pub(super) input: LayerState<B>,
    pub(super) hidden: LayerState<B>,
    pub(super) output: LayerState<B>,
}

/// A layer's parameters and what goes with them.
#[derive(Debug)]
pub(super) struct LayerState<B: Backend> {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) weight: Parameter<B>,
    pub(super) bias: Parameter<B>,
    /// cos(W) and its gradient, if it is a cos layer.
    cos: Option<[B::Buffer; 2]>,
    /// W or cos(W) as (outputs, inputs), where the backend keeps its transpose and a gradient passes through it.
    plain: Option<B::Buffer>,
}

/// A parameter, its gradient and its moments.
#[derive(Debug)]
pub(super) struct Parameter<B: Backend> {
    pub(super) variable: Tensor,
    /// The sizes of its layer, if it is a weight.
    weight: Option<Sizes>,
    pub(super) value: B::Buffer,
    pub(super) grad: B::Buffer,
    pub(super) moments: [B::Buffer; 2],
    /// The value and the moments as they were before the epoch.
    saved: [B::Buffer; 3],
}

impl<B: Backend> Layers<B> {
    pub(super) fn new(backend: &B, net: &DynamicNet) -> Result<Self> {
        let [input, hidden, output] = net.layers();
        Ok(Self {
            input: LayerState::new(backend, input, false)?,
            hidden: LayerState::new(backend, hidden, true)?,
            output: LayerState::new(backend, output, true)?,
        })
    }

    /// Calls `f` for every parameter.
    pub(super) fn for_each(&mut self, mut f: impl FnMut(&mut Parameter<B>) -> Result<()>) -> Result<()> {
        for layer in [&mut self.input, &mut self.hidden, &mut self.output] {
            f(&mut layer.weight)?;
            f(&mut layer.bias)?;
        }
        Ok(())
    }

    /// The parameters in the order of their names, which is that in which errors look for the culprit.
    pub(super) fn by_name(&self) -> [(&'static str, &Parameter<B>); 6] {
        let Self { input, hidden, output } = self;
        let parameters =
            [&hidden.bias, &hidden.weight, &input.bias, &input.weight, &output.bias, &output.weight];
        array::from_fn(|i| (NAMES[i], parameters[i]))
    }

    /// The parameters as [`by_name`](Self::by_name), to change.
    pub(super) fn by_name_mut(&mut self) -> impl Iterator<Item = (&'static str, &mut Parameter<B>)> {
        let Self { input, hidden, output } = self;
        let layers = [hidden, input, output].into_iter();
        NAMES.into_iter().zip(layers.flat_map(|layer| [&mut layer.bias, &mut layer.weight]))
    }
}

impl<B: Backend> Parameter<B> {
    fn new(backend: &B, variable: &Tensor, weight: Option<Sizes>) -> Result<Self> {
        let zeros = || backend.zeros(variable.elem_count());
        Ok(Self {
            variable: variable.clone(),
            weight,
            value: zeros()?,
            grad: zeros()?,
            moments: [zeros()?, zeros()?],
            saved: [zeros()?, zeros()?, zeros()?],
        })
    }

    /// Takes the value over from the network's variable.
    pub(super) fn load(&mut self, backend: &B) -> Result<()> {
        read(backend, self.weight, &self.variable, &mut self.value)
    }

    /// Gives the value to the network's variable.
    pub(super) fn store(&self, backend: &B) -> Result<()> {
        write(backend, self.weight, &self.value, &self.variable)
    }

    /// What AdamW remembers of it after `updates`.
    pub(super) fn state(&self, backend: &B, updates: u32) -> Result<AdamWState> {
        let copy = |moment| -> Result<Tensor> {
            let copy = self.variable.zeros_like()?;
            write(backend, self.weight, moment, &copy)?;
            Ok(copy)
        };
        let [first, second] = &self.moments;
        Ok(AdamWState { steps: updates, first_moment: copy(first)?, second_moment: copy(second)? })
    }

    /// Takes the moments over from what [`state`](Self::state) returned.
    pub(super) fn load_state(&mut self, backend: &B, state: &AdamWState) -> Result<()> {
        for (from, to) in [&state.first_moment, &state.second_moment].into_iter().zip(&mut self.moments) {
            let (dtype, shape) = (self.variable.dtype(), self.variable.shape());
            if from.dtype() != dtype || from.shape() != shape {
                let (found, dims) = (from.dtype(), from.dims());
                let message = format!("a moment is {found:?} {dims:?}, expected {dtype:?} {shape:?}");
                return Err(candle_core::Error::msg(message).into());
            }
            read(backend, self.weight, &from.to_device(self.variable.device())?, to)?;
        }
        Ok(())
    }

    /// Keeps the value and the moments.
    pub(super) fn save(&mut self, backend: &B) -> Result<()> {
        let [value, first, second] = &mut self.saved;
        backend.copy(&self.value, value)?;
        backend.copy(&self.moments[0], first)?;
        Ok(backend.copy(&self.moments[1], second)?)
    }

    /// Returns to the value and the moments that were kept.
    pub(super) fn restore(&mut self, backend: &B) -> Result<()> {
        let [value, first, second] = &self.saved;
        backend.copy(value, &mut self.value)?;
        backend.copy(first, &mut self.moments[0])?;
        Ok(backend.copy(second, &mut self.moments[1])?)
    }
}

/// Copies `from` to a buffer, which for the weight of a layer of some sizes is as weights are kept.
fn read<B: Backend>(backend: &B, weight: Option<Sizes>, from: &Tensor, to: &mut B::Buffer) -> Result<()> {
    match weight {
        Some(sizes) => backend.load_weight(sizes, from, to)?,
        None => backend.load(from, to)?,
    }
    Ok(())
}

/// Copies a buffer, which is as [`read`] leaves it, to the elements of `to`, in place.
fn write<B: Backend>(backend: &B, weight: Option<Sizes>, from: &B::Buffer, to: &Tensor) -> Result<()> {
    match weight {
        Some(sizes) => backend.store_weight(sizes, from, to)?,
        None => backend.store(from, to)?,
    }
    Ok(())
}

impl<B: Backend> LayerState<B> {
    /// `passes_grad` tells whether the gradient of the layer's input is asked for.
    fn new(backend: &B, layer: &Layer, passes_grad: bool) -> Result<Self> {
        let (outputs, inputs) = layer.weight().dims2()?;
        let bias = match layer.bias() {
            Some(bias) => bias.clone(),
            None => return Err(candle_core::Error::msg("a layer of the network has no bias").into()),
        };
        let zeros = || backend.zeros(outputs * inputs);
        let cos = if matches!(layer, Layer::Cos(_)) { Some([zeros()?, zeros()?]) } else { None };
        Ok(Self {
            inputs,
            outputs,
            weight: Parameter::new(backend, layer.weight(), Some(Sizes { rows: 0, inputs, outputs }))?,
            bias: Parameter::new(backend, &bias, None)?,
            cos,
            plain: if B::TRANSPOSED && passes_grad { Some(zeros()?) } else { None },
        })
    }

    pub(super) fn sizes(&self, rows: usize) -> Sizes {
        Sizes { rows, inputs: self.inputs, outputs: self.outputs }
    }

    /// The matrix that multiplies x, as weights are kept: W, or cos(W) if `refresh` has been called since W changed.
    fn matrix(&self) -> &B::Buffer {
        self.cos.as_ref().map_or(&self.weight.value, |[matrix, _]| matrix)
    }

    /// Follows a change of W.
    pub(super) fn refresh(&mut self, backend: &B) -> Result<()> {
        let sizes = self.sizes(0);
        if let Some([matrix, _]) = &mut self.cos {
            backend.cos(&self.weight.value, matrix)?;
        }
        let matrix = self.cos.as_ref().map_or(&self.weight.value, |[matrix, _]| matrix);
        if let Some(plain) = &mut self.plain {
            backend.transpose(sizes, matrix, plain)?;
        }
        Ok(())
    }

    pub(super) fn forward(
        &self,
        backend: &B,
        rows: usize,
        x: &B::Buffer,
        activation: Activation,
        y: &mut B::Buffer,
    ) -> Result<()> {
        Ok(backend.linear(self.sizes(rows), x, self.matrix(), &self.bias.value, activation, y)?)
    }

    /// Writes W's gradient, from that of the layer's sums and the layer's input x.
    pub(super) fn weight_grad(
        &mut self,
        backend: &B,
        rows: usize,
        x: &B::Buffer,
        grad: &B::Buffer,
        write: Write,
    ) -> Result<()> {
        let sizes = self.sizes(rows);
        let weight_grad = self.cos.as_mut().map_or(&mut self.weight.grad, |[_, grad]| grad);
        Ok(backend.weight_grad(sizes, x, grad, write, weight_grad)?)
    }

    /// The gradient of the sums before the relu that gave the layer's input x, from that of the layer's own sums, and
    /// with it the gradient of their bias. They are those of the layer `below`, or of this one, which has been applied to
    /// its own output and whose bias has the gradient of that application already.
    pub(super) fn input_grad(
        &mut self,
        backend: &B,
        rows: usize,
        grad: &B::Buffer,
        x: &B::Buffer,
        below: Option<&mut Self>,
        x_grad: &mut B::Buffer,
    ) -> Result<()> {
        let sizes = self.sizes(rows);
        let matrix = self.cos.as_ref().map_or(&self.weight.value, |[matrix, _]| matrix);
        let matrix = self.plain.as_ref().unwrap_or(matrix);
        let write = if below.is_none() { Write::Add } else { Write::Set };
        let bias = below.map_or(&mut self.bias, |below| &mut below.bias);
        Ok(backend.input_grad(sizes, grad, matrix, x, write, [x_grad, &mut bias.grad])?)
    }

    /// Turns the gradient of cos(W) into that of W, when all of it is there.
    pub(super) fn finish(&mut self, backend: &B) -> Result<()> {
        match &self.cos {
            Some([_, grad]) => Ok(backend.cos_grad(&self.weight.value, grad, &mut self.weight.grad)?),
            None => Ok(()),
        }
    }
}
