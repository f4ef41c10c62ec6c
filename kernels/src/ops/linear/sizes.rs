//! The sizes of an affine layer.

use candle_core::{Layout, Result, Shape};

/// The sizes of a layer: x is (rows, inputs), W is (outputs, inputs) and y is (rows, outputs).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    pub rows: usize,
    pub inputs: usize,
    pub outputs: usize,
}

impl Sizes {
    /// The sizes for x (..., in) and W (out, in), and the shape (..., out) of y.
    pub(super) fn new(x: &Layout, weight: &Layout) -> Result<(Self, Shape)> {
        let (outputs, inputs) = weight.shape().dims2()?;
        let (rows, _) = matrix_dims(x);
        let mut dims = x.dims().to_vec();
        if let Some(last) = dims.last_mut() {
            *last = outputs;
        }
        Ok((Self { rows, inputs, outputs }, dims.into()))
    }
}

/// The rows and columns of (..., columns) as a matrix.
pub(super) fn matrix_dims(layout: &Layout) -> (usize, usize) {
    let mut dims = layout.dims().iter().rev();
    let columns = dims.next().copied().unwrap_or(1);
    (dims.product(), columns)
}
