//! The forward instructions of a network on many rows, in blocks that stay in the cache.

use std::iter;
use std::sync::{Mutex, PoisonError};
use std::thread;

use candle_core::{Result, bail};

use super::compile::{Compiled, prediction};
use super::cost::flops;
use super::cpu::{Buffer, Cpu, Element};
use super::device::Device;
use super::execute::{Memory, Others, execute};
use super::exits::{Stages, Stopping};
use super::graph::{Parameter, Stored, parameters};
use super::instruction::{Instruction, Value};
use super::memory::{Buffers, Size};
use crate::nn::{DynamicNet, Outputs};
use crate::ops::kernels::ROW_MULTIPLE;

/// How much of the nearest caches the rows of a block take, with their activations. Between 48 and 256 KiB it
/// makes a difference of 3 % for the default network.
const BLOCK_BYTES: usize = 128 << 10;

/// The number of floating-point operations that is worth the start of a thread.
const PIECE_FLOPS: usize = 1 << 25;

/// A network's parameters as constants, and the instructions of its outputs at all depths.
#[derive(Debug, Clone)]
pub(super) struct Inference<T: Copy + Default> {
    /// The parameters, weights packed for their products.
    constants: Vec<Buffer<T>>,
    instructions: Vec<Instruction>,
    /// The output at each depth.
    outputs: Vec<Value>,
    /// How rows stop, if the depths are learned.
    stopping: Option<(Stopping, Stages)>,
    /// Features, targets, and everything that is computed.
    sizes: Vec<Size>,
    /// The features and the targets of a row.
    widths: [usize; 2],
    /// The rows of a block, and of what a thread takes at a time.
    block: usize,
    piece: usize,
}

/// Some rows and the places for their predictions.
pub(super) struct Piece<'a, T> {
    pub(super) rows: usize,
    /// (rows, in).
    pub(super) x: &'a [T],
    /// What is predicted, (rows, out).
    pub(super) mean: &'a mut [T],
    /// The output at each depth, (rows, depths, out).
    /// Empty where the outputs by depth are not wanted.
    pub(super) by_depth: &'a mut [T],
    /// Where rows exit, counted from the first depth, and the probabilities of their stopping at each, (rows,
    /// depths). Empty where the outputs by depth are.
    pub(super) exits: &'a mut [usize],
    pub(super) probabilities: &'a mut [f64],
}

impl<T: Element> Inference<T> {
    pub(super) fn new(net: &DynamicNet) -> Result<Self> {
        let net = &net.folded()?;
        let parameters = parameters(net, Stored::Plain);
        let constants = parameters.iter().map(constant).collect::<Result<Vec<_>>>()?;
        let mut compiled = prediction(net, &parameters, Stored::Plain)?;
        let ends = compiled.ends();
        let mut buffers = Buffers::new(constants.len() + 2);
        compiled.assign(&mut buffers);
        let stages = Stages::new(&compiled, ends);
        let Compiled { instructions, outputs: Outputs { by_depth: outputs, gates } } = compiled;
        let stopping = Stopping::new(net, gates)?.map(|stopping| (stopping, stages));
        let sizes = buffers.sizes(constants.len());
        let row_bytes: usize = sizes.iter().map(|size| size.per_row * size_of::<T>()).sum();
        // Wide layers come from a farther cache once for each block, so a block has at least some rows.
        let block = multiple_of_rows(BLOCK_BYTES / row_bytes.max(1)).max(2 * ROW_MULTIPLE);
        let row_flops: u64 = instructions.iter().map(|instruction| flops(instruction, 1, None)).sum();
        // Whole blocks, so that only the very last one has a remainder.
        let piece = (PIECE_FLOPS / row_flops.max(1) as usize).next_multiple_of(block).max(block);
        let widths = [net.spec().in_features, net.spec().out_features];
        Ok(Self { constants, instructions, outputs, stopping, sizes, widths, block, piece })
    }

