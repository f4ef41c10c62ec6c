//! A network as nodes: one or a few for each instruction of its plan.

use std::collections::HashMap;

use candle_core::{Result, bail};

use super::graph::{Attribute, Graph, Name, Type};
use crate::nn::{DynamicNet, Outputs};
use crate::ops::kernels::Encoding;
use crate::ops::{Activation, MapKind, NormKind};
use crate::plan::{Epilogue, Factor, Instruction, Steps, Value};

/// Adds the nodes of `net` for the features `x`, and returns its outputs and its gates.
pub(super) fn outputs(graph: &mut Graph, net: &DynamicNet, x: Name) -> Result<Outputs<Name>> {
    let steps = Steps::new(net)?;
    let names = HashMap::from([(steps.features, x)]);
    let mut network = Network { graph, steps: &steps, of: Type::of(net.dtype()), names };
    for instruction in &steps.instructions {
        network.push(instruction)?;
    }
    let Outputs { by_depth, gates } = &steps.outputs;
    let mut names = |values: &[Value]| values.iter().map(|&value| network.name(value)).collect::<Result<_>>();
    Ok(Outputs { by_depth: names(by_depth)?, gates: names(gates)? })
}

/// The translation of a plan.
struct Network<'a> {
    graph: &'a mut Graph,
    steps: &'a Steps,
    /// The type of all elements.
    of: Type,
    /// What values are called now: one that changes gets a new name.
    names: HashMap<usize, Name>,
}

