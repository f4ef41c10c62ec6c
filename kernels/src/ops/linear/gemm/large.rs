//! Products of large matrices, by the `gemm` crate, each followed by its epilogue as a pass over C.

use std::sync::LazyLock;

use super::blocks;
use super::epilogue::{Epilogue, Matrix, Write, product};
use super::relu_backward::relu_backward;
use crate::ops::linear::activation::Activation;
use crate::ops::simd::{self, Simd, SimdFloat, WithSimd};

/// Whether there is a pool: one of a single thread would be no faster, and cannot start where the system
/// grants none.
static USES_POOL: LazyLock<bool> = LazyLock::new(|| std::env::var("RAYON_NUM_THREADS").as_deref() != Ok("1"));
/// The most terms of a sum that is left to the crate, which adds up in blocks of some hundred: as many as
/// make the pass over C that each further sum takes cost hardly anything.
const TERMS: usize = 1 << 12;

/// Computes C = A B with `epilogue` on the threads of rayon's pool, for A (m, k) and B (k, n) with arbitrary
/// strides and row-major C (m, n), none of them empty.
///
/// # Panics
///
/// When a slice is shorter than its matrix.
pub(super) fn large<T: SimdFloat>(
    [m, n, k]: [usize; 3],
    a: Matrix<T>,
    b: Matrix<T>,
    c: &mut [T],
    epilogue: Epilogue<T>,
) {
    let write = if let Epilogue::Add = epilogue { Write::Add } else { Write::Set };
    let c = &mut c[..product(m, n)];
    multiply([m, n, k], a, b, write, c);
    match epilogue {
        Epilogue::Set | Epilogue::Add => {}
        Epilogue::BiasActivation { bias, activation } => {
            simd::run(BiasActivation { bias: &bias[..n], activation, y: c });
        }
        Epilogue::ReluBackward { output, bias_grad } => {
            relu_backward(output, c, Write::Add, &mut bias_grad[..n]);
        }
    }
}

/// Writes A B to C, whose length is m n. A long sum is that of its halves, each computed in the same way; the
/// second is allocated.
fn multiply<T: SimdFloat>([m, n, k]: [usize; 3], a: Matrix<T>, b: Matrix<T>, write: Write, c: &mut [T]) {
    // The crate's products with a vector are running sums over all of k.
    let terms = if m == 1 || n == 1 { blocks::PRODUCTS } else { TERMS };
    if k <= terms {
        return multiply_directly([m, n, k], a, b, write, c);
    }
    // What is to be added to is no part of the sum, or it would be rounded with each of its blocks.
    let half = if write == Write::Set { (k / 2).next_multiple_of(terms) } else { 0 };
    if half > 0 {
        multiply([m, n, half], a, b, Write::Set, c);
    }
    let mut rest = vec![T::default(); c.len()];
    multiply([m, n, k - half], a.skip_columns(half), b.skip_rows(half), Write::Set, &mut rest);
    for (c, rest) in c.iter_mut().zip(rest) {
        *c += rest;
    }
}

/// Writes A B to C, whose length is m n, by the `gemm` crate.
#[allow(unsafe_code)]
fn multiply_directly<T: SimdFloat>(
    [m, n, k]: [usize; 3],
    a: Matrix<T>,
    b: Matrix<T>,
    write: Write,
    c: &mut [T],
) {
    let one = T::from_f64(1.);
    a.check(m, k);
    b.check(k, n);
    // SAFETY: C is a slice of m n elements, and the last elements of A and B are inside their slices.
    unsafe {
        ::gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            1,
            n.cast_signed(),
            write == Write::Add,
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
            if *USES_POOL { ::gemm::Parallelism::Rayon(0) } else { ::gemm::Parallelism::None },
        );
    }
}

/// y <- activation(y + bias), row by row.
struct BiasActivation<'a, T> {
    bias: &'a [T],
    activation: Activation,
    y: &'a mut [T],
}

impl<T: SimdFloat> WithSimd for BiasActivation<'_, T> {
    type Output = ();

    // The compiler vectorises a loop as plain as this for each instruction set.
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { bias, activation, y } = self;
        let relu = activation == Activation::Relu;
        for row in y.chunks_exact_mut(bias.len()) {
            for (y, &bias) in row.iter_mut().zip(bias) {
                let sum = *y + bias;
                *y = if relu && sum < T::default() { T::default() } else { sum };
            }
        }
    }
}
