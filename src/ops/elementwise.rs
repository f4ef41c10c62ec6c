//! The CPU driver of every elementwise operation, whatever its arity, dtype and layouts.
//!
//! An operation supplies a [`Map`]: scalar math on `N` operands, generic over [`Scalar`]. [`map`] finds the dtype,
//! walks the layouts ([`axes`](super::axes)) and returns a contiguous result. The loops are compiled for each
//! instruction set ([`simd`]), and large operands are divided among threads.

#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::{array, slice};

use candle_core::utils::barrier_pool;
use candle_core::{CpuStorage, Layout, Result, Shape, bail};

use super::axes::{Axis, Line, Starts, Tiling, merged_axes};
use super::simd::{self, CACHE_LINE_BYTES, Simd, WithSimd};
use crate::ops::scalar::{Element, Scalar};

/// The scalar math of an operation with `N` operands.
pub(super) trait Map<const N: usize>: Copy + Sync {
    /// The result at one position, from the operands there; of no meaning where they are not usual. Without branches, so
    /// that a loop of it becomes vectors.
    fn apply<T: Scalar>(&self, x: [T; N]) -> T;

    /// [`apply`](Self::apply) where the instruction set [has a fused multiply-add](simd::has_fma), for an operation
    /// that gains from it.
    #[inline(always)]
    fn apply_fused<T: Scalar>(&self, x: [T; N]) -> T {
        self.apply(x)
    }

    /// Whether [`apply`](Self::apply) serves these operands; nearly always.
    #[inline(always)]
    fn is_usual<T: Scalar>(&self, _: [T; N]) -> bool {
        true
    }

    /// The result where the operands are not usual.
    fn apply_unusual<T: Scalar>(&self, x: [T; N]) -> T {
        self.apply(x)
    }
}

/// How many positions are computed at a time where operands are read as they lie: little enough for the nearest cache.
const BLOCK: usize = 2048;

/// How many rows a tile of operands has that are copied: enough to use all of each line of the cache that is read.
const TILE_ROWS: usize = 32;

/// How many columns a tile has where an operand is constant along a row: so few that to fill the first tile of the row with
/// it costs little, and the others have it then.
const CONSTANT: usize = 256;

/// From how many positions on threads are worth their start, as in Candle.
const PARALLEL: usize = 1 << 16;

/// About how many positions a thread takes at a time.
const PIECE: usize = 1 << 14;

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
    let offsets = layouts.map(Layout::start_offset);
    if layouts.iter().all(|layout| layout.is_contiguous()) {
        // The usual case, without an allocation for the axes.
        evaluate_axes(f, x, offsets, &[(len, [1; N])], space);
    } else {
        evaluate_axes(f, x, offsets, &merged_axes(layouts[0].dims(), layouts), space);
    }
    // SAFETY: each of the `len` positions was written.
    unsafe { result.set_len(len) };
    result
}

/// Writes the values of `f` to all of `space`, if it is large with the threads of Candle's pool.
///
/// They are that pool's and not rayon's, because its threads spin for a while after each of Candle's own operations and
/// would take the cores from others.
fn evaluate_axes<T: Element, F: Map<N>, const N: usize>(
    f: &F,
    x: [&[T]; N],
    offsets: [usize; N],
    axes: &[Axis<N>],
    space: &mut [MaybeUninit<T>],
) {
    let len = space.len();
    let (first, strides) = axes.first().copied().unwrap_or((1, [1; N]));
    if len < PARALLEL {
        return simd::run(Part { f, x, offsets, axes, space });
    }
    let row = len / first;
    let rows = (PIECE / row).max(1);
    let all = Space(space.as_mut_ptr());
    barrier_pool().execute_chunked(first.div_ceil(rows), |pieces| {
        let (start, end) = (pieces.start * rows, first.min(pieces.end * rows));
        let offsets = array::from_fn(|k| offsets[k] + start * strides[k]);
        let mut axes = axes.to_vec();
        axes[0].0 = end - start;
        // SAFETY: the pieces are disjoint parts of `space`, which is borrowed until the threads are done.
        let space = unsafe { slice::from_raw_parts_mut(all.get().add(start * row), (end - start) * row) };
        simd::run(Part { f, x, offsets, axes: &axes, space });
    });
}

/// The start of the space that threads share.
struct Space<T>(*mut MaybeUninit<T>);

impl<T> Space<T> {
    fn get(&self) -> *mut MaybeUninit<T> {
        self.0
    }
}

// SAFETY: each thread writes to a part of its own.
unsafe impl<T: Send> Sync for Space<T> {}

/// The values of `f` for slices of one length, on this thread.
///
/// # Panics
///
/// When an operand is shorter than the result.
pub(super) fn map_slices<T: Element, const N: usize>(f: &impl Map<N>, x: [&[T]; N], result: &mut [T]) {
    let len = result.len();
    // SAFETY: a place for an element, written or not, is as large as the element, and `Part` writes elements alone.
    let space = unsafe { slice::from_raw_parts_mut(result.as_mut_ptr().cast::<MaybeUninit<T>>(), len) };
    simd::run(Part { f, x, offsets: [0; N], axes: &[(len, [1; N])], space });
}

/// Operands with their axes, and the space for the results.
struct Part<'a, T, F, const N: usize> {
    f: &'a F,
    x: [&'a [T]; N],
    offsets: [usize; N],
    axes: &'a [Axis<N>],
    space: &'a mut [MaybeUninit<T>],
}

