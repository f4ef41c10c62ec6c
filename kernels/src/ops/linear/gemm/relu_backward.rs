//! The backward of a bias and of a relu: column sums, and the gradient where the output is positive.

use super::blocks::{self, BlockSums};
use super::columns::{self, COLUMNS, ColumnWise, Columns};
use super::epilogue::Write;
use crate::ops::simd::{Simd, SimdFloat};

/// Writes the sums of the columns of `matrix`, as many columns as there are sums.
pub(crate) fn column_sums<T: SimdFloat>(matrix: &[T], write: Write, sums: &mut [T]) {
    clear(write, sums);
    columns::run(sums.len(), ColumnSums { matrix, sums });
}

/// grad <- grad [output > 0] for the `output` of a relu, and writes the column sums of that to `bias_grad`.
///
/// # Panics
///
/// When `output` is shorter than `grad`.
pub(crate) fn relu_backward<T: SimdFloat>(output: &[T], grad: &mut [T], write: Write, bias_grad: &mut [T]) {
    clear(write, bias_grad);
    columns::run(bias_grad.len(), ReluBackward { output: &output[..grad.len()], grad, bias_grad });
}

/// Prepares sums that are always added to.
fn clear<T: SimdFloat>(write: Write, sums: &mut [T]) {
    if write == Write::Set {
        sums.fill(T::default());
    }
}

struct ColumnSums<'a, T> {
    matrix: &'a [T],
    sums: &'a mut [T],
}

impl<T: SimdFloat> ColumnWise<T> for ColumnSums<'_, T> {
    #[inline(always)]
    fn columns<S: Simd, const VECTORS: usize, const FULL: bool>(
        &mut self,
        simd: S,
        columns: Columns<VECTORS, FULL>,
    ) {
        let n = self.sums.len();
        if self.matrix.len() <= n * blocks::ROWS {
            let before = columns.load(simd, self.sums);
            let sums = add_rows::<T, S, VECTORS, FULL>(simd, columns, n, self.matrix, before);
            return columns.store(simd, self.sums, &sums);
        }
        let mut sums = BlockSums::<T, COLUMNS>::new();
        sums.start(0, &self.sums[columns.range()]);
        for block in self.matrix.chunks(n * blocks::ROWS) {
            let zeros = [T::splat(simd, T::default()); VECTORS];
            let block = add_rows::<T, S, VECTORS, FULL>(simd, columns, n, block, zeros);
            columns.store(simd, self.sums, &block);
            sums.add(0, &self.sums[columns.range()]);
        }
        sums.write(0, &mut self.sums[columns.range()]);
    }
}

/// The running sums of the rows of `block`, each of `n` columns, from `sums` on.
#[inline(always)]
fn add_rows<T: SimdFloat, S: Simd, const VECTORS: usize, const FULL: bool>(
    simd: S,
    columns: Columns<VECTORS, FULL>,
    n: usize,
    block: &[T],
    mut sums: [T::Vector<S>; VECTORS],
) -> [T::Vector<S>; VECTORS] {
    for row in block.chunks_exact(n) {
        for (sum, value) in sums.iter_mut().zip(columns.load(simd, row)) {
            *sum = T::add_vectors(simd, *sum, value);
        }
    }
    sums
}

struct ReluBackward<'a, T> {
    output: &'a [T],
    grad: &'a mut [T],
    bias_grad: &'a mut [T],
}

impl<T: SimdFloat> ColumnWise<T> for ReluBackward<'_, T> {
    #[inline(always)]
    fn columns<S: Simd, const VECTORS: usize, const FULL: bool>(
        &mut self,
        simd: S,
        columns: Columns<VECTORS, FULL>,
    ) {
        let n = self.bias_grad.len();
        if self.grad.len() <= n * blocks::ROWS {
            let before = columns.load(simd, self.bias_grad);
            let sums = mask_rows::<T, S, VECTORS, FULL>(simd, columns, n, self.output, self.grad, before);
            return columns.store(simd, self.bias_grad, &sums);
        }
        let mut sums = BlockSums::<T, COLUMNS>::new();
        sums.start(0, &self.bias_grad[columns.range()]);
        let length = n * blocks::ROWS;
        for (grad, output) in self.grad.chunks_mut(length).zip(self.output.chunks(length)) {
            let zeros = [T::splat(simd, T::default()); VECTORS];
            let block = mask_rows::<T, S, VECTORS, FULL>(simd, columns, n, output, grad, zeros);
            columns.store(simd, self.bias_grad, &block);
            sums.add(0, &self.bias_grad[columns.range()]);
        }
        sums.write(0, &mut self.bias_grad[columns.range()]);
    }
}

/// Masks the rows of a block, each of `n` columns, and returns their running sums from `sums` on.
#[inline(always)]
fn mask_rows<T: SimdFloat, S: Simd, const VECTORS: usize, const FULL: bool>(
    simd: S,
    columns: Columns<VECTORS, FULL>,
    n: usize,
    output: &[T],
    grad: &mut [T],
    mut sums: [T::Vector<S>; VECTORS],
) -> [T::Vector<S>; VECTORS] {
    for (grad, output) in grad.chunks_exact_mut(n).zip(output.chunks_exact(n)) {
        let mut values = columns.load(simd, grad);
        mask_and_sum::<T, _, _>(simd, columns.load(simd, output), &mut values, &mut sums);
        columns.store(simd, grad, &values);
    }
    sums
}

/// grads <- grads [outputs > 0] and sums <- sums + grads, for vectors of one row.
#[inline(always)]
pub(super) fn mask_and_sum<T: SimdFloat, S: Simd, const VECTORS: usize>(
    simd: S,
    outputs: [T::Vector<S>; VECTORS],
    grads: &mut [T::Vector<S>; VECTORS],
    sums: &mut [T::Vector<S>; VECTORS],
) {
    for ((grad, output), sum) in grads.iter_mut().zip(outputs).zip(sums) {
        *grad = T::relu_backward(simd, output, *grad);
        *sum = T::add_vectors(simd, *sum, *grad);
    }
}
