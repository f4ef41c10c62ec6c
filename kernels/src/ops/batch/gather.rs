//! The rows of a batch.

use crate::ops::simd::{self, Simd, SimdFloat, WithSimd};

/// Copies `rows` of the row-major matrix `all` to the start of `batch`.
///
/// # Panics
///
/// When a row is out of range, or `batch` is too short.
pub(crate) fn gather<T: SimdFloat>(all: &[T], columns: usize, rows: &[u32], batch: &mut [T]) {
    simd::run(Gather { all, columns, rows, batch: &mut batch[..rows.len() * columns] });
}

struct Gather<'a, T> {
    all: &'a [T],
    columns: usize,
    rows: &'a [u32],
    batch: &'a mut [T],
}

impl<T: SimdFloat> WithSimd for Gather<'_, T> {
    type Output = ();

    // A row is so short that calling the library's copy, which has to choose how, takes as long as the copy.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { all, columns, rows, batch } = self;
        let whole = columns - columns % T::lanes::<S>();
        for (i, &row) in rows.iter().enumerate() {
            let from = &all[row as usize * columns..][..columns];
            let to = &mut batch[i * columns..][..columns];
            for start in (0..whole).step_by(T::lanes::<S>()) {
                T::store(simd, &mut to[start..], T::load(simd, &from[start..]));
            }
            for (to, &from) in to[whole..].iter_mut().zip(&from[whole..]) {
                *to = from;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_any_width_are_those_asked_for() {
        for columns in [0, 1, 3, 4, 15, 16, 17, 33, 64] {
            let all: Vec<f32> = (0..7 * columns).map(|i| i as f32).collect();
            let rows = [6, 0, 3, 3];
            let mut batch = vec![-1.; 5 * columns];
            gather(&all, columns, &rows, &mut batch);
            let expected: Vec<f32> =
                rows.iter().flat_map(|&r| &all[r as usize * columns..][..columns]).copied().collect();
            assert_eq!(batch[..4 * columns], expected);
            assert!(batch[4 * columns..].iter().all(|&x| x == -1.), "{columns} columns");
        }
    }
}
