//! Products of small matrices.
//!
//! A network of this crate multiplies matrices of about 64 x 32 x 32, some ten of them in a training step of
//! 15 microseconds. A library for large products spends much of such a call on choosing a kernel and packing
//! its operands, which cannot pay here: both are in the nearest caches already. So this kernel packs nothing,
//! allocates nothing and starts no threads. It has two tasks: to keep the multiply-add units busy, and to
//! leave nothing for a second pass over C.
//!
//! # The tile
//!
//! A multiply-add takes about four cycles, and most cores can start two in each. So at least eight
//! independent sums have to be under way, with less than one load for each multiply-add. Both follow from
//! keeping a *tile* of C, `ROWS` rows by two vectors of columns, in registers while all of k passes by:
//!
//! ```text
//! for each pair of vectors of columns j        (then one vector, then part of one)
//!     for each ROWS rows i                     (then 2 rows, then 1)
//!         sums[ROWS][2] = bias[j], or C[i][j] for Add, or 0
//!         for p in 0..k
//!             b[2] = B[p][j]                   two loads
//!             for r in 0..ROWS
//!                 a = splat(A[i + r][p])       one load that fills all lanes
//!                 sums[r][0] += a * b[0]
//!                 sums[r][1] += a * b[1]
//!         sums = epilogue(sums)
//!         C[i][j] = sums
//! ```
//!
//! That is 2 ROWS multiply-adds for 2 + ROWS loads. The sums, b and a take 2 ROWS + 3 registers, hence 8 rows
//! where there are 32 registers (AVX-512: 19 in use; 16 sums) and 6 where there are 16 (AVX2: 15 in use; 12
//! sums).
//!
//! Some consequences:
//!
//! - B has to be row-major, since its rows are loaded as vectors; A may have any strides, since its elements
//!   are loaded one at a time. So the gradient of a weight, g^T x, needs no transposed copy of g, and a
//!   forward product x W^T wants the weight transposed, which the trainer keeps for that reason.
//! - Each element of C is one chain of multiply-adds over p = 0..k, whatever its tile; where k is large, one
//!   for each block of it ([`super::blocks`]). So a row's result is the same bit for bit whichever rows come
//!   with it, and prediction may cut its rows as it likes.
//! - The sums start at the bias, and the epilogue works on registers. The mask of a relu's backward and the
//!   sums of a bias's gradient used to be passes of their own; here they made a step 2 to 4 % faster.
//! - All of it is compiled for each instruction set ([`simd`]): every function is `inline(always)`, and there
//!   are no closures, which would be compiled for the baseline.
//! - The loops over a tile have constant lengths. Written with an iterator whose length the compiler did not
//!   know, the sums moved from registers to memory and the step took 2.3 times as long.
//!
//! - Reading A without comparing the index with the length saves two of 33 instructions for 12 multiply-adds
//!   (AVX2), and a register, without which a pointer was read from the stack in each round.
//!
//! A product with a single column has no vector of columns, and is computed along k ([`super::single`]).
//!
//! # What was tried
//!
//! - Reading the rows of a batch where they lie instead of gathering them first: 0.2 to 0.6 us of a step
//!   faster with up to 2^14 rows of data, 1.9 us slower with 2^21.
//! - Prefetching those rows: no difference beyond the noise.
//!
//! Timed alone, the products of a step reach 95 % of what the multiply-add units can do (two Zen 4 cores), so
//! the next gain is not in this file.

use std::ops::Range;

use super::blocks::{self, BlockSum};
use super::columns::{ColumnWise, Columns};
use super::epilogue::{Epilogue, Matrix};
use super::relu_backward::mask_and_sum;
use super::single::Single;
use crate::ops::linear::activation::Activation;
use crate::ops::simd::{self, Simd, SimdFloat, WithSimd};

/// A multiple of the rows of each tile, 6 or 8: that many rows leave no remainder for the narrower tiles.
pub const ROW_MULTIPLE: usize = 24;

/// Computes C = A B with `epilogue`, for A (m, k) with arbitrary strides and row-major B (k, n) and C (m, n).
///
/// # Panics
///
/// When a slice is shorter than its matrix.
pub(super) fn small<T: SimdFloat>(
    sizes @ [m, n, k]: [usize; 3],
    a: Matrix<T>,
    b: &[T],
    c: &mut [T],
    epilogue: Epilogue<T>,
) {
    simd::run(Gemm { sizes, a, b: &b[..k * n], c: &mut c[..m * n], epilogue });
}

