//! Products of small matrices, by [tiles](super::tiles): at once, or in [`blocks`] of terms where the sums
//! are long.
//!
//! The tiles know nothing of blocks: they compute a block of the terms for some rows and columns of C into C
//! itself, from where it is added to what the blocks before it gave: a pass over C, in the nearest cache, for
//! each block.

use std::ops::Range;

use super::blocks::{self, BlockSums};
use super::columns::COLUMNS;
use super::epilogue::{Epilogue, Matrix};
use super::tiles::{Gemm, ROW_MULTIPLE};
use crate::ops::linear::activation::Activation;
use crate::ops::simd::{self, Simd, SimdFloat, WithSimd};

/// How many numbers are computed at a time: a few tiles, which stay in the nearest cache.
const PATCH: usize = ROW_MULTIPLE * COLUMNS;

/// Computes C = A B with `epilogue`, for A (m, k) with arbitrary strides and row-major B (k, n) and C (m, n).
///
/// # Panics
///
/// When a slice is shorter than its matrix.
pub(super) fn small<T: SimdFloat>(
    [m, n, k]: [usize; 3],
    a: Matrix<T>,
    b: &[T],
    c: &mut [T],
    epilogue: Epilogue<T>,
) {
    let (b, c) = (&b[..k * n], &mut c[..m * n]);
    if k == 0 || m == 0 {
        return without_products(n, c, &epilogue);
    }
    let gemm = Gemm { n, k, rows: 0..m, columns: 0..n, a, b, c, epilogue };
    if fits_one_block(&gemm) { simd::run(gemm) } else { blocked(gemm) }
}

/// Applies the epilogue to a product that is zero everywhere or has no elements.
fn without_products<T: SimdFloat>(n: usize, c: &mut [T], epilogue: &Epilogue<T>) {
    for (i, c) in c.iter_mut().enumerate() {
        epilogue.finish(c, T::default(), i % n);
    }
}

/// The terms of a block of a sum over k.
fn terms<T: SimdFloat>(gemm: &Gemm<T>) -> usize {
    // Along k there are as many running sums as a vector has lanes.
    if gemm.is_single() { 4 * blocks::PRODUCTS } else { blocks::PRODUCTS }
}

/// Whether all sums have as few terms as a running sum may have: those over k, and those over the rows for
/// the gradient of a bias.
fn fits_one_block<T: SimdFloat>(gemm: &Gemm<T>) -> bool {
    let has_long_columns =
        gemm.rows.len() > blocks::ROWS && matches!(gemm.epilogue, Epilogue::ReluBackward { .. });
    gemm.k <= terms(gemm) && !has_long_columns
}

/// Computes a product with its sums in blocks.
fn blocked<T: SimdFloat>(mut gemm: Gemm<T>) {
    let mut patch = (gemm.k > terms(&gemm)).then(BlockSums::<T, PATCH>::new);
    let most_rows = if patch.is_some() { ROW_MULTIPLE } else { blocks::ROWS };
    for columns in chunks(gemm.columns.clone(), COLUMNS) {
        let mut bias_sums = BlockSums::<T, COLUMNS>::new();
        if let Epilogue::ReluBackward { bias_grad, .. } = &mut gemm.epilogue {
            bias_sums.start(0, &bias_grad[columns.clone()]);
        }
        for rows in chunks(gemm.rows.clone(), most_rows) {
            if let Epilogue::ReluBackward { bias_grad, .. } = &mut gemm.epilogue {
                bias_grad[columns.clone()].fill(T::default());
            }
            match &mut patch {
                Some(patch) => long_sums(&mut gemm, rows, columns.clone(), patch),
                None => simd::run(gemm.part(rows, columns.clone())),
            }
            if let Epilogue::ReluBackward { bias_grad, .. } = &gemm.epilogue {
                bias_sums.add(0, &bias_grad[columns.clone()]);
            }
        }
        if let Epilogue::ReluBackward { bias_grad, .. } = &mut gemm.epilogue {
            bias_sums.write(0, &mut bias_grad[columns]);
        }
    }
}

