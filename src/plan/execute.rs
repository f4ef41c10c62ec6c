//! The execution of instructions, the same on every device.

use std::ops::DerefMut;

use candle_core::{Result, bail};

use super::device::Device;
use super::instruction::{Epilogue, Factor, Instruction, Value, expected_loss};
use crate::ops::kernels::Operands;
use crate::ops::{Dropout, seed_of};

/// The buffers that are not parameters. An instruction takes those that it writes, and puts them back; boxed,
/// each is a pointer to move.
pub(crate) type Others<B> = [Option<Box<B>>];

/// The buffers that instructions name by number: the parameters have the first numbers, the others follow.
#[derive(Debug)]
pub(crate) struct Memory<'a, B> {
    /// Only read.
    pub(crate) parameters: &'a [B],
    pub(crate) others: &'a mut Others<B>,
}

impl<B> Memory<'_, B> {
    /// The buffer of `value`.
    pub(super) fn read(&self, value: Value) -> Result<&B> {
        let buffer = match value.number.checked_sub(self.parameters.len()) {
            None => self.parameters.get(value.number),
            Some(other) => self.others.get(other).and_then(Option::as_deref),
        };
        match buffer {
            Some(buffer) => Ok(buffer),
            None => bail!("the plan reads buffer {}, which does not exist or is being written", value.number),
        }
    }

    fn take(&mut self, value: Value) -> Result<Box<B>> {
        let other = value.number.checked_sub(self.parameters.len());
        match other.and_then(|other| self.others.get_mut(other)?.take()) {
            Some(buffer) => Ok(buffer),
            None => bail!("the plan writes buffer {}, which does not exist or is read-only", value.number),
        }
    }

    fn put(&mut self, value: Value, buffer: Box<B>) {
        self.others[value.number - self.parameters.len()] = Some(buffer);
    }

    /// Moves the rows of `value` at these positions, which ascend, to its start.
    pub(super) fn keep_rows<T: Copy>(&mut self, value: Value, positions: &[usize]) -> Result<()>
    where
        B: DerefMut<Target = [T]>,
    {
        let (mut buffer, columns) = (self.take(value)?, value.columns);
        for (to, from) in positions.iter().enumerate() {
            buffer.copy_within(from * columns..(from + 1) * columns, to * columns);
        }
        self.put(value, buffer);
        Ok(())
    }

    /// Lets `work` write the buffer of `value`.
    fn write(&mut self, value: Value, work: impl FnOnce(&Self, &mut B) -> Result<()>) -> Result<()> {
        let mut buffer = self.take(value)?;
        let result = work(self, &mut buffer);
        self.put(value, buffer);
        result
    }
}

/// Runs `instructions` in order for a batch of `rows` rows; the masks of dropout come from `seed`, which is
/// another in each step. Updates are left to the caller, who owns the optimiser.
pub(crate) fn execute<D: Device>(
    device: &mut D,
    instructions: &[Instruction],
    rows: usize,
    seed: u64,
    memory: &mut Memory<D::Buffer>,
) -> Result<()> {
    instructions.iter().try_for_each(|instruction| step(device, instruction, rows, seed, memory))
}

