//! The product of small matrices, with what a layer does to it on the way out.
//!
//! A tile of rows by columns of the result stays in registers while one row of B after the other is multiplied into it, so
//! nothing is packed: the matrices of a small network lie in the nearest caches anyway. Large products, for which that
//! does not hold, go to the `gemm` crate.

use super::columns::{ColumnWise, Columns};
use super::gate::gate_and_add;
use super::large::large;
use crate::ops::simd::{self, Lanes, Simd, WithSimd};

/// From how many multiplications on packing is worth its time. Below, an element of C is, for A row-major, the same chain of
/// sums whatever rows are beside it; the `gemm` crate chooses the chain by the sizes.
pub(crate) const LARGE: usize = 1 << 21;

/// A matrix of any strides.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matrix<'a, T> {
    pub(crate) data: &'a [T],
    pub(crate) row_stride: usize,
    pub(crate) column_stride: usize,
}

/// What becomes of the product A B.
#[derive(Debug)]
pub(crate) enum Outcome<'a, T> {
    /// C <- A B.
    Set,
    /// C <- C + A B.
    Accumulate,
    /// C <- A B + bias in each row, and then relu if `relu`.
    Layer { bias: &'a [T], relu: bool },
    /// C <- (A B) [output > 0], and sums <- sums + the sums of C's columns.
    Gated { output: &'a [T], sums: &'a mut [T] },
}

/// A is (m, k) of any strides; B (k, n) and C (m, n) are row-major.
struct Product<'a, T> {
    sizes: [usize; 3],
    a: Matrix<'a, T>,
    b: &'a [T],
    c: &'a mut [T],
    outcome: Outcome<'a, T>,
}

/// C <- A B, as `outcome` says, for A (m, k) of any strides and row-major B (k, n) and C (m, n).
///
/// # Panics
///
/// When a slice is shorter than its matrix.
pub(crate) fn product<T: Lanes>(
    [m, n, k]: [usize; 3],
    a: Matrix<T>,
    b: &[T],
    c: &mut [T],
    outcome: Outcome<T>,
) {
    let (b, c) = (&b[..k * n], &mut c[..m * n]);
    if n == 1
        && m > 1
        && a.row_stride == 1
        && a.column_stride == m
        && matches!(outcome, Outcome::Set | Outcome::Accumulate)
    {
        // C^T = B^T A^T, all three row-major: one row of many columns instead of one column of many rows.
        let b = Matrix { data: b, row_stride: k, column_stride: 1 };
        return product([1, m, k], b, a.data, c, outcome);
    }
    if m * n * k >= LARGE {
        let b = Matrix { data: b, row_stride: n, column_stride: 1 };
        return large([m, n, k], a, b, c, outcome);
    }
    simd::run(Product { sizes: [m, n, k], a, b, c, outcome });
}

impl<T: Lanes> WithSimd for Product<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let [m, n, k] = self.sizes;
        if k == 0 || m == 0 {
            return self.without_products();
        }
        let gated = matches!(self.outcome, Outcome::Gated { .. });
        if n == 1 && self.a.column_stride == 1 && k >= T::count::<S>() && !gated {
            return self.column(simd);
        }
        // As many rows of two vectors as there are registers for, with two for a row of B and one for A.
        if S::REGISTER_COUNT >= 32 {
            Tiles::<T, 8>(self).all_columns(simd, n);
        } else {
            Tiles::<T, 6>(self).all_columns(simd, n);
        }
    }
}

/// A product made of tiles of `ROWS` rows.
struct Tiles<'a, T, const ROWS: usize>(Product<'a, T>);

impl<T: Lanes, const ROWS: usize> ColumnWise<T> for Tiles<'_, T, ROWS> {
    #[inline(always)]
    fn columns<S: Simd, const VECTORS: usize, const FULL: bool>(
        &mut self,
        simd: S,
        columns: Columns<VECTORS, FULL>,
    ) {
        let [m, ..] = self.0.sizes;
        let mut row = 0;
        while row + ROWS <= m {
            self.0.tile::<S, ROWS, VECTORS, FULL>(simd, row, columns);
            row += ROWS;
        }
        while row + 2 <= m {
            self.0.tile::<S, 2, VECTORS, FULL>(simd, row, columns);
            row += 2;
        }
        if row < m {
            self.0.tile::<S, 1, VECTORS, FULL>(simd, row, columns);
        }
    }
}

