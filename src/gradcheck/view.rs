//! Memory layouts of inputs: rebuilds a view by operations that Candle differentiates, over a variable, which
//! Candle always stores contiguously.

use candle_core::{Device, Layout, Result, Tensor};

/// A recipe that turns a contiguous base into a view of a given layout.
///
/// The base has one axis for each axis of the view that is longer than one, outermost first, and one more if
/// the view skips elements even along its innermost axis. The view keeps `len` elements from `start` along
/// every base axis, reorders the axes and puts back those of length one.
#[derive(Debug, Clone)]
pub(super) struct View {
    base: Vec<usize>,
    start: Vec<usize>,
    len: Vec<usize>,
    order: Vec<usize>,
    ones: Vec<usize>,
}

/// Why a layout cannot be rebuilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unviewable {
    /// Several indices share one element (stride 0).
    Broadcast,
    /// Elements overlap in some other way.
    Overlapping,
}

impl View {
    /// The recipe for `layout`.
    pub(super) fn of(layout: &Layout) -> std::result::Result<Self, Unviewable> {
        let dims = layout.dims();
        if layout.shape().elem_count() == 0 || (layout.is_contiguous() && layout.start_offset() == 0) {
            let identity = (0..dims.len()).collect();
            let len = dims.to_vec();
            return Ok(Self {
                base: len.clone(),
                start: vec![0; len.len()],
                len,
                order: identity,
                ones: vec![],
            });
        }
        let (ones, mut axes): (Vec<usize>, Vec<usize>) = (0..dims.len()).partition(|&axis| dims[axis] == 1);
        if axes.iter().any(|&axis| layout.stride()[axis] == 0) {
            return Err(Unviewable::Broadcast);
        }
        axes.sort_by_key(|&axis| std::cmp::Reverse(layout.stride()[axis]));

        // Base axes as (length in the view, stride), outermost first.
        let mut nested: Vec<_> = axes.iter().map(|&axis| (dims[axis], layout.stride()[axis])).collect();
        if nested.last().map_or(layout.start_offset() > 0, |&(_, stride)| stride > 1) {
            nested.push((1, 1));
        }
        let mut view = Self { base: vec![], start: vec![], len: vec![], order: vec![], ones };
        let mut offset = layout.start_offset();
        let mut outer_stride = None;
        for (len, stride) in nested {
            // A single element before the outermost start is enough to keep the offset non-zero.
            let start = if outer_stride.is_none() { (offset / stride).min(1) } else { offset / stride };
            let base = match outer_stride {
                None => start + len,
                Some(outer) if outer % stride == 0 => outer / stride,
                Some(_) => return Err(Unviewable::Overlapping),
            };
            if start + len > base {
                return Err(Unviewable::Overlapping);
            }
            offset %= stride;
            outer_stride = Some(stride);
            view.base.push(base);
            view.start.push(start);
            view.len.push(len);
        }
        // Axis a of the view is axis order[a] of the base.
        let mut kept = axes.clone();
        kept.sort_unstable();
        view.order = kept.iter().filter_map(|axis| axes.iter().position(|a| a == axis)).collect();
        Ok(view)
    }

    /// The shape of the base.
    pub(super) fn base(&self) -> &[usize] {
        &self.base
    }

    /// The view over `base`, differentiable.
    pub(super) fn apply(&self, base: &Tensor) -> Result<Tensor> {
        let mut view = base.clone();
        for (axis, (&start, &len)) in self.start.iter().zip(&self.len).enumerate() {
            view = view.narrow(axis, start, len)?;
        }
        if view.rank() > self.order.len() {
            view = view.squeeze(self.order.len())?;
        }
        if !self.order.is_sorted() {
            view = view.permute(self.order.as_slice())?;
        }
        for &axis in &self.ones {
            view = view.unsqueeze(axis)?;
        }
        Ok(view)
    }

