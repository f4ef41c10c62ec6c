//! Tiles of the products of small matrices.
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
//!   for each block of it ([`super::small`]). So a row's result is the same bit for bit whichever rows come
//!   with it, and prediction may cut its rows as it likes.
//! - The sums start at the bias, and the epilogue works on registers. The mask of a relu's backward and the
//!   sums of a bias's gradient used to be passes of their own; here they made a step 2 to 4 % faster.
//! - All of it is compiled for each instruction set ([`crate::ops::simd`]): every function is
//!   `inline(always)`, and there are no closures, which would be compiled for the baseline.
//! - The loops over a tile have constant lengths. Written with an iterator whose length the compiler did not
//!   know, the sums moved from registers to memory and the step took 2.3 times as long.
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
//! - Long sums in blocks within the tile: its sums left their registers and a step took 1.2 to 1.4 times as
//!   long; as a variant of the tile of its own, this file took 2.5 times as long to compile.
//!
//! Timed alone, the products of a step reach 95 % of what the multiply-add units can do (two Zen 4 cores), so
//! the next gain is not in this file.

use std::ops::Range;

use super::columns::{ColumnWise, Columns};
use super::epilogue::{Epilogue, Matrix};
use super::relu_backward::mask_and_sum;
use super::single::Single;
use crate::ops::linear::activation::Activation;
use crate::ops::simd::{Simd, SimdFloat, WithSimd};

/// A multiple of the rows of each tile, 6 or 8: that many rows leave no remainder for the narrower tiles.
pub const ROW_MULTIPLE: usize = 24;

/// A product, or some rows and columns of it.
pub(super) struct Gemm<'a, T> {
    /// The length of the rows of B and C.
    pub(super) n: usize,
    /// The length of the rows of A.
    pub(super) k: usize,
    /// The rows to compute.
    pub(super) rows: Range<usize>,
    /// The columns to compute.
    pub(super) columns: Range<usize>,
    pub(super) a: Matrix<'a, T>,
    pub(super) b: &'a [T],
    pub(super) c: &'a mut [T],
    pub(super) epilogue: Epilogue<'a, T>,
}

impl<T: SimdFloat> WithSimd for Gemm<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let columns = self.columns.clone();
        if self.is_single() && self.k >= T::lanes::<S>() {
            let Self { a, b, c, epilogue, rows, .. } = self;
            Single { a: a.skip_rows(rows.start), b, c: &mut c[rows], epilogue }.compute(simd);
        } else if S::REGISTER_COUNT >= 32 {
            Tiles::<T, 8>(self).all_columns(simd, columns);
        } else {
            Tiles::<T, 6>(self).all_columns(simd, columns);
        }
    }
}

/// A product computed in tiles of `ROWS` rows.
struct Tiles<'a, T, const ROWS: usize>(Gemm<'a, T>);

impl<T: SimdFloat, const ROWS: usize> ColumnWise<T> for Tiles<'_, T, ROWS> {
    #[inline(always)]
    fn columns<S: Simd, const VECTORS: usize, const FULL: bool>(
        &mut self,
        simd: S,
        columns: Columns<VECTORS, FULL>,
    ) {
        let Range { start: mut row, end } = self.0.rows;
        while row + ROWS <= end {
            self.0.tile::<S, ROWS, VECTORS, FULL>(simd, row, columns);
            row += ROWS;
        }
        while row + 2 <= end {
            self.0.tile::<S, 2, VECTORS, FULL>(simd, row, columns);
            row += 2;
        }
        if row < end {
            self.0.tile::<S, 1, VECTORS, FULL>(simd, row, columns);
        }
    }
}

impl<T: SimdFloat> Gemm<'_, T> {
    /// Some rows and columns of it.
    pub(super) fn part(&mut self, rows: Range<usize>, columns: Range<usize>) -> Gemm<'_, T> {
        let Self { n, k, a, b, .. } = *self;
        Gemm { n, k, rows, columns, a, b, c: self.c, epilogue: self.epilogue.reborrow() }
    }

    /// Some rows and columns of it with some of its terms, without its epilogue.
    pub(super) fn block(
        &mut self,
        rows: Range<usize>,
        columns: Range<usize>,
        terms: Range<usize>,
    ) -> Gemm<'_, T> {
        let (n, a) = (self.n, self.a.skip_columns(terms.start));
        let b = &self.b[terms.start * n..terms.end * n];
        Gemm { n, k: terms.len(), rows, columns, a, b, c: self.c, epilogue: Epilogue::Set }
    }

    /// Whether it is a product along k, in vectors of [`Single`].
    pub(super) fn is_single(&self) -> bool {
        self.n == 1 && self.a.column_stride == 1 && !matches!(self.epilogue, Epilogue::ReluBackward { .. })
    }

    /// Computes the tile of `ROWS` rows, from `row` on, by some columns.
    #[allow(unsafe_code)]
    #[inline(always)]
    fn tile<S: Simd, const ROWS: usize, const VECTORS: usize, const FULL: bool>(
        &mut self,
        simd: S,
        row: usize,
        columns: Columns<VECTORS, FULL>,
    ) {
        let (n, k) = (self.n, self.k);
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
        for (p, b) in self.b.chunks_exact(n).enumerate() {
            let b = columns.load(simd, b);
            for (a, sums) in a.iter().zip(&mut sums) {
                // SAFETY: B has k rows, as `small` and `block` see to, so p is at most k - 1, and there each
                // slice of A ends: `gemm` has checked that this index does not overflow.
                let a = T::splat(simd, unsafe { *a.get_unchecked(p * column_stride) });
                for (b, sum) in b.iter().zip(sums) {
                    *sum = T::mul_add(simd, a, *b, *sum);
                }
            }
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
}
