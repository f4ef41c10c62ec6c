//! The product of large matrices by the `gemm` crate, and what becomes of it after that.

use super::gate::gate_and_add_sums;
use super::product::{Matrix, Outcome};
use crate::ops::simd::{self, Lanes, Simd, WithSimd};

/// C <- A B, as `outcome` says, for A (m, k) and B (k, n) of any strides and row-major C (m, n), none of them empty, on the
/// threads of rayon's pool.
///
/// # Panics
///
/// When a slice is shorter than its matrix.
#[allow(unsafe_code)]
pub(super) fn large<T: Lanes>(
    [m, n, k]: [usize; 3],
    a: Matrix<T>,
    b: Matrix<T>,
    c: &mut [T],
    outcome: Outcome<T>,
) {
    let one = T::from_f64(1.);
    let accumulate = matches!(outcome, Outcome::Accumulate);
    let c = &mut c[..m * n];
    // Reads the last elements, so that a matrix too short for the product panics here.
    let _ = a.data[(m - 1) * a.row_stride + (k - 1) * a.column_stride];
    let _ = b.data[(k - 1) * b.row_stride + (n - 1) * b.column_stride];
    // SAFETY: C is a slice of m n elements, and the last elements of A and B are inside of their slices.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            1,
            n.cast_signed(),
            accumulate,
            a.data.as_ptr(),
            a.column_stride.cast_signed(),
            a.row_stride.cast_signed(),
            b.data.as_ptr(),
            b.column_stride.cast_signed(),
            b.row_stride.cast_signed(),
            one,
            one,
            false,
            false,
            false,
            gemm::Parallelism::Rayon(0),
        );
    }
    match outcome {
        Outcome::Set | Outcome::Accumulate => {}
        Outcome::Layer { bias, relu } => simd::run(BiasRelu { bias: &bias[..n], relu, y: c }),
        Outcome::Gated { output, sums } => gate_and_add_sums(output, c, &mut sums[..n]),
    }
}

/// y <- y + bias in each row, and then relu if `relu`.
struct BiasRelu<'a, T> {
    bias: &'a [T],
    relu: bool,
    y: &'a mut [T],
}

impl<T: Lanes> WithSimd for BiasRelu<'_, T> {
    type Output = ();

    // A loop as plain as this becomes vectors of whatever instruction set it is compiled for.
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { bias, relu, y } = self;
        for row in y.chunks_exact_mut(bias.len()) {
            for (y, &bias) in row.iter_mut().zip(bias) {
                let sum = *y + bias;
                *y = if relu && sum < T::default() { T::default() } else { sum };
            }
        }
    }
}
