//! The CPU driver of every elementwise operation, whatever its arity, dtype and layouts.
//!
//! An operation supplies a [`Map`]: scalar math on `N` operands. [`map`] finds the dtype, walks the layouts
//! ([`axes`](super::axes)) and returns a contiguous result. The rows ([`rows`]) are compiled for each
//! instruction set, and large operands are divided among threads.

#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::{array, slice};

use candle_core::utils::barrier_pool;
use candle_core::{CpuStorage, Layout, Result, Shape, bail};

use super::axes::{Axis, Line, Starts, Tiling, merged_axes};
use super::simd::{self, CACHE_LINE_BYTES};
use crate::ops::scalar::Element;

mod rows;

pub(super) use rows::Map;
use rows::Rows;

/// The positions computed at a time where operands are read in place: few enough for the nearest cache.
const BLOCK: usize = 2048;

/// The rows of a tile of copied operands: enough to use all of each cache line that is read.
const TILE_ROWS: usize = 32;

/// The columns of a tile where an operand is constant along a row: few enough that filling the first tile
/// with it is cheap; the row's other tiles reuse that.
const CONSTANT: usize = 256;

/// The minimum number of positions for multithreading, as in Candle.
const PARALLEL: usize = 1 << 16;

/// The approximate number of positions that a thread takes at a time.
const PIECE: usize = 1 << 14;

/// Applies `f` at every position of `N` operands of one shape and one dtype.
///
/// # Errors
///
/// Fails when the dtype is not supported, or differs between operands.
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

/// Computes the values of `f` in row-major order.
fn evaluate<T: Element, const N: usize>(f: &impl Map<N>, x: [&[T]; N], layouts: [&Layout; N]) -> Vec<T> {
    let len = layouts[0].shape().elem_count();
    let mut result = Vec::with_capacity(len);
    let out = &mut result.spare_capacity_mut()[..len];
    let offsets = layouts.map(Layout::start_offset);
    if layouts.iter().all(|layout| layout.is_contiguous()) {
        // The common case, without an allocation for the axes.
        evaluate_axes(f, x, offsets, &[(len, [1; N])], out);
    } else {
        evaluate_axes(f, x, offsets, &merged_axes(layouts[0].dims(), layouts), out);
    }
    // SAFETY: each of the `len` positions was written.
    unsafe { result.set_len(len) };
    result
}

/// Fills `out` with the values of `f`; if it is large, on the threads of Candle's pool.
///
/// Not on rayon's: the threads of Candle's pool spin for a while after each of its operations, and would
/// compete with others for the cores.
fn evaluate_axes<T: Element, F: Map<N>, const N: usize>(
    f: &F,
    x: [&[T]; N],
    offsets: [usize; N],
    axes: &[Axis<N>],
    out: &mut [MaybeUninit<T>],
) {
    let len = out.len();
    let (first, strides) = axes.first().copied().unwrap_or((1, [1; N]));
    if len < PARALLEL {
        return evaluate_part(f, x, offsets, axes, out);
    }
    let row = len / first;
    let rows = (PIECE / row).max(1);
    let all = SharedOutput(out.as_mut_ptr());
    barrier_pool().execute_chunked(first.div_ceil(rows), |pieces| {
        let (start, end) = (pieces.start * rows, first.min(pieces.end * rows));
        let offsets = array::from_fn(|k| offsets[k] + start * strides[k]);
        let mut axes = axes.to_vec();
        axes[0].0 = end - start;
        // SAFETY: the pieces are disjoint parts of `out`, which is borrowed until the threads are done.
        let out = unsafe { slice::from_raw_parts_mut(all.get().add(start * row), (end - start) * row) };
        evaluate_part(f, x, offsets, &axes, out);
    });
}

/// The start of the output that threads share.
struct SharedOutput<T>(*mut MaybeUninit<T>);

impl<T> SharedOutput<T> {
    fn get(&self) -> *mut MaybeUninit<T> {
        self.0
    }
}

// SAFETY: each thread writes to a part of its own.
unsafe impl<T: Send> Sync for SharedOutput<T> {}

/// Computes the values of `f` for slices of one length, on this thread.
///
/// # Panics
///
/// When an operand is shorter than the output.
pub(super) fn map_slices<T: Element, const N: usize>(f: &impl Map<N>, x: [&[T]; N], result: &mut [T]) {
    let len = result.len();
    // SAFETY: an element and its uninitialised form have the same layout, and nothing but elements is
    // written.
    let out = unsafe { slice::from_raw_parts_mut(result.as_mut_ptr().cast::<MaybeUninit<T>>(), len) };
    evaluate_contiguous(f, x, out);
}

