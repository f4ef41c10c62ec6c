//! The network on slices: rows at all depths in one pass, in blocks that stay in the cache.

use std::ops::RangeInclusive;
use std::sync::{Mutex, PoisonError};
use std::{iter, mem, thread};

use candle_core::{Result, Tensor, WithDType, bail};

use crate::nn::{DynamicNet, Layer};
use crate::ops::cos;
use crate::ops::kernels::simd::SimdFloat;
use crate::ops::kernels::{Activation, PackedMatrix, ROW_MULTIPLE};

/// How much of the nearest caches the rows of a block take, with their activations. Between 48 and 256 KiB it makes a
/// difference of 3 % for the default network.
const BLOCK_BYTES: usize = 128 << 10;

/// How many multiplications are worth the start of a thread.
const PIECE: usize = 1 << 24;

/// A snapshot of a network's parameters as the products take them.
#[derive(Debug, Clone)]
pub(super) struct Trunk<T> {
    input: Affine<T>,
    hidden: Affine<T>,
    output: Affine<T>,
    depths: RangeInclusive<usize>,
    /// The rows of a block.
    block: usize,
}

/// The activations of a block.
struct Workspace<T> {
    h: Vec<T>,
    next: Vec<T>,
    y: Vec<T>,
}

/// Some rows and the places for their predictions.
struct Piece<'a, T> {
    rows: usize,
    x: &'a [T],
    mean: &'a mut [T],
    /// Empty where the outputs by depth are not wanted.
    by_depth: &'a mut [T],
}

impl<T: SimdFloat> Trunk<T> {
    pub(super) fn new(net: &DynamicNet) -> Result<Self> {
        let [input, hidden, output] = net.layers();
        let [input, hidden, output] = [Affine::new(input)?, Affine::new(hidden)?, Affine::new(output)?];
        let row_bytes = (input.inputs() + 2 * hidden.outputs() + output.outputs()) * size_of::<T>();
        // Wide layers come from a farther cache once a block, for some rows at least.
        let block = multiple_of_rows(BLOCK_BYTES / row_bytes).max(2 * ROW_MULTIPLE);
        Ok(Self { input, hidden, output, depths: net.depths(), block })
    }

    /// The mean over all depths of the rows `x` (n, in) goes to `mean` (n, out), and the output at each of them to
    /// `by_depth` (n, depths, out) unless that is empty.
    pub(super) fn predict(&self, threads: usize, x: &[T], mean: &mut [T], by_depth: &mut [T]) {
        let rows = x.len() / self.input.inputs();
        let multiplications = self.input.len()
            + self.depths.end() * self.hidden.len()
            + self.depths.clone().count() * self.output.len();
        // Whole blocks, so that the tiles have no remainder but at the very end.
        let piece = (PIECE / multiplications).next_multiple_of(self.block).max(self.block);
        let pieces = Mutex::new(Piece { rows, x, mean, by_depth }.split(self, piece));
        let work = || {
            let mut space = self.workspace();
            loop {
                let next = pieces.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some(piece) = next else { return };
                for block in piece.split(self, self.block) {
                    self.predict_block(block, &mut space);
                }
            }
        };
        thread::scope(|scope| {
            for _ in 1..threads.min(rows.div_ceil(piece)) {
                // Where the system grants no more threads, those that there are do all the work.
                if thread::Builder::new().spawn_scoped(scope, work).is_err() {
                    break;
                }
            }
            work();
        });
    }

    fn predict_block(&self, block: Piece<T>, space: &mut Workspace<T>) {
        let Piece { rows, x, mean, by_depth } = block;
        let Workspace { h, next, y } = space;
        let (depths, outputs) = (self.depths.clone(), self.output.outputs());
        let count = depths.clone().count();
        mean.fill(T::default());
        self.input.forward(rows, x, Activation::Relu, h);
        for depth in 0..=*depths.end() {
            if depth > 0 {
                self.hidden.forward(rows, h, Activation::Relu, next);
                mem::swap(h, next);
            }
            if depth < *depths.start() {
                continue;
            }
            self.output.forward(rows, h, Activation::Identity, y);
            for (mean, &y) in mean.iter_mut().zip(&*y) {
                *mean += y;
            }
            if !by_depth.is_empty() {
                let of_depth = by_depth[(depth - depths.start()) * outputs..].chunks_mut(count * outputs);
                for (to, y) in of_depth.zip(y.chunks_exact(outputs)) {
                    to[..outputs].copy_from_slice(y);
                }
            }
        }
        let count = T::from_f64(count as f64);
        for mean in mean {
            *mean /= count;
        }
    }

    fn workspace(&self) -> Workspace<T> {
        let zeros = |columns: usize| vec![T::default(); self.block * columns];
        let hidden = self.hidden.outputs();
        Workspace { h: zeros(hidden), next: zeros(hidden), y: zeros(self.output.outputs()) }
    }
}

impl<'a, T> Piece<'a, T> {
    /// Pieces of `rows` rows, the last one of what remains.
    fn split(mut self, trunk: &Trunk<T>, rows: usize) -> impl Iterator<Item = Piece<'a, T>> {
        let (inputs, outputs) = (trunk.input.inputs(), trunk.output.outputs());
        let depths = if self.by_depth.is_empty() { 0 } else { trunk.depths.clone().count() };
        iter::from_fn(move || {
            let rows = rows.min(self.rows);
            self.rows -= rows;
            (rows > 0).then(|| Piece {
                rows,
                x: self.x.split_off(..rows * inputs).unwrap_or_default(),
                mean: self.mean.split_off_mut(..rows * outputs).unwrap_or_default(),
                by_depth: self.by_depth.split_off_mut(..rows * depths * outputs).unwrap_or_default(),
            })
        })
    }
}

/// y = activation(x M^T + b), for M the matrix of a layer: W or cos(W).
#[derive(Debug, Clone)]
struct Affine<T> {
    matrix: PackedMatrix<T>,
    bias: Vec<T>,
}

impl<T: SimdFloat> Affine<T> {
    fn new(layer: &Layer) -> Result<Self> {
        let (outputs, inputs) = layer.weight().dims2()?;
        let matrix = match layer {
            Layer::Linear(layer) => layer.weight().detach(),
            Layer::Cos(layer) => cos(&layer.weight().detach())?,
        };
        let bias = match layer.bias() {
            Some(bias) => elements(bias)?,
            None => vec![T::default(); outputs],
        };
        Ok(Self { matrix: PackedMatrix::new(outputs, inputs, &elements::<T>(&matrix)?), bias })
    }

    /// The number of elements of M.
    fn len(&self) -> usize {
        self.inputs() * self.outputs()
    }

    fn forward(&self, rows: usize, x: &[T], activation: Activation, y: &mut [T]) {
        self.matrix.forward(rows, x, &self.bias, activation, y);
    }
}

impl<T> Affine<T> {
    fn inputs(&self) -> usize {
        self.matrix.inputs()
    }

    fn outputs(&self) -> usize {
        self.matrix.outputs()
    }
}

/// The largest multiple of [`ROW_MULTIPLE`] that is not above `rows`.
fn multiple_of_rows(rows: usize) -> usize {
    rows - rows % ROW_MULTIPLE
}

fn elements<T: WithDType>(x: &Tensor) -> Result<Vec<T>> {
    if x.dtype() != T::DTYPE {
        bail!("Predictor: a parameter is {:?}, expected {:?} as the others", x.dtype(), T::DTYPE)
    }
    x.flatten_all()?.to_vec1()
}
