//! The instructions of a network's forward pass, and the gradient by a rule for each of them.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use candle_core::{Result, Tensor, TensorId, bail};

use super::instruction::{Access, Epilogue, Factor, Instruction, Rows, Value};
use super::numbered::Numbered;
use crate::nn::forward::Forward;
use crate::nn::{DynamicNet, EncodingLayer, Gate, Layer, NormLayer, Outputs};
use crate::ops::kernels::{Columns, Operands, Write};
use crate::ops::{Activation, Loss, MapKind, NormKind, Saved};

/// How a device stores the weight (out, in) of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    /// As it is.
    Plain,
    /// As its transpose (in, out), which a product of rows of activations reads in the order of memory.
    Transposed,
}

/// A parameter of a network as a plan knows it.
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    /// The network's tensor.
    pub(crate) tensor: Tensor,
    pub(crate) stored: Stored,
}

/// The parameters of `net`, sorted by name.
pub(crate) fn parameters(net: &DynamicNet, weights: Stored) -> Vec<Parameter> {
    let parameter = |(name, tensor): (String, &Tensor)| {
        let stored = if tensor.rank() == 2 { weights } else { Stored::Plain };
        Parameter { name, tensor: tensor.clone(), stored }
    };
    let mut parameters: Vec<_> = net.named_parameters().map(parameter).collect();
    parameters.sort_by(|a, b| a.name.cmp(&b.name));
    parameters
}

/// Instructions in single assignment: every value is written once.
///
/// The parameters have the first numbers, then come the features and the targets of a batch, then everything
/// that is computed.
#[derive(Debug)]
pub(super) struct Graph {
    pub(super) instructions: Vec<Instruction>,
    pub(super) parameters: Vec<Value>,
    by_tensor: HashMap<TensorId, Value>,
    stored: Stored,
    /// Whether its forward pass is that of a training step.
    trains: bool,
    pub(super) features: Value,
    next: usize,
    /// The functions of parameters, which come first.
    mapped: HashMap<(MapKind, Value), Value>,
}

impl Graph {
    pub(super) fn new(net: &DynamicNet, parameters: &[Parameter], stored: Stored, trains: bool) -> Self {
        let value = |(number, parameter): (usize, &Parameter)| {
            let (rows, columns) = match (parameter.tensor.dims(), parameter.stored) {
                (&[outputs, inputs], Stored::Plain) => (outputs, inputs),
                (&[outputs, inputs], Stored::Transposed) => (inputs, outputs),
                _ => (1, parameter.tensor.elem_count()),
            };
            Value { number, rows: Rows::Fixed(rows), columns }
        };
        let values: Vec<_> = parameters.iter().enumerate().map(value).collect();
        let ids = parameters.iter().map(|parameter| parameter.tensor.id());
        let columns = net.spec().in_features;
        Self {
            instructions: Vec::new(),
            by_tensor: ids.zip(values.iter().copied()).collect(),
            stored,
            trains,
            features: Value { number: values.len(), rows: Rows::Batch, columns },
            next: values.len() + 2,
            mapped: HashMap::new(),
            parameters: values,
        }
    }

    /// The instructions of `net` for the features of a batch, and its outputs at each of `depths`.
    pub(super) fn forward(
        &mut self,
        net: &DynamicNet,
        depths: RangeInclusive<usize>,
    ) -> Result<Outputs<Value>> {
        let features = self.features;
        net.forward_with(self, &features, depths)
    }

    /// Appends these shares of the losses of `predictions`, the gradients of the parameters and their
    /// updates.
    pub(super) fn backward(&mut self, loss: Loss, predictions: &[Value], shares: &[f64]) {
        let of = |(&prediction, &share): (&Value, &f64)| {
            let target = self.target(prediction.columns / loss.outputs());
            let grad = self.value(prediction.rows, prediction.columns);
            Instruction::Loss { loss, share, prediction, target, grad }
        };
        let losses: Vec<_> = predictions.iter().zip(shares).map(of).collect();
        self.backward_from(&losses);
    }

