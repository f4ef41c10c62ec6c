//! Plans for people: their instructions with what they cost.

use std::collections::HashMap;
use std::fmt;
use std::ops::RangeInclusive;

use candle_core::{DType, Result, bail};
use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use serde::Serialize;

use super::compile::{Compiled, prediction, shares, training_step};
use super::cost::{bytes, flops};
use super::graph::{Parameter, Stored, parameters};
use super::instruction::{Epilogue, Factor, Instruction, Value};
use crate::nn::DynamicNet;
use crate::ops::kernels::{Columns, Operands, Write};
use crate::ops::{Activation, Loss, Saved};
use crate::optim::OptimizerConfig;

/// The instructions of a network's training step at one depth or at all, or of its prediction, as the CPU
/// executes them.
///
/// Its `Display` is a table, within the width asked for as in `format!("{plan:80}")`, its `Serialize` the
/// same as a document. Networks are compared at equal compute by [`flops`](Self::flops).
///
/// # Examples
///
/// ```
/// use candle_core::{DType, Device};
/// use candle_nn::VarMap;
/// use rand::SeedableRng;
/// use rand_chacha::ChaCha8Rng;
/// use taper::nn::{DynamicNet, ModelConfig, seeded_builder};
/// use taper::ops::Loss;
/// use taper::optim::{AdamWConfig, OptimizerConfig};
/// use taper::plan::Plan;
///
/// let vb = seeded_builder(&VarMap::new(), ChaCha8Rng::seed_from_u64(1), DType::F32, &Device::Cpu);
/// let net = DynamicNet::new(&ModelConfig::default().network(64, 1), vb)?;
/// let adamw = OptimizerConfig::AdamW(AdamWConfig::default());
/// let plan = Plan::training_step(&net, 2, 64, Loss::Mse, &adamw)?;
/// println!("{plan}");
/// assert!(plan.lines[0].instruction.starts_with("v0 = relu(x input.weight^T"));
/// # Ok::<(), candle_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// `depth 2`, `all depths` or `prediction`.
    pub name: String,
    /// The rows of its batch.
    pub rows: usize,
    /// In the order in which they run.
    pub lines: Vec<Line>,
    /// The floating-point operations of all instructions; a multiplication and an addition are two, a
    /// function of an element is one.
    pub flops: u64,
    /// The bytes that all instructions read and write, wherever they lie.
    pub bytes: u64,
}

/// An instruction of a [`Plan`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// The instruction as a formula: `x` are the features, `t` the targets, `v0`, `v1`, ... what is computed.
    pub instruction: String,
    /// The rows and columns of its result.
    pub shape: [usize; 2],
    /// Its floating-point operations.
    pub flops: u64,
    /// The bytes that it reads and writes.
    pub bytes: u64,
}

impl Plan {
    /// The training step of `net` at `depth` on `rows` rows.
    ///
    /// # Errors
    ///
    /// Fails when the network has no such depth.
    pub fn training_step(
        net: &DynamicNet,
        depth: usize,
        rows: usize,
        loss: Loss,
        optimizer: &OptimizerConfig,
    ) -> Result<Self> {
        if !net.depths().contains(&depth) {
            bail!("Plan: depth {depth}, expected one of {:?}", net.depths())
        }
        Self::step(format!("depth {depth}"), net, (depth..=depth, &[1.]), rows, loss, optimizer)
    }

    /// The training step of `net` on `rows` rows that has the losses of all depths: weighted by
    /// `depth_weights`, one for each depth, or equally where there are none; or as the network weighs them,
    /// if it learns its depths.
    ///
    /// # Errors
    ///
    /// Fails when there are more or fewer weights than depths.
    pub fn training_step_at_all_depths(
        net: &DynamicNet,
        depth_weights: &[f64],
        rows: usize,
        loss: Loss,
        optimizer: &OptimizerConfig,
    ) -> Result<Self> {
        let (depths, weights) = (net.depths(), depth_weights.len());
        let count = depths.clone().count();
        if weights != 0 && weights != count {
            bail!("Plan: {weights} weights of the depths {depths:?}, expected {count}")
        }
        let equal = vec![1.; count];
        let shares = shares(if weights == 0 { &equal } else { depth_weights });
        Self::step("all depths".to_owned(), net, (depths, &shares), rows, loss, optimizer)
    }

