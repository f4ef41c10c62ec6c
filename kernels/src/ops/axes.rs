//! How the operands of an elementwise operation are stored, and in which order they are traversed.

use std::array;

use candle_core::Layout;

/// The length of an axis, and the stride of each operand along it.
pub(super) type Axis<const N: usize> = (usize, [usize; N]);

/// The axes of `dims` without those of length 1, and with neighbours merged where a single stride covers both
/// in every operand. So contiguous operands of any rank have one axis, and so have a contiguous operand and a
/// broadcast scalar.
pub(super) fn merged_axes<const N: usize>(dims: &[usize], layouts: [&Layout; N]) -> Vec<Axis<N>> {
    let mut axes: Vec<Axis<N>> = Vec::with_capacity(dims.len());
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

/// An axis with its stride in the row-major output.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Line<const N: usize> {
    pub(super) len: usize,
    pub(super) strides: [usize; N],
    pub(super) out_stride: usize,
}

/// The axes divided into those of a matrix, and the others.
#[derive(Debug, PartialEq)]
pub(super) struct Tiling<const N: usize> {
    pub(super) outer: Vec<Line<N>>,
    pub(super) rows: Line<N>,
    /// The last axis: the output is contiguous along it.
    pub(super) columns: Line<N>,
}

impl<const N: usize> Tiling<N> {
    /// Takes as rows the axis along which the first operand that is not contiguous along the columns has the
    /// smallest stride, and the last axis but one if every operand is.
    pub(super) fn new(axes: &[Axis<N>]) -> Self {
        let mut out_stride = 1;
        let mut outer: Vec<_> = axes
            .iter()
            .rev()
            .map(|&(len, strides)| {
                let axis = Line { len, strides, out_stride };
                out_stride *= len;
                axis
            })
            .collect();
        outer.reverse();
        let none = Line { len: 1, strides: [0; N], out_stride: 0 };
        let columns = outer.pop().unwrap_or(none);
        let strided = (0..N).find(|&k| columns.strides[k] > 1);
        let nearest = strided.and_then(|k| {
            let moves = outer.iter().enumerate().filter(|(_, axis)| axis.strides[k] > 0);
            moves.min_by_key(|(_, axis)| axis.strides[k]).map(|(i, _)| i)
        });
        let rows = match nearest {
            Some(i) => outer.remove(i),
            None => outer.pop().unwrap_or(none),
        };
        Self { outer, rows, columns }
    }
}

/// The offsets of `N` operands and of the output at every index of some axes, in row-major order.
pub(super) struct Starts<'a, const N: usize> {
    axes: &'a [Line<N>],
    index: Vec<usize>,
    next: Option<([usize; N], usize)>,
}

impl<'a, const N: usize> Starts<'a, N> {
    /// The offsets for operands that start at `offsets`.
    pub(super) fn new(offsets: [usize; N], axes: &'a [Line<N>]) -> Self {
        let is_empty = axes.iter().any(|axis| axis.len == 0);
        Self { axes, index: vec![0; axes.len()], next: (!is_empty).then_some((offsets, 0)) }
    }
}

impl<const N: usize> Iterator for Starts<'_, N> {
    type Item = ([usize; N], usize);

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.next.take()?;
        let (mut offsets, mut out) = start;
        // Count the axes up like an odometer, the last one fastest.
        for (index, axis) in self.index.iter_mut().zip(self.axes).rev() {
            *index += 1;
            if *index < axis.len {
                self.next = Some((array::from_fn(|k| offsets[k] + axis.strides[k]), out + axis.out_stride));
                break;
            }
            offsets = array::from_fn(|k| offsets[k] - (axis.len - 1) * axis.strides[k]);
            out -= (axis.len - 1) * axis.out_stride;
            *index = 0;
        }
        Some(start)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Shape;

    use super::*;

    fn axes(dims: &[usize], strides: &[usize]) -> Vec<Axis<1>> {
        merged_axes(dims, [&Layout::new(Shape::from(dims), strides.to_vec(), 0)])
    }

    #[test]
    fn contiguous_axes_merge_into_one() {
        assert_eq!(axes(&[2, 3, 4], &[12, 4, 1]), [(24, [1])]);
    }

    #[test]
    fn axes_of_length_one_do_not_prevent_merging() {
        assert_eq!(axes(&[1, 2, 1, 3], &[99, 3, 99, 1]), [(6, [1])]);
        assert_eq!(axes(&[], &[]), []);
    }

    #[test]
    fn a_transposed_matrix_keeps_its_axes_and_a_broadcast_scalar_has_one() {
        assert_eq!(axes(&[3, 2], &[1, 3]), [(3, [1]), (2, [3])]);
        assert_eq!(axes(&[4, 5], &[0, 0]), [(20, [0])]);
    }

    #[test]
    fn tiles_have_rows_along_which_a_strided_operand_is_dense() {
        // Images with their channels last: the output is contiguous along the width, the operand along the
        // channels.
        let (images, channels, pixels) = ((2, [60]), (3, [1]), (20, [3]));
        let tiling = Tiling::new(&[images, channels, pixels]);
        assert_eq!(tiling.outer, [Line { len: 2, strides: [60], out_stride: 60 }]);
        assert_eq!(tiling.rows, Line { len: 3, strides: [1], out_stride: 20 });
        assert_eq!(tiling.columns, Line { len: 20, strides: [3], out_stride: 1 });
        // Channels that are not the last axis but one.
        let tiling = Tiling::new(&[(3, [1]), (4, [15]), (5, [3])]);
        assert_eq!(tiling.rows, Line { len: 3, strides: [1], out_stride: 20 });
        assert_eq!(tiling.outer, [Line { len: 4, strides: [15], out_stride: 5 }]);
    }

    #[test]
    fn outer_axes_count_like_an_odometer() {
        let Tiling { outer, .. } = Tiling::new(&[(2, [50]), (2, [10]), (2, [5]), (2, [2])]);
        let starts: Vec<_> = Starts::new([7], &outer).map(|([offset], out)| (offset, out)).collect();
        assert_eq!(starts, [(7, 0), (17, 4), (57, 8), (67, 12)]);
        let empty = [Line { len: 0, strides: [1], out_stride: 1 }];
        assert_eq!(Starts::new([0], &empty).count(), 0);
    }
}
