//! The gradients of a bias and of a relu: the sums of columns, and gradients where the output is positive.

use super::columns::{self, ColumnWise, Columns};
use crate::ops::simd::{Lanes, Simd};

/// sums <- sums + the sums of the columns of `grad`, as many as there are sums.
pub(super) fn add_column_sums<T: Lanes>(grad: &[T], sums: &mut [T]) {
    columns::run(sums.len(), ColumnSums { grad, sums });
}

/// grad <- grad [output > 0] for the `output` of a relu, and sums <- sums + the sums of grad's columns.
///
/// # Panics
///
/// When `output` is shorter than `grad`.
pub(super) fn gate_and_add_sums<T: Lanes>(output: &[T], grad: &mut [T], sums: &mut [T]) {
    columns::run(sums.len(), Gate { output: &output[..grad.len()], grad, sums });
}

struct ColumnSums<'a, T> {
    grad: &'a [T],
    sums: &'a mut [T],
}

impl<T: Lanes> ColumnWise<T> for ColumnSums<'_, T> {
    #[inline(always)]
    fn columns<S: Simd, const VECTORS: usize, const FULL: bool>(
        &mut self,
        simd: S,
        columns: Columns<VECTORS, FULL>,
    ) {
        let mut sums = columns.load(simd, self.sums);
        for grad in self.grad.chunks_exact(self.sums.len()) {
            for (sum, value) in sums.iter_mut().zip(columns.load(simd, grad)) {
                *sum = T::plus(simd, *sum, value);
            }
        }
        columns.store(simd, self.sums, &sums);
    }
}

struct Gate<'a, T> {
    output: &'a [T],
    grad: &'a mut [T],
    sums: &'a mut [T],
}

impl<T: Lanes> ColumnWise<T> for Gate<'_, T> {
    #[inline(always)]
    fn columns<S: Simd, const VECTORS: usize, const FULL: bool>(
        &mut self,
        simd: S,
        columns: Columns<VECTORS, FULL>,
    ) {
        let n = self.sums.len();
        let mut sums = columns.load(simd, self.sums);
        for (grad, output) in self.grad.chunks_exact_mut(n).zip(self.output.chunks_exact(n)) {
            let mut values = columns.load(simd, grad);
            gate_and_add::<T, _, _>(simd, columns.load(simd, output), &mut values, &mut sums);
            columns.store(simd, grad, &values);
        }
        columns.store(simd, self.sums, &sums);
    }
}

/// values <- values [output > 0], and sums <- sums + values.
#[inline(always)]
pub(super) fn gate_and_add<T: Lanes, S: Simd, const VECTORS: usize>(
    simd: S,
    output: [T::Vector<S>; VECTORS],
    values: &mut [T::Vector<S>; VECTORS],
    sums: &mut [T::Vector<S>; VECTORS],
) {
    for ((value, gate), sum) in values.iter_mut().zip(output).zip(sums) {
        *value = T::where_positive(simd, gate, *value);
        *sum = T::plus(simd, *sum, *value);
    }
}
