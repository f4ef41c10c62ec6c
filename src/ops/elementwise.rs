//! The CPU driver of every elementwise operation, whatever its arity, dtype and layouts.
//!
//! An operation supplies a [`Map`]: scalar math on `N` operands, generic over [`Real`]. [`map`] finds the dtype,
//! walks the layouts and returns a contiguous result. The loops are compiled for each instruction set ([`simd`]), and
//! large contiguous operands are divided among the threads of rayon's pool.

#![allow(unsafe_code)]

use std::array;
use std::mem::{self, MaybeUninit};

use candle_core::{CpuStorage, Layout, Result, Shape, bail};
use rayon::prelude::*;

use super::simd::{self, Simd, WithSimd};
use crate::ops::real::{Element, Real};

/// The scalar math of an operation with `N` operands.
pub(super) trait Map<const N: usize>: Sync {
    /// The result at one position, from the operands there, which are usual ones. Without branches, so that a loop of it
    /// becomes vectors.
    fn apply<T: Real>(&self, x: [T; N]) -> T;

    /// Whether [`apply`](Self::apply) serves these operands; nearly always.
    #[inline(always)]
    fn is_usual<T: Real>(&self, _: [T; N]) -> bool {
        true
    }

    /// The result where the operands are not usual.
    fn apply_unusual<T: Real>(&self, x: [T; N]) -> T {
        self.apply(x)
    }
}

/// How many positions of operands that have to be copied together are looked at at a time.
const BLOCK: usize = 256;

/// How many positions of contiguous operands: little enough for the nearest cache.
const CONTIGUOUS_BLOCK: usize = 2048;

/// From how many positions on threads are worth their start.
const PARALLEL: usize = 1 << 17;

/// Applies `f` at every position of `N` operands of one shape and one dtype.
///
/// # Errors
///
/// Fails when the dtype is not a supported one, or not the same for all operands.
pub(super) fn map<const N: usize>(
    op: &str,
    f: &impl Map<N>,
    operands: [(&CpuStorage, &Layout); N],
) -> Result<(CpuStorage, Shape)> {
    let layouts = operands.map(|(_, layout)| layout);
    let storages = operands.map(|(storage, _)| storage);
    macro_rules! dispatch {
        ($($dtype:ident),*) => {
            match storages[0] {
                $(CpuStorage::$dtype(_) => {
                    let mut slices = [[].as_slice(); N];
                    for (slice, storage) in slices.iter_mut().zip(storages) {
                        let CpuStorage::$dtype(x) = storage else {
                            bail!("{op}: operands of different dtypes")
                        };
                        *slice = x;
                    }
                    CpuStorage::$dtype(evaluate(f, slices, layouts))
                })*
                _ => bail!("{op}: unsupported dtype"),
            }
        };
    }
    let result = dispatch!(F16, BF16, F32, F64);
    Ok((result, layouts[0].shape().clone()))
}

/// The values of `f` in row-major order.
fn evaluate<T: Element, const N: usize>(f: &impl Map<N>, x: [&[T]; N], layouts: [&Layout; N]) -> Vec<T> {
    let len = layouts[0].shape().elem_count();
    let mut result = Vec::with_capacity(len);
    let space = &mut result.spare_capacity_mut()[..len];
    let axes = merged_axes(layouts[0].dims(), layouts);
    let offsets = layouts.map(Layout::start_offset);
    match axes[..] {
        [(_, strides)] if len >= PARALLEL && rayon::current_num_threads() > 1 => {
            let piece = len.div_ceil(rayon::current_num_threads()).next_multiple_of(CONTIGUOUS_BLOCK);
            space.par_chunks_mut(piece).enumerate().for_each(|(i, space)| {
                let offsets = array::from_fn(|k| offsets[k] + i * piece * strides[k]);
                simd::run(Rows { f, x, offsets, axes: &[(space.len(), strides)], space });
            });
        }
        _ => simd::run(Rows { f, x, offsets, axes: &axes, space }),
    }
    // SAFETY: each of the `len` positions was written by exactly one row.
    unsafe { result.set_len(len) };
    result
}