/// Fills `out` with the values of `f`, on this thread.
fn evaluate_part<T: Element, F: Map<N>, const N: usize>(
    f: &F,
    x: [&[T]; N],
    offsets: [usize; N],
    axes: &[Axis<N>],
    out: &mut [MaybeUninit<T>],
) {
    match axes {
        // Operands without elements may start beyond their storage.
        _ if out.is_empty() => {}
        [(_, strides)] if *strides == [1; N] => {
            evaluate_contiguous(f, array::from_fn(|k| &x[k][offsets[k]..]), out);
        }
        _ => evaluate_tiles(f, x, offsets, axes, out),
    }
}

/// Computes contiguous operands in blocks. The first of several is only so long that the output of the
/// others starts at a cache line, and no store crosses two lines.
fn evaluate_contiguous<T: Element, F: Map<N>, const N: usize>(
    f: &F,
    x: [&[T]; N],
    out: &mut [MaybeUninit<T>],
) {
    let len = out.len();
    let to_cache_line = out.as_ptr().align_offset(CACHE_LINE_BYTES);
    let head = if len > BLOCK { len.min(to_cache_line) } else { 0 };
    let blocks = (len - head) / BLOCK;
    let tail = head + blocks * BLOCK;
    for (start, width, height) in [(0, head, 1), (head, BLOCK, blocks), (tail, len - tail, 1)] {
        if width * height > 0 {
            let x = array::from_fn(|k| (&x[k][start..], BLOCK));
            let out = (&mut out[start..], BLOCK);
            simd::run(Rows { f, x, out, width, height });
        }
    }
}

/// Computes a tile of rows and columns at a time, of which there are some. Operands that are not contiguous
/// along a row are copied first, in the order in which they are stored, so that a transposed one is not read
/// with a jump between elements.
fn evaluate_tiles<T: Element, F: Map<N>, const N: usize>(
    f: &F,
    x: [&[T]; N],
    offsets: [usize; N],
    axes: &[Axis<N>],
    out: &mut [MaybeUninit<T>],
) {
    let Tiling { outer, rows, columns } = Tiling::new(axes);
    let (tile_rows, tile_columns) = if columns.strides.iter().any(|&stride| stride > 1) {
        (TILE_ROWS, BLOCK / TILE_ROWS)
    } else {
        // Long rows one after the other, as they are stored; short ones together.
        let longest = if columns.strides.contains(&0) { CONSTANT } else { BLOCK };
        (if columns.len > longest { 1 } else { BLOCK / columns.len }, longest)
    };
    let mut copies = [Tile([T::default(); BLOCK]); N];
    for (offsets, out_start) in Starts::new(offsets, &outer) {
        for row in (0..rows.len).step_by(tile_rows) {
            for column in (0..columns.len).step_by(tile_columns) {
                let height = tile_rows.min(rows.len - row);
                let width = tile_columns.min(columns.len - column);
                let from = offsets_at(offsets, &rows, row);
                let from = offsets_at(from, &columns, column);
                for (k, copy) in copies.iter_mut().enumerate() {
                    match columns.strides[k] {
                        1 => {}
                        // A constant row is the same in all its tiles.
                        0 if tile_rows == 1 && column > 0 => {}
                        _ => copy_tile(
                            &x[k][from[k]..],
                            (height, rows.strides[k]),
                            (width, columns.strides[k]),
                            &mut copy.0,
                        ),
                    }
                }
                let x = array::from_fn(|k| match columns.strides[k] {
                    1 => (&x[k][from[k]..], rows.strides[k]),
                    _ => (copies[k].0.as_slice(), width),
                });
                let out = (&mut out[out_start + row * rows.out_stride + column..], rows.out_stride);
                simd::run(Rows { f, x, out, width, height });
            }
        }
    }
}

/// The offsets of the operands, `index` further along an axis.
fn offsets_at<const N: usize>(mut offsets: [usize; N], axis: &Line<N>, index: usize) -> [usize; N] {
    for (offset, stride) in offsets.iter_mut().zip(axis.strides) {
        *offset += index * stride;
    }
    offsets
}

/// Copies rows and columns (number, stride) of `x` to `copy`, row after row.
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

/// Copied elements that start at a cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Tile<T>([T; BLOCK]);