    /// Appends the loss that is expected of the `outputs` at all depths, whose probabilities are learned by
    /// `gate`, the gradients of the parameters and their updates.
    pub(super) fn backward_expected(&mut self, gate: &Gate, outputs: &Outputs<Value>) -> Result<()> {
        let Outputs { by_depth, gates } = outputs;
        let (depths, targets) = (by_depth.len(), by_depth[0].columns);
        let operands = Operands {
            outputs: self.side_by_side(by_depth),
            gate: (!gates.is_empty()).then(|| self.side_by_side(gates)),
            bias: self.parameter(gate.bias())?,
            target: self.target(targets),
        };
        let outputs_grad = self.value(Rows::Batch, depths * targets);
        let gate_grad = self.value(Rows::Batch, depths - 1);
        let prior = gate.prior();
        self.backward_from(&[Instruction::ExpectedLoss { prior, operands, outputs_grad, gate_grad }]);
        Ok(())
    }

    /// The targets of a batch.
    fn target(&self, columns: usize) -> Value {
        Value { number: self.features.number + 1, rows: Rows::Batch, columns }
    }

    /// The sum of the values, of which there is at least one.
    pub(super) fn sum(&mut self, values: &[Value]) -> Value {
        let mut sum = values[0];
        for &y in &values[1..] {
            let out = self.value(sum.rows, sum.columns);
            self.instructions.push(Instruction::Add { x: sum, y, out });
            sum = out;
        }
        sum
    }

    /// One matrix of the columns of several.
    fn side_by_side(&mut self, parts: &[Value]) -> Value {
        let out = self.value(Rows::Batch, parts.iter().map(|part| part.columns).sum());
        let mut to = 0;
        for &x in parts {
            let columns = Columns { count: x.columns, from: 0, to };
            self.instructions.push(Instruction::Columns { columns, x, out });
            to += x.columns;
        }
        out
    }

    /// Appends the losses, the gradients of the parameters and their updates.
    fn backward_from(&mut self, losses: &[Instruction]) {
        let forward = self.instructions.clone();
        let mut grads = Gradients { of: Numbered::default(), differentiable: self.differentiable() };
        for loss in losses {
            self.instructions.push(*loss);
            self.differentiate(loss, &mut grads);
        }
        for instruction in forward.iter().rev() {
            self.differentiate(instruction, &mut grads);
        }
        for &parameter in &self.parameters {
            if let Some(grad) = grads.of.get(parameter.number) {
                self.instructions.push(Instruction::Update { parameter, grad });
            }
        }
    }

    /// The number of the first value that an instruction computes.
    pub(super) fn first_computed(&self) -> usize {
        self.features.number + 2
    }

    /// The number of the next new value.
    pub(super) fn next_number(&self) -> usize {
        self.next
    }