/// The values of `f` for slices of one length.
///
/// # Panics
///
/// When an operand is shorter than the result.
pub(super) fn map_slices<T: Element, const N: usize>(f: &impl Map<N>, x: [&[T]; N], result: &mut [T]) {
    let len = result.len();
    // SAFETY: a place for an element, written or not, is as large as the element, and `Rows` writes elements alone.
    let space = unsafe { std::slice::from_raw_parts_mut(result.as_mut_ptr().cast::<MaybeUninit<T>>(), len) };
    simd::run(Rows { f, x, offsets: [0; N], axes: &[(len, [1; N])], space });
}

/// The rows of `N` operands with the space for their results, one row after the other.
struct Rows<'a, T, F, const N: usize> {
    f: &'a F,
    x: [&'a [T]; N],
    offsets: [usize; N],
    axes: &'a [(usize, [usize; N])],
    space: &'a mut [MaybeUninit<T>],
}

impl<T: Element, F: Map<N>, const N: usize> WithSimd for Rows<'_, T, F, N> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { f, x, offsets, axes, mut space } = self;
        // Operands that are not contiguous along a row are copied together, a block at a time.
        let mut copies = [[T::default(); BLOCK]; N];
        let (starts, (row_len, strides)) = RowStarts::new(offsets, axes);
        let block = if strides == [1; N] { CONTIGUOUS_BLOCK } else { BLOCK };
        for offsets in starts {
            for start in (0..row_len).step_by(block) {
                let len = block.min(row_len - start);
                let mut blocks = [[].as_slice(); N];
                for (k, (block, copy)) in blocks.iter_mut().zip(&mut copies).enumerate() {
                    let from = offsets[k] + start * strides[k];
                    *block = match strides[k] {
                        1 => &x[k][from..from + len],
                        // A constant row is the same in all of its blocks.
                        0 if start > 0 => &copy[..len],
                        0 => {
                            copy[..len].fill(x[k][from]);
                            &copy[..len]
                        }
                        stride => {
                            for (to, &x) in copy[..len].iter_mut().zip(x[k][from..].iter().step_by(stride)) {
                                *to = x;
                            }
                            &copy[..len]
                        }
                    };
                }
                let (block_space, rest) = mem::take(&mut space).split_at_mut(len);
                space = rest;
                evaluate_block(f, blocks, block_space);
            }
        }
        assert!(space.is_empty(), "the rows cover the result");
    }
}

/// The values of `f` for contiguous blocks of operands.
#[inline(always)]
fn evaluate_block<T: Element, F: Map<N>, const N: usize>(f: &F, x: [&[T]; N], space: &mut [MaybeUninit<T>]) {
    let len = space.len();
    // One slice for each operand, and no array of slices: only so the compiler sees that no index is out of bounds, and
    // makes vectors.
    let [x0, x1, x2] = [0, 1, 2].map(|k: usize| &x[k.min(N - 1)][..len]);
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
    // Without a way out of the loop it becomes vectors.
    let mut all_usual = true;
    for i in 0..len {
        all_usual &= f.is_usual(at!(i));
    }
    if all_usual {
        for i in 0..len {
            space[i].write(T::narrow(f.apply(at!(i))));
        }
    } else {
        for i in 0..len {
            let x = at!(i);
            space[i].write(T::narrow(if f.is_usual(x) { f.apply(x) } else { f.apply_unusual(x) }));
        }
    }
}

/// Where the rows of `N` operands start, in row-major order.
///
/// An iterator and not a function with a callback: a closure is a function of its own, and would not be compiled for the
/// instruction set of the one that calls it.
struct RowStarts<'a, const N: usize> {
    /// All axes but that along the rows.
    axes: &'a [(usize, [usize; N])],
    index: Vec<usize>,
    next: Option<[usize; N]>,
}