impl Network<'_> {
    fn push(&mut self, instruction: &Instruction) -> Result<()> {
        let (result, out) = match *instruction {
            Instruction::Gemm { a, b, epilogue, out } => (self.product(a, b, epilogue, out)?, out),
            Instruction::Encode { encoding, x, out } => (self.encoded(encoding, x)?, out),
            Instruction::Map { function, x, out } => {
                let x = self.name(x)?;
                (self.mapped(function, &x), out)
            }
            Instruction::Norm { kind, x, scale, shift, out } => {
                (self.normalised(kind, x, scale, shift)?, out)
            }
            Instruction::Add { x, y, out } => {
                let (x, y) = (self.name(x)?, self.name(y)?);
                (self.graph.node("Add", &[&x, &y]), out)
            }
            Instruction::Transpose { x, out } => {
                let x = self.name(x)?;
                (self.graph.node("Transpose", &[&x]), out)
            }
            Instruction::MapBackward { .. }
            | Instruction::NormBackward { .. }
            | Instruction::Dropout { .. }
            | Instruction::ColumnSums { .. }
            | Instruction::Columns { .. }
            | Instruction::Loss { .. }
            | Instruction::ExpectedLoss { .. }
            | Instruction::Update { .. } => bail!("ONNX: a prediction has {instruction:?}"),
        };
        self.names.insert(out.number, result);
        Ok(())
    }

    /// What `value` is called; a parameter becomes a constant when it is first needed.
    fn name(&mut self, value: Value) -> Result<Name> {
        if let Some(name) = self.names.get(&value.number) {
            return Ok(name.clone());
        }
        let Some(parameter) = self.steps.parameters.get(value.number) else {
            bail!("ONNX: value {} is read before it is written", value.number)
        };
        let name = self.graph.tensor(&parameter.name, &parameter.tensor)?;
        self.names.insert(value.number, name.clone());
        Ok(name)
    }

    fn number(&mut self, number: f64) -> Name {
        self.graph.number(self.of, number)
    }

    fn product(&mut self, a: Factor, b: Factor, epilogue: Epilogue, out: Value) -> Result<Name> {
        let transposed = |name, factor: Factor| Attribute::Int(name, i64::from(factor.transposed));
        let attributes = [transposed("transA", a), transposed("transB", b)];
        let mut operands = vec![self.name(a.matrix)?, self.name(b.matrix)?];
        let is_relu = match epilogue {
            Epilogue::Set => false,
            Epilogue::Add => {
                operands.push(self.name(out)?);
                false
            }
            Epilogue::BiasActivation { bias, activation } => {
                operands.push(self.name(bias)?);
                activation == Activation::Relu
            }
            Epilogue::ReluBackward { .. } => bail!("ONNX: a prediction has the gradient of a relu"),
        };
        let operands: Vec<_> = operands.iter().collect();
        let product = self.graph.node_with("Gemm", &operands, &attributes);
        Ok(if is_relu { self.graph.node("Relu", &[&product]) } else { product })
    }

    /// z = min(max(scale x + shift, low), high) for the feature x of each column, or z / sqrt(1 + bend z^2).
    fn encoded(&mut self, encoding: Encoding<Value>, x: Value) -> Result<Name> {
        let Some(feature) = self.steps.parameters.get(encoding.feature.number) else {
            bail!("ONNX: the features of an encoding are no parameter")
        };
        let numbers = feature.tensor.to_dtype(candle_core::DType::F64)?.to_vec1::<f64>()?;
        let numbers: Vec<_> = numbers.into_iter().map(|number| number as i64).collect();
        let feature = self.graph.integers(&feature.name, &numbers);
        let x = self.name(x)?;
        let mut z = self.graph.node_with("Gather", &[&x, &feature], &[Attribute::Int("axis", 1)]);
        for (op, operand) in
            [("Mul", encoding.scale), ("Add", encoding.shift), ("Max", encoding.low), ("Min", encoding.high)]
        {
            let operand = self.name(operand)?;
            z = self.graph.node(op, &[&z, &operand]);
        }
        if let Some(bend) = encoding.bend {
            let (bend, one) = (self.name(bend)?, self.number(1.));
            let squares = self.graph.node("Mul", &[&z, &z]);
            let bent = self.graph.node("Mul", &[&squares, &bend]);
            let sum = self.graph.node("Add", &[&bent, &one]);
            let root = self.graph.node("Sqrt", &[&sum]);
            z = self.graph.node("Div", &[&z, &root]);
        }
        Ok(z)
    }

    fn mapped(&mut self, function: MapKind, x: &Name) -> Name {
        match function {
            MapKind::Relu => self.graph.node("Relu", &[x]),
            MapKind::Cos => self.graph.node("Cos", &[x]),
            MapKind::Silu => {
                let sigmoid = self.graph.node("Sigmoid", &[x]);
                self.graph.node("Mul", &[x, &sigmoid])
            }
            MapKind::Mish => {
                let softplus = self.softplus(x);
                let tanh = self.graph.node("Tanh", &[&softplus]);
                self.graph.node("Mul", &[x, &tanh])
            }
            MapKind::Gelu => self.gelu(x),
        }
    }

    /// log(1 + exp(x)), in f64 as max(x, 0) + log(1 + exp(-|x|)), since onnxruntime has it in f32 alone.
    fn softplus(&mut self, x: &Name) -> Name {
        if self.of == Type::Float {
            return self.graph.node("Softplus", &[x]);
        }
        let mut small = self.graph.node("Abs", &[x]);
        for op in ["Neg", "Exp"] {
            small = self.graph.node(op, &[&small]);
        }
        let one = self.number(1.);
        let sum = self.graph.node("Add", &[&small, &one]);
        let (log, positive) = (self.graph.node("Log", &[&sum]), self.graph.node("Relu", &[x]));
        self.graph.node("Add", &[&positive, &log])
    }

    /// x (1 + erf(x / sqrt(2))) / 2, whose erf is in f32, since onnxruntime has no other.
    fn gelu(&mut self, x: &Name) -> Name {
        let (root, half, one) = (self.number(0.5f64.sqrt()), self.number(0.5), self.number(1.));
        let scaled = self.graph.node("Mul", &[x, &root]);
        let erf = if self.of == Type::Float {
            self.graph.node("Erf", &[&scaled])
        } else {
            let single = self.graph.cast(&scaled, Type::Float);
            let erf = self.graph.node("Erf", &[&single]);
            self.graph.cast(&erf, self.of)
        };
        let sum = self.graph.node("Add", &[&erf, &one]);
        let halved = self.graph.node("Mul", &[x, &half]);
        self.graph.node("Mul", &[&halved, &sum])
    }

    /// x normalised by rows, times the scale, and plus the shift if there is one.
    fn normalised(&mut self, kind: NormKind, x: Value, scale: Value, shift: Option<Value>) -> Result<Name> {
        if kind == NormKind::Batch {
            bail!("ONNX: a prediction has a batch norm, expected it folded into the products")
        }
        let mut x = self.name(x)?;
        if kind.is_centred() {
            let mean = self.mean(&x);
            x = self.graph.node("Sub", &[&x, &mean]);
        }
        let squares = self.graph.node("Mul", &[&x, &x]);
        let (mean, epsilon) = (self.mean(&squares), self.number(NormKind::EPSILON));
        let sum = self.graph.node("Add", &[&mean, &epsilon]);
        let root = self.graph.node("Sqrt", &[&sum]);
        let mut z = self.graph.node("Div", &[&x, &root]);
        for (op, operand) in [("Mul", Some(scale)), ("Add", shift)] {
            if let Some(operand) = operand {
                let operand = self.name(operand)?;
                z = self.graph.node(op, &[&z, &operand]);
            }
        }
        Ok(z)
    }

    /// The mean of each row, (N, 1).
    fn mean(&mut self, x: &Name) -> Name {
        self.graph.node_with("ReduceMean", &[x], &[Attribute::Ints("axes", vec![1])])
    }
}