    /// Predicts the rows of `all`.
    pub(super) fn predict(&self, threads: usize, all: Piece<T>) -> Result<()> {
        let rows = all.rows;
        let pieces = Mutex::new(self.split(all, self.piece));
        let work = || -> Result<()> {
            let mut device = Cpu::new();
            let zeros = |size: &Size| device.zeros(size.len(self.block)).map(|buffer| Some(Box::new(buffer)));
            let mut others = self.sizes.iter().map(zeros).collect::<Result<Vec<_>>>()?;
            loop {
                let next = pieces.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some(piece) = next else { return Ok(()) };
                for block in self.split(piece, self.block) {
                    self.predict_block(&mut device, block, &mut others)?;
                }
            }
        };
        thread::scope(|scope| {
            let mut helpers = Vec::new();
            for _ in 1..threads.min(rows.div_ceil(self.piece)) {
                // Where the system grants no more threads, those that exist do all the work.
                match thread::Builder::new().spawn_scoped(scope, work) {
                    Ok(helper) => helpers.push(helper),
                    Err(_) => break,
                }
            }
            let mut result = work();
            for helper in helpers {
                result = result.and(match helper.join() {
                    Ok(result) => result,
                    Err(panic) => std::panic::resume_unwind(panic),
                });
            }
            result
        })
    }

    fn predict_block(
        &self,
        device: &mut Cpu<T>,
        Piece { rows, x, mean, by_depth, exits, probabilities }: Piece<T>,
        others: &mut Others<Buffer<T>>,
    ) -> Result<()> {
        let Some(Some(features)) = others.first_mut() else { bail!("a plan without features") };
        features[..x.len()].copy_from_slice(x);
        let memory = &mut Memory { parameters: &self.constants, others };
        if let Some((stopping, stages)) = &self.stopping
            && by_depth.is_empty()
        {
            let plan = (&self.instructions[..], &self.outputs[..]);
            return stages.predict(stopping, plan, device, rows, memory, mean);
        }
        // A prediction has no dropout to seed.
        execute(device, &self.instructions, rows, 0, memory)?;
        let (depths, targets) = (self.outputs.len(), self.widths[1]);
        mean.fill(T::default());
        for (depth, &output) in self.outputs.iter().enumerate() {
            let output = &memory.read(output)?[..rows * targets];
            for (mean, &y) in mean.iter_mut().zip(output) {
                *mean += y;
            }
            if !by_depth.is_empty() {
                let of_depth = by_depth[depth * targets..].chunks_mut(depths * targets);
                for (to, y) in of_depth.zip(output.chunks_exact(targets)) {
                    to[..targets].copy_from_slice(y);
                }
            }
        }
        if let Some((stopping, _)) = &self.stopping {
            return stopping.read(&self.outputs, memory, mean, exits, probabilities);
        }
        let count = T::of(depths as f64);
        for mean in mean {
            *mean /= count;
        }
        Ok(())
    }

    /// Pieces of `rows` rows, the last one of what remains.
    fn split<'a>(
        &self,
        mut piece: Piece<'a, T>,
        rows: usize,
    ) -> impl Iterator<Item = Piece<'a, T>> + use<'a, T> {
        let [features, targets] = self.widths;
        let depths = if piece.by_depth.is_empty() { 0 } else { self.outputs.len() };
        let has_exits = !piece.exits.is_empty();
        iter::from_fn(move || {
            let rows = rows.min(piece.rows);
            piece.rows -= rows;
            (rows > 0).then(|| Piece {
                rows,
                x: piece.x.split_off(..rows * features).unwrap_or_default(),
                mean: piece.mean.split_off_mut(..rows * targets).unwrap_or_default(),
                by_depth: piece.by_depth.split_off_mut(..rows * depths * targets).unwrap_or_default(),
                exits: piece.exits.split_off_mut(..if has_exits { rows } else { 0 }).unwrap_or_default(),
                probabilities: (piece.probabilities)
                    .split_off_mut(..if has_exits { rows * depths } else { 0 })
                    .unwrap_or_default(),
            })
        })
    }
}

/// The elements of a parameter, those of a weight packed for its products.
fn constant<T: Element>(parameter: &Parameter) -> Result<Buffer<T>> {
    let tensor = &parameter.tensor;
    let elements: Vec<T> = tensor.flatten_all()?.to_vec1()?;
    match tensor.dims() {
        &[outputs, inputs] => Ok(Buffer::packed(T::pack(outputs, inputs, &elements))),
        _ => Ok(Buffer::from(&elements[..])),
    }
}

/// The largest multiple of the rows of a tile that is not above `rows`.
fn multiple_of_rows(rows: usize) -> usize {
    rows - rows % ROW_MULTIPLE
}