fn step<D: Device>(
    device: &mut D,
    instruction: &Instruction,
    rows: usize,
    seed: u64,
    memory: &mut Memory<D::Buffer>,
) -> Result<()> {
    match *instruction {
        Instruction::Gemm { a, b, ref epilogue, out } => gemm(device, [a, b], epilogue, out, rows, memory),
        Instruction::Encode { encoding, x, out } => {
            let shape = [x.rows.count(rows), x.columns, out.columns];
            memory.write(out, |memory, out| {
                device.encode(shape, encoding.try_map(|part| memory.read(part))?, memory.read(x)?, out)
            })
        }
        Instruction::Map { function, x, out } => {
            memory.write(out, |memory, out| device.map(function, x.len(rows), memory.read(x)?, out))
        }
        Instruction::MapBackward { function, saved, grad, out } => memory.write(out, |memory, out| {
            let (saved, len) = (memory.read(saved)?, grad.len(rows));
            device.map_backward(function, len, saved, memory.read(grad)?, out)
        }),
        Instruction::Dropout { rate, application, x, out } => memory.write(out, |memory, out| {
            let dropout = Dropout { rate, seed: seed_of(seed, application as u64) };
            device.dropout(dropout, x.len(rows), memory.read(x)?, out)
        }),
        Instruction::Norm { kind, x, scale, shift, out } => memory.write(out, |memory, out| {
            let shift = shift.map(|shift| memory.read(shift)).transpose()?;
            let shape = [x.rows.count(rows), x.columns];
            device.norm(kind, shape, memory.read(x)?, memory.read(scale)?, shift, out)
        }),
        Instruction::NormBackward { kind, x, scale, grad, out, terms } => {
            let mut written = memory.take(terms)?;
            let result = memory.write(out, |memory, out| {
                let (shape, x) = ([x.rows.count(rows), x.columns], memory.read(x)?);
                let operands = [x, memory.read(scale)?, memory.read(grad)?];
                device.norm_backward(kind, shape, operands, out, &mut written)
            });
            memory.put(terms, written);
            result
        }
        Instruction::Add { x, y, out } => {
            memory.write(out, |memory, out| device.add(x.len(rows), memory.read(x)?, memory.read(y)?, out))
        }
        Instruction::ColumnSums { x, write, out } => memory.write(out, |memory, out| {
            device.column_sums([x.rows.count(rows), x.columns], memory.read(x)?, write, out)
        }),
        Instruction::Transpose { x, out } => memory.write(out, |memory, out| {
            device.transpose([x.rows.count(rows), x.columns], memory.read(x)?, out)
        }),
        Instruction::Columns { columns, x, out } => {
            let (width, out_width, count) = (x.columns, out.columns, x.rows.count(rows));
            memory.write(out, |memory, out| {
                device.copy_columns(count, columns, (memory.read(x)?, width), (out, out_width))
            })
        }
        Instruction::ExpectedLoss { prior, operands, outputs_grad, gate_grad } => {
            let loss = expected_loss(prior, &operands);
            let mut gate_grads = memory.take(gate_grad)?;
            let result = memory.write(outputs_grad, |memory, outputs_grads| {
                let Operands { outputs, gate, bias, target } = operands;
                let operands = Operands {
                    outputs: memory.read(outputs)?,
                    gate: gate.map(|gate| memory.read(gate)).transpose()?,
                    bias: memory.read(bias)?,
                    target: memory.read(target)?,
                };
                device.expected_loss(loss, rows, operands, [outputs_grads, &mut gate_grads])
            });
            memory.put(gate_grad, gate_grads);
            result
        }
        Instruction::Loss { loss, share, prediction, target, grad } => memory.write(grad, |memory, grad| {
            let (len, weights) = (prediction.len(rows), [share * rows as f64, share]);
            device.loss(loss, len, weights, memory.read(prediction)?, memory.read(target)?, grad)
        }),
        Instruction::Update { .. } => bail!("an update is not part of the passes of a plan"),
    }
}

fn gemm<D: Device>(
    device: &D,
    [a, b]: [Factor; 2],
    epilogue: &Epilogue,
    out: Value,
    rows: usize,
    memory: &mut Memory<D::Buffer>,
) -> Result<()> {
    let ([m, k], [_, n]) = (a.shape(rows), b.shape(rows));
    let bias_grad = match epilogue {
        Epilogue::ReluBackward { bias_grad, .. } => Some(*bias_grad),
        _ => None,
    };
    let mut sums = bias_grad.map(|value| memory.take(value)).transpose()?;
    let result = memory.write(out, |memory, out| {
        let factor = |factor: Factor| -> Result<_> {
            Ok(Factor { matrix: memory.read(factor.matrix)?, transposed: factor.transposed })
        };
        let epilogue = match (*epilogue, sums.as_deref_mut()) {
            (Epilogue::ReluBackward { output, write, .. }, Some(bias_grad)) => {
                Epilogue::ReluBackward { output: memory.read(output)?, bias_grad, write }
            }
            (Epilogue::BiasActivation { bias, activation }, _) => {
                Epilogue::BiasActivation { bias: memory.read(bias)?, activation }
            }
            (Epilogue::Add, _) => Epilogue::Add,
            _ => Epilogue::Set,
        };
        device.gemm([m, n, k], factor(a)?, factor(b)?, epilogue, out)
    });
    if let (Some(value), Some(sums)) = (bias_grad, sums) {
        memory.put(value, sums);
    }
    result
}
