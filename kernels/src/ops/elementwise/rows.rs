//! The scalar math of an elementwise operation, and the loop around it.

use std::mem::MaybeUninit;

use crate::ops::scalar::{Element, Scalar};
use crate::ops::simd::{self, Simd, WithSimd};

/// The scalar math of an operation with `N` operands.
pub(in crate::ops) trait Map<const N: usize>: Copy + Sync {
    /// The result at one position, from the operands there; meaningless outside the fast range. It must not
    /// branch, so that a loop around it becomes vectors.
    fn apply<T: Scalar>(&self, x: [T; N]) -> T;

    /// [`apply`](Self::apply) for instruction sets that [have fused multiply-adds](simd::has_fma), for an
    /// operation that gains from them.
    #[inline(always)]
    fn apply_fma<T: Scalar>(&self, x: [T; N]) -> T {
        self.apply(x)
    }

    /// Whether [`apply`](Self::apply) is right for these operands, as it nearly always should be.
    #[inline(always)]
    fn in_fast_range<T: Scalar>(&self, _: [T; N]) -> bool {
        true
    }

    /// The result outside the fast range.
    fn apply_slow<T: Scalar>(&self, x: [T; N]) -> T {
        self.apply(x)
    }
}

/// Rows whose elements are contiguous: slices that start at the first row, and the stride between rows.
pub(super) struct Rows<'a, T, F, const N: usize> {
    pub(super) f: &'a F,
    pub(super) x: [(&'a [T], usize); N],
    pub(super) out: (&'a mut [MaybeUninit<T>], usize),
    pub(super) width: usize,
    pub(super) height: usize,
}

/// All that is compiled for each instruction set: code around it would be compiled as often, for nothing.
impl<T: Element, F: Map<N>, const N: usize> WithSimd for Rows<'_, T, F, N> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { f, x, out: (out, out_stride), width, height } = self;
        for i in 0..height {
            let mut row = [[].as_slice(); N];
            for (row, (x, stride)) in row.iter_mut().zip(x) {
                *row = &x[i * stride..][..width];
            }
            evaluate_row::<S, _, _, _>(f, row, &mut out[i * out_stride..][..width]);
        }
    }
}

/// Computes the values of `f` for operands of the output's length.
#[inline(always)]
fn evaluate_row<S: Simd, T: Element, F: Map<N>, const N: usize>(
    f: &F,
    x: [&[T]; N],
    out: &mut [MaybeUninit<T>],
) {
    let len = out.len();
    // Local copies let LLVM rule out aliasing and bounds failures, so that the loop becomes vectors.
    let f = *f;
    let x0 = &x[0][..len];
    let x1 = &x[1.min(N - 1)][..len];
    let x2 = &x[2.min(N - 1)][..len];
    macro_rules! at {
        ($i:ident) => {{
            let mut values = [x0[$i].widen(); N];
            if N > 1 {
                values[1] = x1[$i].widen();
            }
            if N > 2 {
                values[2] = x2[$i].widen();
            }
            values
        }};
    }
    const { assert!(1 <= N && N <= 3, "an operation has one, two or three operands") };
    // At every position and without leaving the loop early, so that it becomes vectors.
    let mut all_fast = true;
    for i in 0..len {
        all_fast &= f.in_fast_range(at!(i));
        let z = if simd::has_fma::<S>() { f.apply_fma(at!(i)) } else { f.apply(at!(i)) };
        out[i].write(T::narrow(z));
    }
    if !all_fast {
        for i in 0..len {
            if !f.in_fast_range(at!(i)) {
                out[i].write(T::narrow(f.apply_slow(at!(i))));
            }
        }
    }
}