impl<'a, const N: usize> RowStarts<'a, N> {
    /// The starts for operands that begin at `offsets`, and the length and strides of every row.
    fn new(offsets: [usize; N], axes: &'a [(usize, [usize; N])]) -> (Self, (usize, [usize; N])) {
        let (axes, row) = match axes.split_last() {
            Some((&row, axes)) => (axes, row),
            None => (axes, (1, [1; N])),
        };
        let is_empty = row.0 == 0 || axes.iter().any(|&(len, _)| len == 0);
        (Self { axes, index: vec![0; axes.len()], next: (!is_empty).then_some(offsets) }, row)
    }
}

impl<const N: usize> Iterator for RowStarts<'_, N> {
    type Item = [usize; N];

    fn next(&mut self) -> Option<[usize; N]> {
        let starts = self.next.take()?;
        let mut after = starts;
        // Count the axes up like an odometer, the last one fastest.
        for (index, &(len, strides)) in self.index.iter_mut().zip(self.axes).rev() {
            *index += 1;
            if *index < len {
                self.next = Some(array::from_fn(|k| after[k] + strides[k]));
                break;
            }
            after = array::from_fn(|k| after[k] - (len - 1) * strides[k]);
            *index = 0;
        }
        Some(starts)
    }
}

/// The axes (length, stride of each operand) of `dims`, without those of length 1 and with neighbours merged where
/// every operand goes from one to the next in a single stride. So contiguous operands of any rank have one axis, and so
/// has a contiguous one with a broadcast scalar.
pub(super) fn merged_axes<const N: usize>(dims: &[usize], layouts: [&Layout; N]) -> Vec<(usize, [usize; N])> {
    let mut axes: Vec<(usize, [usize; N])> = Vec::with_capacity(dims.len());
    for (axis, &len) in dims.iter().enumerate().filter(|&(_, &len)| len != 1) {
        let strides = layouts.map(|layout| layout.stride()[axis]);
        match axes.last_mut() {
            Some((outer_len, outer)) if (0..N).all(|k| outer[k] == strides[k] * len) => {
                *outer_len *= len;
                *outer = strides;
            }
            _ => axes.push((len, strides)),
        }
    }
    axes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of one layout as (offset, stride, length).
    fn rows(dims: &[usize], strides: &[usize], offset: usize) -> Vec<(usize, usize, usize)> {
        let layout = Layout::new(Shape::from(dims), strides.to_vec(), offset);
        let axes = merged_axes(dims, [&layout]);
        let (starts, (len, [stride])) = RowStarts::new([offset], &axes);
        starts.map(|[start]| (start, stride, len)).collect()
    }

    #[test]
    fn contiguous_axes_are_one_row() {
        assert_eq!(rows(&[2, 3, 4], &[12, 4, 1], 5), [(5, 1, 24)]);
    }

    #[test]
    fn axes_of_length_one_do_not_split_rows() {
        assert_eq!(rows(&[1, 2, 1, 3], &[99, 3, 99, 1], 0), [(0, 1, 6)]);
    }

    #[test]
    fn a_transposed_matrix_has_a_row_for_each_column() {
        assert_eq!(rows(&[3, 2], &[1, 3], 1), [(1, 3, 2), (2, 3, 2), (3, 3, 2)]);
    }

    #[test]
    fn a_broadcast_scalar_is_one_row_of_stride_zero() {
        assert_eq!(rows(&[4, 5], &[0, 0], 7), [(7, 0, 20)]);
    }

    #[test]
    fn a_scalar_is_one_row_and_an_empty_tensor_none() {
        assert_eq!(rows(&[], &[], 2), [(2, 1, 1)]);
        assert_eq!(rows(&[3, 0], &[0, 1], 0), []);
    }

    #[test]
    fn outer_axes_count_like_an_odometer() {
        let offsets: Vec<_> = rows(&[2, 2, 2], &[10, 5, 2], 0).into_iter().map(|row| row.0).collect();
        assert_eq!(offsets, [0, 5, 10, 15]);
    }
}