    /// The rule of each instruction: what it adds to the gradients of its operands, given that of its result.
    ///
    /// ```text
    /// C = A B          dA += dC B^T, dB += A^T dC
    /// C = A B^T        dA += dC B,   dB += dC^T A
    /// C = A B + bias   besides, dbias += the sums of dC's columns
    /// y = f(x)         dx += f'(x) dy
    /// z = x + y        dx += dz, dy += dz
    /// y = m x          dx += m dy, for the mask m of dropout
    /// y = (.. x ..)    dx += the same columns of dy
    /// y = n(x) s + t   dx += what the kernel gives, ds += the sums of the columns of dy n(x), dt += those of dy
    /// ```
    fn differentiate(&mut self, instruction: &Instruction, grads: &mut Gradients) {
        let grad_of = |value: Value| grads.of.get(value.number);
        match *instruction {
            Instruction::Gemm { a, b, epilogue, out } => {
                let Some(grad) = grad_of(out) else { return };
                if let Epilogue::BiasActivation { bias, .. } = epilogue {
                    self.contribute(grads, bias, |x| Instruction::ColumnSums {
                        x: grad,
                        write: Write::Set,
                        out: x,
                    });
                }
                // No layer transposes its input, and the rule below is for plain left factors.
                debug_assert!(!a.transposed, "the left factor of a forward product is transposed");
                let product = |a, b| move |out| Instruction::Gemm { a, b, epilogue: Epilogue::Set, out };
                let (left, right) = if b.transposed { (grad, a.matrix) } else { (a.matrix, grad) };
                self.contribute(grads, b.matrix, product(Factor::transposed(left), Factor::plain(right)));
                let b = Factor { transposed: !b.transposed, ..b };
                self.contribute(grads, a.matrix, product(Factor::plain(grad), b));
            }
            Instruction::Map { function, x, out } => {
                let Some(grad) = grad_of(out) else { return };
                let saved = match function.saves() {
                    Saved::Operand => x,
                    Saved::Result => out,
                };
                self.contribute(grads, x, |out| Instruction::MapBackward { function, saved, grad, out });
            }
            Instruction::Add { x, y, out } => {
                let Some(grad) = grad_of(out) else { return };
                self.add_gradient(grads, x, grad);
                self.add_gradient(grads, y, grad);
            }
            Instruction::Dropout { rate, application, x, out } => {
                let Some(grad) = grad_of(out) else { return };
                self.contribute(grads, x, |out| Instruction::Dropout { rate, application, x: grad, out });
            }
            Instruction::Columns { columns: Columns { count, from, to }, x, out } => {
                let Some(grad) = grad_of(out) else { return };
                // What is not written to would have to be 0.
                debug_assert!(count == x.columns, "a forward pass leaves columns out");
                let columns = Columns { count, from: to, to: from };
                self.contribute(grads, x, |out| Instruction::Columns { columns, x: grad, out });
            }
            Instruction::Norm { kind, x, scale, shift, out } => {
                let Some(grad) = grad_of(out) else { return };
                let [out, terms] = [(); 2].map(|()| self.value(x.rows, x.columns));
                self.instructions.push(Instruction::NormBackward { kind, x, scale, grad, out, terms });
                let sums = |x| move |out| Instruction::ColumnSums { x, write: Write::Set, out };
                self.contribute(grads, scale, sums(terms));
                if let Some(shift) = shift {
                    self.contribute(grads, shift, sums(grad));
                }
                self.add_gradient(grads, x, out);
            }
            Instruction::Loss { prediction, grad, .. } => {
                *grads.of.place(prediction.number) = Some(grad);
            }
            Instruction::ExpectedLoss { operands, outputs_grad, gate_grad, .. } => {
                *grads.of.place(operands.outputs.number) = Some(outputs_grad);
                if let Some(gate) = operands.gate {
                    *grads.of.place(gate.number) = Some(gate_grad);
                }
                self.contribute(grads, operands.bias, |out| Instruction::ColumnSums {
                    x: gate_grad,
                    write: Write::Set,
                    out,
                });
            }
            // Features are data, and their encoding is constant.
            Instruction::Encode { .. }
            // Not part of a forward pass.
            | Instruction::MapBackward { .. }
            | Instruction::NormBackward { .. }
            | Instruction::ColumnSums { .. }
            | Instruction::Transpose { .. }
            | Instruction::Update { .. } => {}
        }
    }

    /// Adds what `instruction` computes to the gradient of `operand`, if a parameter depends on it.
    fn contribute(
        &mut self,
        grads: &mut Gradients,
        operand: Value,
        instruction: impl FnOnce(Value) -> Instruction,
    ) {
        if grads.differentiable.get(operand.number) {
            let out = self.value(operand.rows, operand.columns);
            self.instructions.push(instruction(out));
            self.add_gradient(grads, operand, out);
        }
    }

    fn add_gradient(&mut self, grads: &mut Gradients, operand: Value, grad: Value) {
        if !grads.differentiable.get(operand.number) {
            return;
        }
        let sum = match grads.of.get(operand.number) {
            None => grad,
            Some(before) => {
                let out = self.value(operand.rows, operand.columns);
                self.instructions.push(Instruction::Add { x: before, y: grad, out });
                out
            }
        };
        *grads.of.place(operand.number) = Some(sum);
    }

    /// The numbers of the parameters and of everything that depends on one.
    fn differentiable(&self) -> Numbered<bool> {
        let mut numbers = Numbered::default();
        for parameter in &self.parameters {
            *numbers.place(parameter.number) = true;
        }
        for instruction in &self.instructions {
            if let Instruction::Encode { .. } = instruction {
                continue;
            }
            let operands = instruction.operands();
            if operands.clone().any(|(value, _)| numbers.get(value.number)) {
                for (value, _) in operands.filter(|(_, access)| *access == Access::Write) {
                    *numbers.place(value.number) = true;
                }
            }
        }
        numbers
    }