struct Gemm<'a, T> {
    sizes: [usize; 3],
    a: Matrix<'a, T>,
    b: &'a [T],
    c: &'a mut [T],
    epilogue: Epilogue<'a, T>,
}

impl<T: SimdFloat> WithSimd for Gemm<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let [m, n, k] = self.sizes;
        if k == 0 || m == 0 {
            return self.without_products();
        }
        if n == 1 && self.a.column_stride == 1 && k >= T::lanes::<S>() && !self.masks() {
            let Self { a, b, c, epilogue, .. } = self;
            Single { a, b, c, epilogue }.compute(simd);
        } else if k <= blocks::PRODUCTS {
            self.tiles::<S, false>(simd);
        } else {
            self.tiles::<S, true>(simd);
        }
    }
}

/// A product computed in tiles of `ROWS` rows, with sums in blocks if `BLOCKS`.
struct Tiles<'a, T, const ROWS: usize, const BLOCKS: bool>(Gemm<'a, T>);

impl<T: SimdFloat, const ROWS: usize, const BLOCKS: bool> ColumnWise<T> for Tiles<'_, T, ROWS, BLOCKS> {
    #[inline(always)]
    fn columns<S: Simd, const VECTORS: usize, const FULL: bool>(
        &mut self,
        simd: S,
        columns: Columns<VECTORS, FULL>,
    ) {
        let [m, ..] = self.0.sizes;
        // The tiles add up the gradient of a bias row by row.
        let many = m > blocks::ROWS && self.0.masks();
        let zeros = [T::splat(simd, T::default()); VECTORS];
        let before = if many { self.0.exchange_sums(simd, columns, &zeros) } else { zeros };
        let mut sums = BlockSum::<T, S, VECTORS>::new(simd, before);
        let mut start = 0;
        while start < m {
            let end = if many { m.min(start + blocks::ROWS) } else { m };
            self.rows(simd, start..end, columns);
            if many {
                sums.add(simd, self.0.exchange_sums(simd, columns, &zeros));
            }
            start = end;
        }
        if many {
            self.0.exchange_sums(simd, columns, &sums.total(simd));
        }
    }
}

impl<T: SimdFloat, const ROWS: usize, const BLOCKS: bool> Tiles<'_, T, ROWS, BLOCKS> {
    /// Computes the tiles of some rows.
    #[inline(always)]
    fn rows<S: Simd, const VECTORS: usize, const FULL: bool>(
        &mut self,
        simd: S,
        Range { start: mut row, end }: Range<usize>,
        columns: Columns<VECTORS, FULL>,
    ) {
        while row + ROWS <= end {
            self.0.tile::<S, ROWS, VECTORS, FULL, BLOCKS>(simd, row, columns);
            row += ROWS;
        }
        while row + 2 <= end {
            self.0.tile::<S, 2, VECTORS, FULL, BLOCKS>(simd, row, columns);
            row += 2;
        }
        if row < end {
            self.0.tile::<S, 1, VECTORS, FULL, BLOCKS>(simd, row, columns);
        }
    }
}

/// The sums of a tile: `VECTORS` vectors of each row.
type Sums<T, S, const ROWS: usize, const VECTORS: usize> = [[<T as SimdFloat>::Vector<S>; VECTORS]; ROWS];