impl<T: Lanes> Product<'_, T> {
    /// The tile of `ROWS` rows from `row` on by some columns.
    #[inline(always)]
    fn tile<S: Simd, const ROWS: usize, const VECTORS: usize, const FULL: bool>(
        &mut self,
        simd: S,
        row: usize,
        columns: Columns<VECTORS, FULL>,
    ) {
        let [_, n, k] = self.sizes;
        let start = match &self.outcome {
            Outcome::Layer { bias, .. } => columns.load(simd, bias),
            _ => [T::splat(simd, T::default()); VECTORS],
        };
        let mut sums = [start; ROWS];
        if matches!(self.outcome, Outcome::Accumulate) {
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
                let a = T::splat(simd, a[p * column_stride]);
                for (b, sum) in b.iter().zip(sums) {
                    *sum = T::mul_add(simd, a, *b, *sum);
                }
            }
        }
        match &mut self.outcome {
            // Loops of known lengths, here and below: or the sums would have to be addressed, and leave the registers.
            Outcome::Layer { relu: true, .. } => {
                for sums in &mut sums {
                    for sum in sums {
                        *sum = T::relu(simd, *sum);
                    }
                }
            }
            Outcome::Gated { output, sums: totals } => {
                let mut total = columns.load(simd, totals);
                for (r, sums) in sums.iter_mut().enumerate() {
                    let output = columns.load(simd, &output[(row + r) * n..][..n]);
                    gate_and_add::<T, _, _>(simd, output, sums, &mut total);
                }
                columns.store(simd, totals, &total);
            }
            Outcome::Set | Outcome::Accumulate | Outcome::Layer { relu: false, .. } => {}
        }
        for (r, sums) in sums.iter().enumerate() {
            columns.store(simd, &mut self.c[(row + r) * n..][..n], sums);
        }
    }

    /// The product with a single column: each row of A, which is contiguous, times B.
    #[inline(always)]
    fn column<S: Simd>(&mut self, simd: S) {
        let [m, ..] = self.sizes;
        let mut row = 0;
        // Several rows at a time, since the sum of the lanes has to be waited for.
        while row + 4 <= m {
            self.elements::<S, 4>(simd, row);
            row += 4;
        }
        while row < m {
            self.elements::<S, 1>(simd, row);
            row += 1;
        }
    }

    /// The `ROWS` elements of a single column from `row` on.
    #[inline(always)]
    fn elements<S: Simd, const ROWS: usize>(&mut self, simd: S, row: usize) {
        let [.., k] = self.sizes;
        let lanes = T::count::<S>();
        let whole = k - k % lanes;
        let a: [&[T]; ROWS] = std::array::from_fn(|r| &self.a.data[(row + r) * self.a.row_stride..][..k]);
        let mut sums = [T::splat(simd, T::default()); ROWS];
        for start in (0..whole).step_by(lanes) {
            let b = T::load(simd, &self.b[start..]);
            for (a, sum) in a.iter().zip(&mut sums) {
                *sum = T::mul_add(simd, T::load(simd, &a[start..]), b, *sum);
            }
        }
        if whole < k {
            let b = T::load_part(simd, &self.b[whole..]);
            for (a, sum) in a.iter().zip(&mut sums) {
                *sum = T::mul_add(simd, T::load_part(simd, &a[whole..]), b, *sum);
            }
        }
        for (c, sum) in self.c[row..].iter_mut().zip(sums) {
            finish(c, T::sum(simd, sum), &self.outcome, 0);
        }
    }

    /// The outcome when A B is zero everywhere or has no elements.
    fn without_products(&mut self) {
        let [_, n, _] = self.sizes;
        for (i, c) in self.c.iter_mut().enumerate() {
            finish(c, T::default(), &self.outcome, i % n);
        }
    }
}

/// An element of C in `column`, from that of A B.
#[inline(always)]
fn finish<T: Lanes>(c: &mut T, product: T, outcome: &Outcome<T>, column: usize) {
    *c = match outcome {
        Outcome::Set => product,
        Outcome::Accumulate => *c + product,
        // Gated products come here only when they are zero.
        Outcome::Gated { .. } => T::default(),
        Outcome::Layer { bias, relu } => {
            let y = product + bias[column];
            if *relu && y < T::default() { T::default() } else { y }
        }
    };
}