    /// A new value.
    fn value(&mut self, rows: Rows, columns: usize) -> Value {
        let value = Value { number: self.next, rows, columns };
        self.next += 1;
        value
    }

    /// f(x) for a parameter x, computed once and before everything else: so its gradient is computed after
    /// everything else, and the instructions of a layer stay neighbours.
    fn map_parameter(&mut self, function: MapKind, x: Value) -> Value {
        if let Some(&out) = self.mapped.get(&(function, x)) {
            return out;
        }
        let out = self.value(x.rows, x.columns);
        self.instructions.insert(self.mapped.len(), Instruction::Map { function, x, out });
        self.mapped.insert((function, x), out);
        out
    }

    fn parameter(&self, tensor: &Tensor) -> Result<Value> {
        match self.by_tensor.get(&tensor.id()) {
            Some(&value) => Ok(value),
            None => bail!("a layer has a parameter {:?} that its network does not name", tensor.dims()),
        }
    }
}

impl Forward for Graph {
    type Value = Value;

    fn encode(&mut self, encoding: &EncodingLayer, &x: &Value) -> Result<Value> {
        let constants = encoding.constants();
        let out = self.value(x.rows, constants.feature.elem_count());
        let encoding = constants.try_map(|constant| self.parameter(constant))?;
        self.instructions.push(Instruction::Encode { encoding, x, out });
        Ok(out)
    }

    fn layer(&mut self, layer: &Layer, x: &Value, activation: Activation) -> Result<Value> {
        let parameters = layer.parameters();
        let mut weight = self.parameter(parameters.weight())?;
        if let Layer::Cos(_) = layer {
            weight = self.map_parameter(MapKind::Cos, weight);
        }
        let b = Factor { matrix: weight, transposed: self.stored == Stored::Plain };
        let out = self.value(x.rows, parameters.weight().dims()[0]);
        let epilogue = match parameters.bias() {
            Some(bias) => {
                let bias = self.parameter(bias)?;
                Epilogue::BiasActivation { bias, activation: Activation::Identity }
            }
            None => Epilogue::Set,
        };
        self.instructions.push(Instruction::Gemm { a: Factor::plain(*x), b, epilogue, out });
        match activation {
            Activation::Identity => Ok(out),
            Activation::Relu => self.map(MapKind::Relu, &out),
        }
    }

    fn add(&mut self, &x: &Value, &y: &Value) -> Result<Value> {
        let out = self.value(x.rows, x.columns);
        self.instructions.push(Instruction::Add { x, y, out });
        Ok(out)
    }

    fn map(&mut self, function: MapKind, &x: &Value) -> Result<Value> {
        let out = self.value(x.rows, x.columns);
        self.instructions.push(Instruction::Map { function, x, out });
        Ok(out)
    }

    fn dropout(&mut self, rate: f64, application: usize, &x: &Value) -> Result<Value> {
        if !self.trains {
            return Ok(x);
        }
        let out = self.value(x.rows, x.columns);
        self.instructions.push(Instruction::Dropout { rate, application, x, out });
        Ok(out)
    }

    fn norm(&mut self, norm: &NormLayer, _: usize, &x: &Value) -> Result<Value> {
        if norm.kind() == NormKind::Batch && !self.trains {
            bail!("a plan of a prediction has a batch norm, expected it folded into the products");
        }
        let scale = self.parameter(norm.scale())?;
        let shift = norm.shift().map(|shift| self.parameter(shift)).transpose()?;
        let out = self.value(x.rows, x.columns);
        self.instructions.push(Instruction::Norm { kind: norm.kind(), x, scale, shift, out });
        Ok(out)
    }
}

/// The gradients that are known so far.
struct Gradients {
    /// By the number of the value that they are the gradient of.
    of: Numbered<Option<Value>>,
    /// The numbers of the values that a parameter reaches.
    differentiable: Numbered<bool>,
}
