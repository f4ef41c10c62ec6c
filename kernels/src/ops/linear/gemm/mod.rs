//! Products of matrices on slices, C = A B, with the rest of a layer done on the way out ([`Epilogue`]).
//!
//! [`gemm`] chooses between two kernels: [`small`] keeps a tile of C in registers and packs nothing, which
//! suits the matrices of a small network; [`large`] is the `gemm` crate, which packs its operands and uses
//! threads. [`PackedMatrix`] multiplies by one matrix again and again, always with the small kernel.

mod blocks;
mod columns;
mod epilogue;
mod large;
#[cfg(test)]
mod long_sums;
mod packed;
mod relu_backward;
mod single;
mod small;
mod tiles;
mod transpose;

use crate::ops::simd::SimdFloat;
use epilogue::product;
pub use epilogue::{Epilogue, Matrix, Write};
use large::large;
pub use packed::PackedMatrix;
pub(crate) use relu_backward::{column_sums, relu_backward};
use small::small;
pub use tiles::ROW_MULTIPLE;
pub(crate) use transpose::transpose;

/// The number of multiplications from which packing pays.
///
/// Below it and for row-major A, each element of C is the same chain of sums whatever the other rows are; the
/// `gemm` crate chooses the chain by the sizes.
const LARGE: usize = 1 << 21;

/// Computes C = A B with `epilogue`, for A (m, k) with arbitrary strides and row-major B (k, n) and C (m, n).
///
/// # Panics
///
/// When a slice is shorter than its matrix.
pub(crate) fn gemm<T: SimdFloat>(
    [m, n, k]: [usize; 3],
    a: Matrix<T>,
    b: &[T],
    c: &mut [T],
    epilogue: Epilogue<T>,
) {
    let (b, c) = (&b[..product(k, n)], &mut c[..product(m, n)]);
    let is_plain = matches!(epilogue, Epilogue::Set | Epilogue::Add);
    if n == 1 && m > 1 && a.row_stride == 1 && a.column_stride == m && is_plain {
        // C^T = B^T A^T, all three row-major: one row of many columns instead of one column of many rows.
        return gemm([1, m, k], Matrix::row_major(b, k), a.data, c, epilogue);
    }
    if m.saturating_mul(n).saturating_mul(k) >= LARGE {
        return large([m, n, k], a, Matrix::row_major(b, n), c, epilogue);
    }
    a.check(m, k);
    small([m, n, k], a, b, c, epilogue);
}

/// Computes C = A B as [`gemm`] does, for B given as its row-major transpose (n, k).
///
/// The small kernel wants B itself, which is allocated and made here; for a single row that takes most of the
/// time.
///
/// # Panics
///
/// When a slice is shorter than its matrix.
pub(crate) fn gemm_transposed<T: SimdFloat>(
    [m, n, k]: [usize; 3],
    a: Matrix<T>,
    b_transposed: &[T],
    c: &mut [T],
    epilogue: Epilogue<T>,
) {
    if m.saturating_mul(n).saturating_mul(k) >= LARGE {
        return large([m, n, k], a, Matrix::transposed(b_transposed, k), c, epilogue);
    }
    let mut b = vec![T::default(); product(k, n)];
    transpose(n, k, b_transposed, &mut b);
    gemm([m, n, k], a, &b, c, epilogue);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Strides whose product wraps around: the last element seems to be the first.
    #[test]
    #[should_panic(expected = "a matrix of 1 rows and 4 columns has 8 elements")]
    fn strides_that_overflow_are_refused() {
        let column_stride = (1u128 << 64).div_ceil(3) as usize;
        let a = Matrix { data: &[1f32; 8], row_stride: 0, column_stride };
        gemm([1, 32, 4], a, &[1.; 128], &mut [0.; 32], Epilogue::Set);
    }

    #[test]
    #[should_panic(expected = "a matrix of 5 rows and 2 columns has 8 elements")]
    fn matrices_that_are_too_short_are_refused() {
        gemm([5, 1, 2], Matrix::row_major(&[1f32; 8], 2), &[1.; 2], &mut [0.; 5], Epilogue::Set);
    }
}
