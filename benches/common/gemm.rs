//! A matrix product by the `gemm` crate on one thread.

use std::hint::black_box;

/// A matrix in a slice, with the strides of its rows and columns.
pub(crate) type Matrix<'a> = (&'a [f32], [usize; 2]);

/// C <- A B for A (m, k) and B (k, n) of any strides and row-major C (m, n).
pub(crate) fn product([m, n, k]: [usize; 3], (a, a_strides): Matrix, (b, b_strides): Matrix, c: &mut [f32]) {
    let last =
        |[row, column]: [usize; 2], rows: usize, columns: usize| (rows - 1) * row + (columns - 1) * column;
    assert!(a.len() > last(a_strides, m, k) && b.len() > last(b_strides, k, n) && c.len() >= m * n);
    let [[a_row, a_column], [b_row, b_column]] = [a_strides, b_strides].map(|s| s.map(usize::cast_signed));
    // SAFETY: the last elements of the matrices are inside of their slices.
    #[allow(unsafe_code)]
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            1,
            n.cast_signed(),
            false,
            black_box(a.as_ptr()),
            a_column,
            a_row,
            b.as_ptr(),
            b_column,
            b_row,
            0.,
            1.,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
    black_box(c);
}