impl<T: SimdFloat> Gemm<'_, T> {
    fn masks(&self) -> bool {
        matches!(self.epilogue, Epilogue::ReluBackward { .. })
    }

    #[inline(always)]
    fn tiles<S: Simd, const BLOCKS: bool>(self, simd: S) {
        let [_, n, _] = self.sizes;
        if S::REGISTER_COUNT >= 32 {
            Tiles::<T, 8, BLOCKS>(self).all_columns(simd, n);
        } else {
            Tiles::<T, 6, BLOCKS>(self).all_columns(simd, n);
        }
    }

    /// Replaces the gradient of a bias by `sums`, and returns what it was.
    #[inline(always)]
    fn exchange_sums<S: Simd, const VECTORS: usize, const FULL: bool>(
        &mut self,
        simd: S,
        columns: Columns<VECTORS, FULL>,
        sums: &[T::Vector<S>; VECTORS],
    ) -> [T::Vector<S>; VECTORS] {
        let Epilogue::ReluBackward { bias_grad, .. } = &mut self.epilogue else { return *sums };
        let before = columns.load(simd, bias_grad);
        columns.store(simd, bias_grad, sums);
        before
    }

    /// Computes the tile of `ROWS` rows, from `row` on, by some columns.
    #[inline(always)]
    fn tile<S: Simd, const ROWS: usize, const VECTORS: usize, const FULL: bool, const BLOCKS: bool>(
        &mut self,
        simd: S,
        row: usize,
        columns: Columns<VECTORS, FULL>,
    ) {
        let [_, n, k] = self.sizes;
        let start = match &self.epilogue {
            Epilogue::BiasActivation { bias, .. } => columns.load(simd, bias),
            _ => [T::splat(simd, T::default()); VECTORS],
        };
        let mut sums = [start; ROWS];
        if matches!(self.epilogue, Epilogue::Add) {
            for (r, sums) in sums.iter_mut().enumerate() {
                *sums = columns.load(simd, &self.c[(row + r) * n..][..n]);
            }
        }
        let Matrix { data, row_stride, column_stride } = self.a;
        let a: [&[T]; ROWS] =
            std::array::from_fn(|r| &data[(row + r) * row_stride..][..=(k - 1) * column_stride]);
        if BLOCKS {
            let mut totals = [BlockSum::<T, S, VECTORS>::new(simd, start); ROWS];
            for (total, sums) in totals.iter_mut().zip(&sums) {
                *total = BlockSum::new(simd, *sums);
            }
            for (block, b) in self.b.chunks(n * blocks::PRODUCTS).enumerate() {
                let first = block * blocks::PRODUCTS * column_stride;
                let a = a.map(|a| &a[first..]);
                let zeros = [[T::splat(simd, T::default()); VECTORS]; ROWS];
                let sums = self.products(simd, &a, b, columns, zeros);
                for (total, sums) in totals.iter_mut().zip(sums) {
                    total.add(simd, sums);
                }
            }
            for (sums, total) in sums.iter_mut().zip(&totals) {
                *sums = total.total(simd);
            }
        } else {
            sums = self.products(simd, &a, self.b, columns, sums);
        }
        match &mut self.epilogue {
            // Loops of known lengths, here and below, so that no sum is addressed and has to leave its
            // register.
            Epilogue::BiasActivation { activation: Activation::Relu, .. } => {
                for sums in &mut sums {
                    for sum in sums {
                        *sum = T::relu(simd, *sum);
                    }
                }
            }
            Epilogue::ReluBackward { output, bias_grad } => {
                let mut total = columns.load(simd, bias_grad);
                for (r, sums) in sums.iter_mut().enumerate() {
                    let output = columns.load(simd, &output[(row + r) * n..][..n]);
                    mask_and_sum::<T, _, _>(simd, output, sums, &mut total);
                }
                columns.store(simd, bias_grad, &total);
            }
            Epilogue::BiasActivation { activation: Activation::Identity, .. }
            | Epilogue::Set
            | Epilogue::Add => {}
        }
        for (r, sums) in sums.iter().enumerate() {
            columns.store(simd, &mut self.c[(row + r) * n..][..n], sums);
        }
    }

    /// Adds the products of the rows `a` with the rows of `b`, as many as that has, to the sums of a tile.
    #[allow(unsafe_code)]
    #[inline(always)]
    fn products<S: Simd, const ROWS: usize, const VECTORS: usize, const FULL: bool>(
        &self,
        simd: S,
        a: &[&[T]; ROWS],
        b: &[T],
        columns: Columns<VECTORS, FULL>,
        mut sums: Sums<T, S, ROWS, VECTORS>,
    ) -> Sums<T, S, ROWS, VECTORS> {
        let ([_, n, _], stride) = (self.sizes, self.a.column_stride);
        for (p, b) in b.chunks_exact(n).enumerate() {
            let b = columns.load(simd, b);
            for (a, sums) in a.iter().zip(&mut sums) {
                // SAFETY: B has k rows, as `small` sees to, so p is at most k - 1 in all of A, or that less
                // the columns which a block is from the first, and there each slice of A ends: `gemm` has
                // checked that this index does not overflow.
                let a = T::splat(simd, unsafe { *a.get_unchecked(p * stride) });
                for (b, sum) in b.iter().zip(sums) {
                    *sum = T::mul_add(simd, a, *b, *sum);
                }
            }
        }
        sums
    }

    /// Applies the epilogue to a product that is zero everywhere or has no elements.
    fn without_products(self) {
        let [_, n, _] = self.sizes;
        for (i, c) in self.c.iter_mut().enumerate() {
            self.epilogue.finish(c, T::default(), i % n);
        }
    }
}