    /// The training step at `depths` with these shares of their losses.
    fn step(
        name: String,
        net: &DynamicNet,
        (depths, shares): (RangeInclusive<usize>, &[f64]),
        rows: usize,
        loss: Loss,
        optimizer: &OptimizerConfig,
    ) -> Result<Self> {
        let weights = Stored::Transposed;
        let parameters = parameters(net, weights);
        let compiled = training_step(net, &parameters, weights, depths, shares, loss)?;
        Ok(Self::new(name, net.dtype(), rows, &parameters, &compiled, Some(optimizer)))
    }

    /// The prediction of `net` for `rows` rows: its outputs at all depths, in one pass.
    ///
    /// # Errors
    ///
    /// Fails when the device has no memory for the functions of weights.
    pub fn prediction(net: &DynamicNet, rows: usize) -> Result<Self> {
        let (net, weights) = (&net.folded()?, Stored::Plain);
        let parameters = parameters(net, weights);
        let compiled = prediction(net, &parameters, weights)?;
        Ok(Self::new("prediction".to_owned(), net.dtype(), rows, &parameters, &compiled, None))
    }

    fn new(
        name: String,
        dtype: DType,
        rows: usize,
        parameters: &[Parameter],
        compiled: &Compiled,
        optimizer: Option<&OptimizerConfig>,
    ) -> Self {
        let names = Names::new(parameters, &compiled.instructions);
        let line = |instruction: &Instruction| {
            let (result, formula) = names.formula(instruction);
            Line {
                instruction: formula,
                shape: [result.rows.count(rows), result.columns],
                flops: flops(instruction, rows, optimizer),
                bytes: bytes(instruction, rows, dtype.size_in_bytes(), optimizer),
            }
        };
        let lines: Vec<_> = compiled.instructions.iter().map(line).collect();
        let (flops, bytes) =
            (lines.iter().map(|line| line.flops).sum(), lines.iter().map(|line| line.bytes).sum());
        Self { name, rows, lines, flops, bytes }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_style(ASCII_MARKDOWN);
        table.set_header([self.name.as_str(), "result", "flop", "bytes"]);
        for Line { instruction, shape: [rows, columns], flops, bytes } in &self.lines {
            table.add_row([
                instruction.clone(),
                format!("{rows} x {columns}"),
                flops.to_string(),
                bytes.to_string(),
            ]);
        }
        let sum = format!("{} instructions, {} rows", self.lines.len(), self.rows);
        table.add_row([sum, String::new(), self.flops.to_string(), self.bytes.to_string()]);
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        if let Some(width) = f.width() {
            table.set_content_arrangement(ContentArrangement::Dynamic);
            table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
        }
        f.write_str(&table.trim_fmt())
    }
}

/// The names of values by their numbers, and whether what lies in the buffer is the transpose of what is
/// named.
struct Names(HashMap<usize, (String, bool)>);

impl Names {
    fn new(parameters: &[Parameter], instructions: &[Instruction]) -> Self {
        let mut names = HashMap::new();
        for (number, Parameter { name, stored, .. }) in parameters.iter().enumerate() {
            names.insert(number, (name.clone(), *stored == Stored::Transposed));
        }
        names.insert(parameters.len(), ("x".to_owned(), false));
        names.insert(parameters.len() + 1, ("t".to_owned(), false));
        for instruction in instructions {
            if let Instruction::Update { parameter, grad } = instruction {
                let (name, transposed) = &names[&parameter.number];
                names.insert(grad.number, (format!("grad({name})"), *transposed));
            }
        }
        let mut others = 0;
        for (value, _) in instructions.iter().flat_map(|instruction| instruction.operands()) {
            names.entry(value.number).or_insert_with(|| {
                others += 1;
                (format!("v{}", others - 1), false)
            });
        }
        Self(names)
    }

    fn matrix(&self, value: Value) -> String {
        self.factor(Factor { matrix: value, transposed: false })
    }

    fn factor(&self, factor: Factor) -> String {
        let (name, stored_transposed) = &self.0[&factor.matrix.number];
        if factor.transposed == *stored_transposed { name.clone() } else { format!("{name}^T") }
    }