impl<T: Element, F: Map<N>, const N: usize> WithSimd for Part<'_, T, F, N> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        match self.axes {
            [(_, strides)] if *strides == [1; N] => self.contiguous::<S>(),
            _ => self.tiles::<S>(),
        }
    }
}

impl<T: Element, F: Map<N>, const N: usize> Part<'_, T, F, N> {
    /// A block at a time, the first only so long that the results of the others begin where a line of the cache does, so
    /// that no store crosses two.
    #[inline(always)]
    fn contiguous<S: Simd>(self) {
        let Self { f, x, offsets, space, .. } = self;
        let (mut start, len) = (0, space.len());
        let mut end = len.min(space.as_ptr().align_offset(CACHE_LINE_BYTES));
        while start < len {
            let mut blocks = [[].as_slice(); N];
            for (k, block) in blocks.iter_mut().enumerate() {
                *block = &x[k][offsets[k] + start..offsets[k] + end];
            }
            evaluate_block::<S, _, _, _>(f, blocks, &mut space[start..end]);
            (start, end) = (end, len.min(end + BLOCK));
        }
    }

    /// A tile of rows and columns at a time. Operands that are not contiguous along a row are copied first, in the order
    /// in which they lie, so a transposed one is not read with a jump from one element to the next.
    #[inline(always)]
    fn tiles<S: Simd>(self) {
        let Self { f, x, offsets, axes, space } = self;
        let Tiling { outer, rows, columns } = Tiling::new(axes);
        let (tile_rows, tile_columns) = if columns.strides.iter().any(|&stride| stride > 1) {
            (TILE_ROWS, BLOCK / TILE_ROWS)
        } else if columns.strides.contains(&0) {
            (1, CONSTANT)
        } else {
            (1, BLOCK)
        };
        let mut copies = [Tile([T::default(); BLOCK]); N];
        for (offsets, space_start) in Starts::new(offsets, &outer) {
            for row in (0..rows.len).step_by(tile_rows) {
                for column in (0..columns.len).step_by(tile_columns) {
                    let height = tile_rows.min(rows.len - row);
                    let width = tile_columns.min(columns.len - column);
                    let from = offsets_at(offsets, &rows, row);
                    let from = offsets_at(from, &columns, column);
                    for (k, copy) in copies.iter_mut().enumerate() {
                        match columns.strides[k] {
                            1 => {}
                            // A constant row is the same in all of its tiles.
                            0 if tile_rows == 1 && column > 0 => {}
                            _ => copy_tile(
                                &x[k][from[k]..],
                                (height, rows.strides[k]),
                                (width, columns.strides[k]),
                                &mut copy.0,
                            ),
                        }
                    }
                    for i in 0..height {
                        let mut blocks = [[].as_slice(); N];
                        for (k, (block, copy)) in blocks.iter_mut().zip(&copies).enumerate() {
                            *block = match columns.strides[k] {
                                1 => &x[k][from[k] + i * rows.strides[k]..][..width],
                                _ => &copy.0[i * width..][..width],
                            };
                        }
                        let at = space_start + (row + i) * rows.space + column;
                        evaluate_block::<S, _, _, _>(f, blocks, &mut space[at..at + width]);
                    }
                }
            }
        }
    }
}

/// Where the operands are, `index` further along an axis.
#[inline(always)]
fn offsets_at<const N: usize>(mut offsets: [usize; N], axis: &Line<N>, index: usize) -> [usize; N] {
    for (offset, stride) in offsets.iter_mut().zip(axis.strides) {
        *offset += index * stride;
    }
    offsets
}

/// Copies rows and columns (number, stride) of `x` to `copy`, row after row.
#[inline(always)]
fn copy_tile<T: Copy>(
    x: &[T],
    (height, row_stride): (usize, usize),
    (width, column_stride): (usize, usize),
    copy: &mut [T],
) {
    if column_stride == 0 {
        for (i, row) in copy.chunks_exact_mut(width).take(height).enumerate() {
            row.fill(x[i * row_stride]);
        }
    } else if row_stride < column_stride {
        for j in 0..width {
            let column = &x[j * column_stride..];
            for i in 0..height {
                copy[i * width + j] = column[i * row_stride];
            }
        }
    } else {
        for (i, row) in copy.chunks_exact_mut(width).take(height).enumerate() {
            for (to, &x) in row.iter_mut().zip(x[i * row_stride..].iter().step_by(column_stride)) {
                *to = x;
            }
        }
    }
}

/// Copied elements, beginning where a line of the cache does.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Tile<T>([T; BLOCK]);

/// The values of `f` for contiguous blocks of operands.
#[inline(always)]
fn evaluate_block<S: Simd, T: Element, F: Map<N>, const N: usize>(
    f: &F,
    x: [&[T]; N],
    space: &mut [MaybeUninit<T>],
) {
    let len = space.len();
    // A copy of `f`, which no store can change, and one slice for each operand: only so the compiler sees what is constant
    // and that no index is out of bounds, and makes vectors.
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
    // Everywhere, and without a way out of the loop, so that it becomes vectors.
    let mut all_usual = true;
    for i in 0..len {
        all_usual &= f.is_usual(at!(i));
        let z = if simd::has_fma::<S>() { f.apply_fused(at!(i)) } else { f.apply(at!(i)) };
        space[i].write(T::narrow(z));
    }
    if !all_usual {
        for i in 0..len {
            if !f.is_usual(at!(i)) {
                space[i].write(T::narrow(f.apply_unusual(at!(i))));
            }
        }
    }
}