/// Computes some rows and columns, at most [`PATCH`] of them, whose sums have several blocks.
fn long_sums<T: SimdFloat>(
    gemm: &mut Gemm<T>,
    rows: Range<usize>,
    columns: Range<usize>,
    patch: &mut BlockSums<T, PATCH>,
) {
    let (n, width) = (gemm.n, columns.len());
    let row_of = |row: usize| row * n + columns.start..row * n + columns.end;
    for (r, row) in rows.clone().enumerate() {
        let before = match &gemm.epilogue {
            Epilogue::Add => &gemm.c[row_of(row)],
            Epilogue::BiasActivation { bias, .. } => &bias[columns.clone()],
            Epilogue::Set | Epilogue::ReluBackward { .. } => &[T::default(); COLUMNS][..width],
        };
        patch.start(r * width, before);
    }
    for block in chunks(0..gemm.k, terms(gemm)) {
        simd::run(gemm.block(rows.clone(), columns.clone(), block));
        simd::run(AddRows { n, rows: rows.clone(), columns: columns.clone(), c: gemm.c, patch });
    }
    for (r, row) in rows.enumerate() {
        let c = &mut gemm.c[row_of(row)];
        patch.write(r * width, c);
        match &mut gemm.epilogue {
            Epilogue::BiasActivation { activation: Activation::Relu, .. } => {
                for c in c.iter_mut().filter(|c| **c < T::default()) {
                    *c = T::default();
                }
            }
            Epilogue::ReluBackward { output, bias_grad } => {
                let sums = &mut bias_grad[columns.clone()];
                for ((c, &output), sum) in c.iter_mut().zip(&output[row_of(row)]).zip(sums) {
                    *c = if output > T::default() { *c } else { T::default() };
                    *sum += *c;
                }
            }
            Epilogue::BiasActivation { activation: Activation::Identity, .. }
            | Epilogue::Set
            | Epilogue::Add => {}
        }
    }
}

/// Adds rows of C to the sums of a patch. The compiler makes vectors of it.
struct AddRows<'a, T> {
    n: usize,
    rows: Range<usize>,
    columns: Range<usize>,
    c: &'a [T],
    patch: &'a mut BlockSums<T, PATCH>,
}

impl<T: SimdFloat> WithSimd for AddRows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { n, rows, columns, c, patch } = self;
        for (r, row) in rows.enumerate() {
            patch.add(r * columns.len(), &c[row * n..][columns.clone()]);
        }
    }
}

/// The range in parts of `len`, of which the last may be shorter.
fn chunks(range: Range<usize>, len: usize) -> impl Iterator<Item = Range<usize>> {
    range.clone().step_by(len).map(move |start| start..range.end.min(start + len))
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Each epilogue of products with and without several blocks, in both directions, with A of both orders.
    #[test]
    fn blocks_of_every_kind_equal_plain_sums() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut largest = 0f64;
        for (m, n, k) in [
            (1, 1, 1025),
            (25, 1, 4097),
            (74, 1, 300),
            (1, 40, 257),
            (73, 33, 5),
            (150, 70, 3),
            (50, 35, 600),
            (97, 3, 513),
        ] {
            let mut random = |len| -> Vec<f64> { (0..len).map(|_| rng.random_range(-1. ..1.)).collect() };
            let [a, b, c, bias, output] = [m * k, k * n, m * n, n, m * n].map(&mut random);
            for is_transposed in [false, true] {
                let at = |i: usize, p: usize| if is_transposed { a[p * m + i] } else { a[i * k + p] };
                let product = |i: usize, j: usize| (0..k).map(|p| at(i, p) * b[p * n + j]).sum::<f64>();
                let matrix = if is_transposed { Matrix::transposed(&a, m) } else { Matrix::row_major(&a, k) };
                let mut hold = |epilogue: Epilogue<f64>, expected: &dyn Fn(usize, usize) -> f64| {
                    let mut found = c.clone();
                    small([m, n, k], matrix, &b, &mut found, epilogue);
                    for (i, j) in (0..m).flat_map(|i| (0..n).map(move |j| (i, j))) {
                        let difference = (found[i * n + j] - expected(i, j)).abs();
                        largest =
                            if difference > largest || difference.is_nan() { difference } else { largest };
                    }
                };
                hold(Epilogue::Set, &product);
                hold(Epilogue::Add, &|i, j| c[i * n + j] + product(i, j));
                let identity = Epilogue::BiasActivation { bias: &bias, activation: Activation::Identity };
                hold(identity, &|i, j| bias[j] + product(i, j));
                let relu = Epilogue::BiasActivation { bias: &bias, activation: Activation::Relu };
                hold(relu, &|i, j| (bias[j] + product(i, j)).max(0.));
                let masked = |i: usize, j: usize| if output[i * n + j] > 0. { product(i, j) } else { 0. };
                let mut bias_grad = bias.clone();
                hold(Epilogue::ReluBackward { output: &output, bias_grad: &mut bias_grad }, &masked);
                for (j, sum) in bias_grad.iter().enumerate() {
                    let difference = (sum - bias[j] - (0..m).map(|i| masked(i, j)).sum::<f64>()).abs();
                    largest = if difference > largest || difference.is_nan() { difference } else { largest };
                }
            }
        }
        println!("largest difference {largest:e}");
        assert!(largest <= 1e-11);
    }
}
