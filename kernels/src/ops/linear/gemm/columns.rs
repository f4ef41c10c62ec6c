//! Row-major matrices processed a few vectors of columns at a time.

use std::marker::PhantomData;
use std::ops::Range;

use crate::ops::simd::{self, Simd, SimdFloat, WithSimd};

/// The most columns of [`Columns`]: two vectors of the widest registers.
pub(super) const COLUMNS: usize = 32;

/// Some columns: `VECTORS` vectors of them, or part of one vector if not `FULL`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns<const VECTORS: usize, const FULL: bool> {
    start: usize,
    width: usize,
}

impl<const VECTORS: usize, const FULL: bool> Columns<VECTORS, FULL> {
    /// Which columns these are.
    #[inline(always)]
    pub(super) fn range(self) -> Range<usize> {
        self.start..self.start + self.width
    }

    /// Reads these columns of a row.
    #[inline(always)]
    pub(super) fn load<T: SimdFloat, S: Simd>(self, simd: S, row: &[T]) -> [T::Vector<S>; VECTORS] {
        let x = &row[self.range()];
        std::array::from_fn(|v| {
            if FULL { T::load(simd, &x[v * T::lanes::<S>()..]) } else { T::load_part(simd, x) }
        })
    }

    /// Writes these columns of a row.
    #[inline(always)]
    pub(super) fn store<T: SimdFloat, S: Simd>(
        self,
        simd: S,
        row: &mut [T],
        vectors: &[T::Vector<S>; VECTORS],
    ) {
        let x = &mut row[self.range()];
        for (v, &vector) in vectors.iter().enumerate() {
            if FULL {
                T::store(simd, &mut x[v * T::lanes::<S>()..], vector);
            } else {
                T::store_part(simd, x, vector);
            }
        }
    }
}

/// Work on a matrix that is done some columns at a time. A trait and not a closure, which would not be
/// compiled for its caller's instruction set.
pub(super) trait ColumnWise<T: SimdFloat> {
    /// Works on these columns.
    fn columns<S: Simd, const VECTORS: usize, const FULL: bool>(
        &mut self,
        simd: S,
        columns: Columns<VECTORS, FULL>,
    );

    /// Works on the columns from `start` to `end`: two vectors at a time, then one, then the rest.
    #[inline(always)]
    fn all_columns<S: Simd>(&mut self, simd: S, Range { mut start, end }: Range<usize>) {
        let lanes = T::lanes::<S>();
        while start + 2 * lanes <= end {
            self.columns(simd, Columns::<2, true> { start, width: 2 * lanes });
            start += 2 * lanes;
        }
        if start + lanes <= end {
            self.columns(simd, Columns::<1, true> { start, width: lanes });
            start += lanes;
        }
        if start < end {
            self.columns(simd, Columns::<1, false> { start, width: end - start });
        }
    }
}

/// Works on `n` columns with the best instruction set.
pub(super) fn run<T: SimdFloat>(n: usize, work: impl ColumnWise<T>) {
    simd::run(All { n, work, element: PhantomData::<T> });
}

struct All<T, W> {
    n: usize,
    work: W,
    element: PhantomData<T>,
}

impl<T: SimdFloat, W: ColumnWise<T>> WithSimd for All<T, W> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        self.work.all_columns(simd, 0..self.n);
    }
}