    /// The positions in the base of the view's elements, in the view's row-major order.
    pub(super) fn positions(&self) -> Result<Vec<usize>> {
        let count = u32::try_from(self.base.iter().product::<usize>()).map_err(candle_core::Error::wrap)?;
        let index = Tensor::arange(0, count, &Device::Cpu)?.reshape(self.base.as_slice())?;
        let index = self.apply(&index)?.flatten_all()?.to_vec1::<u32>()?;
        Ok(index.into_iter().map(|position| position as usize).collect())
    }
}

/// Returns the same values in a layout that is as far from contiguous as Candle's views can be.
///
/// The axes are in reverse order in memory, with a gap after every element and an offset of one. An operation
/// that reads its storage as if it were contiguous gets wrong elements. `x` may have any shape, scalars
/// included, and any dtype; the result is not part of its graph.
///
/// # Errors
///
/// If Candle cannot copy the tensor.
///
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[[1f64, 2.], [3., 4.]], &Device::Cpu)?;
/// let y = taper::gradcheck::strided(&x)?;
/// assert_eq!(y.to_vec2::<f64>()?, x.to_vec2::<f64>()?);
/// assert_eq!((y.stride(), y.layout().start_offset()), (&[2, 4][..], 1));
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn strided(x: &Tensor) -> Result<Tensor> {
    let x = x.detach();
    let reversed: Vec<usize> = (0..x.rank()).rev().collect();
    let spread = x.permute(reversed.as_slice())?.contiguous()?.unsqueeze(x.rank())?;
    let spread = Tensor::cat(&[&spread.zeros_like()?, &spread], x.rank())?;
    spread.narrow(x.rank(), 1, 1)?.squeeze(x.rank())?.permute(reversed.as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(shape: &[usize]) -> Tensor {
        let n: usize = shape.iter().product();
        Tensor::arange(0f64, n as f64, &Device::Cpu).unwrap().reshape(shape).unwrap()
    }

    /// The rebuilt view must have the strides of the original along all axes longer than one.
    fn rebuilt(x: &Tensor) {
        let view = View::of(x.layout()).unwrap();
        let flat: Vec<f64> = x.flatten_all().unwrap().to_vec1().unwrap();
        let positions = view.positions().unwrap();
        assert_eq!(positions.len(), flat.len());
        let mut base = vec![f64::NAN; view.base().iter().product()];
        for (&position, &value) in positions.iter().zip(&flat) {
            base[position] = value;
        }
        let base = Tensor::from_vec(base, view.base(), &Device::Cpu).unwrap();
        let y = view.apply(&base).unwrap();
        assert_eq!(y.dims(), x.dims());
        assert_eq!(y.flatten_all().unwrap().to_vec1::<f64>().unwrap(), flat);
        for axis in (0..x.rank()).filter(|&axis| x.dims()[axis] > 1) {
            assert_eq!(y.stride()[axis], x.stride()[axis]);
        }
        assert_eq!(y.layout().start_offset() > 0, x.layout().start_offset() > 0);
    }

    #[test]
    fn views_are_rebuilt() {
        let x = count(&[4, 3, 5]);
        for y in [
            x.clone(),
            x.t().unwrap(),
            x.permute([2, 0, 1]).unwrap(),
            x.narrow(0, 2, 2).unwrap(),
            x.narrow(1, 1, 2).unwrap().narrow(2, 3, 2).unwrap(),
            x.narrow(2, 4, 1).unwrap(),
            x.narrow(2, 4, 1).unwrap().squeeze(2).unwrap().t().unwrap(),
            x.get(3).unwrap().get(2).unwrap().get(4).unwrap(),
            count(&[1, 1]),
            count(&[]),
        ] {
            rebuilt(&y);
            rebuilt(&strided(&y).unwrap());
        }
    }

    #[test]
    fn shared_elements_are_refused() {
        let row = count(&[1, 3]);
        let wide = row.broadcast_as((4, 3)).unwrap();
        assert_eq!(View::of(wide.layout()).unwrap_err(), Unviewable::Broadcast);
        let overlapping = Layout::new((3, 2).into(), vec![1, 1], 0);
        assert_eq!(View::of(&overlapping).unwrap_err(), Unviewable::Overlapping);
        assert!(View::of(row.layout()).is_ok());
    }
}
