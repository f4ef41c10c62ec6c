//! Products of large matrices, by the `gemm` crate, each followed by its epilogue as a pass over C.

use std::sync::LazyLock;

use super::epilogue::{Epilogue, Matrix, Write, product};
use super::relu_backward::relu_backward;
use crate::ops::linear::activation::Activation;
use crate::ops::simd::{self, Simd, SimdFloat, WithSimd};

/// Whether there is a pool: one of a single thread would be no faster, and cannot start where the system grants none.
static USES_POOL: LazyLock<bool> = LazyLock::new(|| std::env::var("RAYON_NUM_THREADS").as_deref() != Ok("1"));

/// Computes C = A B with `epilogue` on the threads of rayon's pool, for A (m, k) and B (k, n) with arbitrary
/// strides and row-major C (m, n), none of them empty.
///
/// # Panics
///
/// When a slice is shorter than its matrix.
#[allow(unsafe_code)]
pub(super) fn large<T: SimdFloat>(
    [m, n, k]: [usize; 3],
    a: Matrix<T>,
    b: Matrix<T>,
    c: &mut [T],
    epilogue: Epilogue<T>,
) {
    let one = T::from_f64(1.);
    let reads_c = matches!(epilogue, Epilogue::Add);
    let c = &mut c[..product(m, n)];
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
            reads_c,
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
