//! What the fused engine asks of a device.

use std::fmt::Debug;
use std::ops::Range;

use candle_core::{Result, Tensor};

use crate::data::Dataset;
pub(in crate::train) use crate::ops::kernels::Sizes;
use crate::ops::kernels::{Activation, Write};
use crate::optim::StepCoefficients;

/// The pieces of a training step on the buffers of a device.
///
/// Matrices are row-major from the start of their buffer, which may be longer. Nothing here waits for the device but
/// [`status`](Self::status), and nothing allocates but [`zeros`](Self::zeros) and [`rows`](Self::rows).
pub(in crate::train) trait Backend: Debug + Send {
    /// Elements of the network's dtype.
    type Buffer: Debug + Send;
    /// The row numbers of an epoch.
    type Rows;

    /// Whether a weight W (outputs, inputs) and its gradient are kept as W^T (inputs, outputs), so that
    /// [`input_grad`](Self::input_grad) needs W made by [`transpose`](Self::transpose) in each step.
    const TRANSPOSED: bool;

    /// A buffer of `len` zeros.
    fn zeros(&self, len: usize) -> Result<Self::Buffer>;

    /// Copies `from` to the start of `to`.
    fn copy(&self, from: &Self::Buffer, to: &mut Self::Buffer) -> Result<()>;

    /// Copies the elements of `from` to the start of `to`.
    fn load(&self, from: &Tensor, to: &mut Self::Buffer) -> Result<()>;

    /// Copies the start of `from` to the elements of `to`, in place.
    fn store(&self, from: &Self::Buffer, to: &Tensor) -> Result<()>;

    /// Copies the weight `from` to the start of `to` as weights are kept.
    fn load_weight(&self, sizes: Sizes, from: &Tensor, to: &mut Self::Buffer) -> Result<()>;

    /// Copies the start of `from`, a weight as weights are kept, to the elements of `to`, in place.
    fn store_weight(&self, sizes: Sizes, from: &Self::Buffer, to: &Tensor) -> Result<()>;

    /// Takes over the row numbers of an epoch.
    fn rows(&self, rows: &[u32]) -> Result<Self::Rows>;

    /// x (n, features) and y (n, targets) <- the rows of `data` whose numbers are in `range` of `rows`.
    fn gather(
        &self,
        data: &Dataset,
        rows: &Self::Rows,
        range: Range<usize>,
        x: &mut Self::Buffer,
        y: &mut Self::Buffer,
    ) -> Result<()>;

    /// W (outputs, inputs) <- W^T, as it is kept if [`TRANSPOSED`](Self::TRANSPOSED).
    fn transpose(&self, sizes: Sizes, kept: &Self::Buffer, weight: &mut Self::Buffer) -> Result<()>;

    /// y <- activation(x W^T + b); `weight` is as it is kept.
    fn linear(
        &self,
        sizes: Sizes,
        x: &Self::Buffer,
        weight: &Self::Buffer,
        bias: &Self::Buffer,
        activation: Activation,
        y: &mut Self::Buffer,
    ) -> Result<()>;

    /// b's gradient <- the sums of grad's columns.
    fn bias_grad(&self, sizes: Sizes, grad: &Self::Buffer, bias_grad: &mut Self::Buffer) -> Result<()>;

    /// Writes W's gradient grad^T x, as it is kept.
    fn weight_grad(
        &self,
        sizes: Sizes,
        x: &Self::Buffer,
        grad: &Self::Buffer,
        write: Write,
        weight_grad: &mut Self::Buffer,
    ) -> Result<()>;

    /// Of `grads`, x's gradient <- (grad W) [x > 0] for the output x of a relu, and its column sums are written to the
    /// bias's gradient of the layer that made x; `weight` is W (outputs, inputs).
    fn input_grad(
        &self,
        sizes: Sizes,
        grad: &Self::Buffer,
        weight: &Self::Buffer,
        x: &Self::Buffer,
        write: Write,
        grads: [&mut Self::Buffer; 2],
    ) -> Result<()>;

    /// z <- cos(w).
    fn cos(&self, w: &Self::Buffer, z: &mut Self::Buffer) -> Result<()>;

    /// w's gradient <- -sin(w) grad.
    fn cos_grad(&self, w: &Self::Buffer, grad: &Self::Buffer, w_grad: &mut Self::Buffer) -> Result<()>;

    /// grad <- the gradient of the mean squared error of `len` elements, and the loss in the status grows by that error
    /// times `weight`.
    fn mse(
        &mut self,
        len: usize,
        weight: f64,
        prediction: &Self::Buffer,
        target: &Self::Buffer,
        grad: &mut Self::Buffer,
    ) -> Result<()>;

    /// Updates `[parameter, first moment, second moment]` with `grad`.
    fn adamw(
        &self,
        state: [&mut Self::Buffer; 3],
        grad: &Self::Buffer,
        coefficients: &StepCoefficients,
    ) -> Result<()>;

    /// Sets the status to `loss`, with every buffer finite.
    fn reset_status(&mut self, loss: f64) -> Result<()>;

    /// Notes in the status if an element of `buffer` is not finite; `k` is its number there.
    fn check(&mut self, k: usize, buffer: &Self::Buffer) -> Result<()>;

    /// Waits for the device and reads the status.
    fn status(&self) -> Result<Status>;
}

/// What a device tells of the steps since the status was reset.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::train) struct Status {
    /// The sum of the losses, each times its weight.
    pub(super) loss: f64,
    /// The number of the first checked buffer that is not finite.
    pub(super) not_finite: Option<usize>,
}
