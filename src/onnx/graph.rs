//! An ONNX graph that is being built: nodes, constants, inputs and outputs, each with a name.
//!
//! The numbers of fields are those of `onnx.proto` at IR version 8:
//! <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>.

use std::collections::HashSet;

use candle_core::{DType, Result, Tensor, bail};

use super::message::Message;

/// The type of the elements of a tensor, with its number in `TensorProto.DataType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Float = 1,
    Int64 = 7,
    Text = 8,
    Bool = 9,
    Double = 11,
}

/// The name of a value of a graph.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Name(String);

/// An attribute of a node.
#[derive(Debug, Clone)]
pub(super) enum Attribute<'a> {
    Int(&'a str, i64),
    Ints(&'a str, Vec<i64>),
    Texts(&'a str, Vec<String>),
}

/// A graph.
#[derive(Debug, Default)]
pub(super) struct Graph {
    nodes: Vec<Message>,
    constants: Vec<Message>,
    inputs: Vec<Message>,
    outputs: Vec<Message>,
    /// The names that values have.
    taken: HashSet<String>,
}

impl Graph {
    /// A graph in which nothing but an input or an output has one of the names `kept`.
    pub(super) fn new(kept: impl IntoIterator<Item = String>) -> Self {
        Self { taken: kept.into_iter().collect(), ..Self::default() }
    }

    /// The input `name`, which was kept, with a number or text for each row, (N, 1).
    pub(super) fn input(&mut self, name: &str, of: Type) -> Name {
        self.inputs.push(column(name, of));
        Name(name.to_owned())
    }

    /// As [`input`](Self::input) of numbers in a `unit`, which the graph says.
    pub(super) fn input_in(&mut self, unit: &str, name: &str) -> Name {
        self.inputs.push(column(name, Type::Double).bytes(3, unit));
        Name(name.to_owned())
    }

    /// Makes `value`, of numbers (N, 1) in f64, the output `name`, which was kept.
    pub(super) fn output(&mut self, name: &str, value: &Name) {
        self.push("Identity", &[value], &[name], &[]);
        self.outputs.push(column(name, Type::Double));
    }

    /// What the operator `op` makes of `inputs`.
    pub(super) fn node(&mut self, op: &str, inputs: &[&Name]) -> Name {
        self.node_with(op, inputs, &[])
    }

    /// What the operator `op` makes of `inputs` with these attributes.
    pub(super) fn node_with(&mut self, op: &str, inputs: &[&Name], attributes: &[Attribute]) -> Name {
        let name = self.new_name(&op.to_lowercase());
        self.push(op, inputs, &[&name.0], attributes);
        name
    }

    /// `values` in ascending order along an axis of `count` of them.
    pub(super) fn ascending(&mut self, values: &Name, axis: i64, count: usize) -> Name {
        let count = self.integers("count", &[count as i64]);
        let [sorted, places] = ["sorted", "places"].map(|hint| self.new_name(hint));
        let attributes = [Attribute::Int("axis", axis), Attribute::Int("largest", 0)];
        self.push("TopK", &[values, &count], &[&sorted.0, &places.0], &attributes);
        sorted
    }

    /// `value` with elements of another type.
    pub(super) fn cast(&mut self, value: &Name, to: Type) -> Name {
        self.node_with("Cast", &[value], &[Attribute::Int("to", to as i64)])
    }

    fn push(&mut self, op: &str, inputs: &[&Name], outputs: &[&str], attributes: &[Attribute]) {
        let mut node = Message::default();
        for input in inputs {
            node = node.bytes(1, &input.0);
        }
        for output in outputs {
            node = node.bytes(2, output);
        }
        node = node.bytes(4, op).messages(5, attributes.iter().map(Attribute::message));
        if ML_OPERATORS.contains(&op) {
            node = node.bytes(7, ML);
        }
        self.nodes.push(node);
    }

    /// The sum of `terms`, of which there is at least one.
    pub(super) fn sum(&mut self, terms: &[Name]) -> Name {
        let mut sum = terms[0].clone();
        for term in &terms[1..] {
            sum = self.node("Add", &[&sum, term]);
        }
        sum
    }

    /// Constants of `of`, in f64 or rounded to f32.
    pub(super) fn numbers(&mut self, hint: &str, of: Type, shape: &[usize], numbers: &[f64]) -> Name {
        let raw: Vec<u8> = match of {
            Type::Float => numbers.iter().flat_map(|&number| (number as f32).to_le_bytes()).collect(),
            _ => numbers.iter().flat_map(|number| number.to_le_bytes()).collect(),
        };
        self.constant(hint, of, shape, &raw)
    }

    /// A constant that is one number.
    pub(super) fn number(&mut self, of: Type, number: f64) -> Name {
        self.numbers("number", of, &[], &[number])
    }

    /// Constants that count.
    pub(super) fn integers(&mut self, hint: &str, integers: &[i64]) -> Name {
        let raw: Vec<u8> = integers.iter().flat_map(|integer| integer.to_le_bytes()).collect();
        self.constant(hint, Type::Int64, &[integers.len()], &raw)
    }

    /// The elements of `tensor`, of f32 or f64, as a constant that is called `hint` if nothing else is.
    pub(super) fn tensor(&mut self, hint: &str, tensor: &Tensor) -> Result<Name> {
        let flat = tensor.flatten_all()?;
        let raw: Vec<u8> = match tensor.dtype() {
            DType::F32 => flat.to_vec1::<f32>()?.into_iter().flat_map(f32::to_le_bytes).collect(),
            DType::F64 => flat.to_vec1::<f64>()?.into_iter().flat_map(f64::to_le_bytes).collect(),
            dtype => bail!("ONNX: {hint} is {dtype:?}, expected F32 or F64"),
        };
        Ok(self.constant(hint, Type::of(tensor.dtype()), tensor.dims(), &raw))
    }

    fn constant(&mut self, hint: &str, of: Type, shape: &[usize], raw: &[u8]) -> Name {
        let name = self.new_name(hint);
        let dims = shape.iter().fold(Message::default(), |tensor, &size| tensor.int(1, size as i64));
        self.constants.push(dims.int(2, of as i64).bytes(8, &name.0).bytes(9, raw));
        name
    }

    /// `hint`, or where it is taken with a number behind it.
    fn new_name(&mut self, hint: &str) -> Name {
        let numbered = (2..).map(|number: usize| format!("{hint}_{number}"));
        let mut names = [hint.to_owned()].into_iter().chain(numbered);
        // There are more numbers than names.
        let name = names.find(|name| !self.taken.contains(name)).unwrap_or_default();
        self.taken.insert(name.clone());
        Name(name)
    }

    /// The bytes of the model of this graph, with facts about it.
    pub(super) fn into_model(self, version: &str, facts: Vec<(&str, String)>) -> Vec<u8> {
        let graph = Message::default()
            .messages(1, self.nodes)
            .bytes(2, "taper")
            .messages(5, self.constants)
            .messages(11, self.inputs)
            .messages(12, self.outputs);
        let operators = [("", OPSET), (ML, ML_OPSET)];
        let operators =
            operators.map(|(domain, version)| Message::default().bytes(1, domain).int(2, version));
        let fact = |(key, value): (&str, String)| Message::default().bytes(1, key).bytes(2, value);
        Message::default()
            .int(1, IR_VERSION)
            .bytes(2, "taper")
            .bytes(3, version)
            .message(7, graph)
            .messages(8, operators)
            .messages(14, facts.into_iter().map(fact))
            .into_bytes()
    }
}

/// The versions of the format and of the operators: those of ONNX 1.12 (2022), which every runtime since then
/// reads.
const IR_VERSION: i64 = 8;
const OPSET: i64 = 17;
const ML_OPSET: i64 = 3;
/// The domain of the operators that turn texts into numbers.
const ML: &str = "ai.onnx.ml";
const ML_OPERATORS: [&str; 2] = ["LabelEncoder", "OneHotEncoder"];

impl Type {
    /// That of the elements of a network.
    pub(super) fn of(dtype: DType) -> Self {
        if dtype == DType::F32 { Self::Float } else { Self::Double }
    }
}

impl Attribute<'_> {
    fn message(&self) -> Message {
        match self {
            Self::Int(name, value) => Message::default().bytes(1, name).int(3, *value).int(20, 2),
            Self::Ints(name, values) => {
                let named = Message::default().bytes(1, name);
                values.iter().fold(named, |attribute, &value| attribute.int(8, value)).int(20, 7)
            }
            Self::Texts(name, values) => {
                let named = Message::default().bytes(1, name);
                values.iter().fold(named, |attribute, value| attribute.bytes(9, value)).int(20, 8)
            }
        }
    }
}

/// The description of an input or an output (N, 1).
fn column(name: &str, of: Type) -> Message {
    let sizes = [Message::default().bytes(2, "N"), Message::default().int(1, 1)];
    let shape = Message::default().messages(1, sizes);
    let tensor = Message::default().int(1, of as i64).message(2, shape);
    Message::default().bytes(1, name).message(2, Message::default().message(1, tensor))
}
