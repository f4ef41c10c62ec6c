//! The CPU driver of every elementwise operation, whatever its arity, dtype and layouts.
//!
//! An operation supplies a [`Map`]: scalar math on `N` operands, generic over [`Real`]. [`map`] finds the dtype,
//! walks the layouts and returns a contiguous result.

use std::array;
use std::ops::{Add, Div, Mul, Neg, Sub};

use candle_core::{CpuStorage, Layout, Result, Shape, bail};
use half::{bf16, f16};

/// The scalar math of an operation with `N` operands.
pub(super) trait Map<const N: usize> {
    /// The result at one position, from the operands there.
    fn apply<T: Real>(&self, x: [T; N]) -> T;
}

/// A number that scalar math is written in: `f32` or `f64`. Zero is its default.
pub(crate) trait Real:
    Copy
    + Default
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    const HALF: Self;
    /// The smallest normal number.
    const MIN_POSITIVE: Self;
    fn from_f64(x: f64) -> Self;
    fn sqrt(self) -> Self;
    fn sin(self) -> Self;
    fn cos(self) -> Self;
}

impl Real for f32 {
    const HALF: Self = 0.5;
    const MIN_POSITIVE: Self = Self::MIN_POSITIVE;

    #[inline(always)]
    fn from_f64(x: f64) -> Self {
        x as Self
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        self.sqrt()
    }

    // The libm crate and not the platform's: its results are the same everywhere, and within 1 ulp over the
    // whole range.
    fn sin(self) -> Self {
        libm::sinf(self)
    }

    fn cos(self) -> Self {
        libm::cosf(self)
    }
}

impl Real for f64 {
    const HALF: Self = 0.5;
    const MIN_POSITIVE: Self = Self::MIN_POSITIVE;

    #[inline(always)]
    fn from_f64(x: f64) -> Self {
        x
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        self.sqrt()
    }

    fn sin(self) -> Self {
        libm::sin(self)
    }

    fn cos(self) -> Self {
        libm::cos(self)
    }
}

/// The element of a tensor, and the [`Real`] it is computed in.
pub(crate) trait Element: Copy {
    type Compute: Real;
    fn widen(self) -> Self::Compute;
    fn narrow(x: Self::Compute) -> Self;
}

macro_rules! element {
    ($type:ty, $compute:ty, $widen:expr, $narrow:expr) => {
        impl Element for $type {
            type Compute = $compute;

            #[inline(always)]
            fn widen(self) -> $compute {
                $widen(self)
            }

            #[inline(always)]
            fn narrow(x: $compute) -> Self {
                $narrow(x)
            }
        }
    };
}

element!(f64, f64, f64::from, f64::from);
element!(f32, f32, f32::from, f32::from);
element!(f16, f32, f16::to_f32, f16::from_f32);
element!(bf16, f32, bf16::to_f32, bf16::from_f32);

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
    let at = |x: [T; N]| T::narrow(f.apply(x.map(T::widen)));
    let len = layouts[0].shape().elem_count();
    let mut result = Vec::with_capacity(len);
    for_each_row(layouts, |offsets, strides, row_len| {
        if strides == [1; N] {
            let rows: [&[T]; N] = array::from_fn(|k| &x[k][offsets[k]..offsets[k] + row_len]);
            result.extend((0..row_len).map(|i| at(array::from_fn(|k| rows[k][i]))));
        } else {
            result.extend((0..row_len).map(|i| at(array::from_fn(|k| x[k][offsets[k] + i * strides[k]]))));
        }
    });
    result
}

/// Calls `visit(offsets, strides, len)` for every row of `N` layouts of one shape, in row-major order.
///
/// A row is as long as the layouts allow: dimensions that all operands store one after the other are merged, so
/// contiguous operands of any rank are one row, and so is a contiguous one with a broadcast scalar.
fn for_each_row<const N: usize>(layouts: [&Layout; N], mut visit: impl FnMut([usize; N], [usize; N], usize)) {
    let mut offsets = layouts.map(Layout::start_offset);
    let dims = layouts[0].dims();
    if dims.contains(&0) {
        return;
    }
    let mut axes = merged_axes(dims, layouts);
    let (row_len, row_strides) = axes.pop().unwrap_or((1, [1; N]));
    let mut index = vec![0; axes.len()];
    loop {
        visit(offsets, row_strides, row_len);
        // Count the outer axes up like an odometer, the last one fastest.
        let mut axis = axes.len();
        loop {
            let Some(previous) = axis.checked_sub(1) else { return };
            axis = previous;
            let (len, strides) = axes[axis];
            index[axis] += 1;
            if index[axis] < len {
                offsets = array::from_fn(|k| offsets[k] + strides[k]);
                break;
            }
            offsets = array::from_fn(|k| offsets[k] - (len - 1) * strides[k]);
            index[axis] = 0;
        }
    }
}

/// The axes (length, stride of each operand) of `dims`, without those of length 1 and with neighbours merged where
/// every operand goes from one to the next in a single stride.
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
        let mut rows = Vec::new();
        for_each_row([&layout], |[offset], [stride], len| rows.push((offset, stride, len)));
        rows
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