    /// The result of `instruction`, and the instruction as a formula.
    fn formula(&self, instruction: &Instruction) -> (Value, String) {
        let assign = |out: Value, write: Write, formula: &str| {
            let sign = if write == Write::Add { "+=" } else { "=" };
            (out, format!("{} {sign} {formula}", self.matrix(out)))
        };
        let matrix = |value| self.matrix(value);
        match *instruction {
            Instruction::Gemm { a, b, epilogue, out } => {
                let product = format!("{} {}", self.factor(a), self.factor(b));
                match epilogue {
                    Epilogue::Set => assign(out, Write::Set, &product),
                    Epilogue::Add => assign(out, Write::Add, &product),
                    Epilogue::BiasActivation { bias, activation } => {
                        let sum = format!("{product} + {}", matrix(bias));
                        let formula = match activation {
                            Activation::Identity => sum,
                            Activation::Relu => format!("relu({sum})"),
                        };
                        assign(out, Write::Set, &formula)
                    }
                    Epilogue::ReluBackward { output, bias_grad, write } => {
                        let (_, formula) =
                            assign(out, Write::Set, &format!("({product}) [{} > 0]", matrix(output)));
                        let (_, sums) = assign(bias_grad, write, &format!("sums of {}", matrix(out)));
                        (out, format!("{formula}, {sums}"))
                    }
                }
            }
            Instruction::Encode { x, out, .. } => {
                assign(out, Write::Set, &format!("encoding of {}", matrix(x)))
            }
            Instruction::Map { function, x, out } => {
                assign(out, Write::Set, &format!("{}({})", function.name(), matrix(x)))
            }
            Instruction::MapBackward { function, saved, grad, out } => {
                let of = match function.saves() {
                    Saved::Operand => matrix(saved),
                    Saved::Result => format!(".. = {}", matrix(saved)),
                };
                assign(out, Write::Set, &format!("{}'({of}) {}", function.name(), matrix(grad)))
            }
            Instruction::Dropout { rate, application, x, out } => assign(
                out,
                Write::Set,
                &format!("dropout({}, {rate}) of application {application}", matrix(x)),
            ),
            Instruction::Norm { kind, x, scale, shift, out } => {
                let operands: Vec<_> = [x, scale].into_iter().chain(shift).map(matrix).collect();
                assign(out, Write::Set, &format!("{}({})", kind.name(), operands.join(", ")))
            }
            Instruction::NormBackward { kind, x, scale, grad, out, terms } => {
                let operands = format!("({}, {}) {}", matrix(x), matrix(scale), matrix(grad));
                (out, format!("{}, {} = {}'{operands}", matrix(out), matrix(terms), kind.name()))
            }
            Instruction::Add { x, y, out } => {
                assign(out, Write::Set, &format!("{} + {}", matrix(x), matrix(y)))
            }
            Instruction::ColumnSums { x, write, out } => {
                assign(out, write, &format!("sums of {}", matrix(x)))
            }
            Instruction::Transpose { x, out } => {
                assign(out, Write::Set, &format!("transpose of {}", matrix(x)))
            }
            Instruction::Loss { loss, share, prediction, target, grad } => {
                let operands = format!("({}, {})", matrix(prediction), matrix(target));
                let share = if share == 1. { String::new() } else { format!("{share:.4} ") };
                let name = loss.name();
                (
                    grad,
                    format!("{} = {share}{name}'{operands}, loss += {share}{name}{operands}", matrix(grad)),
                )
            }
            Instruction::Columns { columns: Columns { count, from, to }, x, out } => {
                let range = |first: usize| format!("[{first}..{}]", first + count);
                let formula = format!("{}{} = {}{}", matrix(out), range(to), matrix(x), range(from));
                (out, formula)
            }
            Instruction::ExpectedLoss { operands, outputs_grad, gate_grad, .. } => {
                let Operands { outputs, gate, bias, target } = operands;
                let operands: Vec<_> = [outputs, target, bias].into_iter().chain(gate).map(matrix).collect();
                let operands = operands.join(", ");
                let [outputs_grad_name, gate_grad] = [outputs_grad, gate_grad].map(matrix);
                let grads = format!("{outputs_grad_name}, {gate_grad}");
                (
                    outputs_grad,
                    format!("{grads} = expected mse'({operands}), loss += expected mse({operands})"),
                )
            }
            Instruction::Update { parameter, grad } => {
                (parameter, format!("update {} with {}", matrix(parameter), matrix(grad)))
            }
        }
    }
}
