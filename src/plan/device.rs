//! What a plan asks of a device.

use std::fmt::Debug;
use std::ops::Range;

use candle_core::{Result, Tensor};

use super::graph::Stored;
use super::instruction::{Epilogue, Factor};
use crate::ops::kernels::{Columns, Encoding, ExpectedLoss, Operands, Write};
use crate::ops::{Dropout, Loss, MapKind, NormKind};
use crate::optim::{Pass, Update};

/// A device with buffers and one kernel for each instruction of a plan.
///
/// Matrices are row-major from the start of their buffer, which may be longer. Nothing waits for the device
/// but [`status`](Self::status), and nothing allocates but [`zeros`](Self::zeros) and
/// [`row_numbers`](Self::row_numbers).
pub(crate) trait Device: Debug + Send {
    /// Elements of one type.
    type Buffer: Debug + Send;
    /// The row numbers of an epoch.
    type RowNumbers;

    /// How the weights of layers are stored while they are trained.
    const WEIGHTS: Stored;

    /// A buffer of `len` zeros.
    fn zeros(&self, len: usize) -> Result<Self::Buffer>;

    /// Copies all of `from` to the start of `to`.
    fn copy(&self, from: &Self::Buffer, to: &mut Self::Buffer) -> Result<()>;

    /// Copies the elements of `from` to the start of `to`, where they are `stored`.
    fn load(&self, from: &Tensor, stored: Stored, to: &mut Self::Buffer) -> Result<()>;

    /// Copies the start of `from`, which is `stored`, to the elements of `to`, in place.
    fn store(&self, from: &Self::Buffer, stored: Stored, to: &Tensor) -> Result<()>;

    /// Takes the row numbers of an epoch.
    fn row_numbers(&self, rows: &[u32]) -> Result<Self::RowNumbers>;

    /// Copies the rows of the features and of the targets in `data` whose numbers are in `range` of `rows`,
    /// all of which must be in range, to the start of `batch`.
    fn gather(
        &self,
        data: [&Tensor; 2],
        rows: &Self::RowNumbers,
        range: Range<usize>,
        batch: [&mut Self::Buffer; 2],
    ) -> Result<()>;

    /// C (m, n) <- A B as `epilogue` says, for A (m, k) and B (k, n).
    fn gemm(
        &self,
        sizes: [usize; 3],
        a: Factor<&Self::Buffer>,
        b: Factor<&Self::Buffer>,
        epilogue: Epilogue<&Self::Buffer, &mut Self::Buffer>,
        c: &mut Self::Buffer,
    ) -> Result<()>;

    /// z (rows, columns) <- the features x (rows, features) encoded, for the shape (rows, features, columns).
    fn encode(
        &self,
        shape: [usize; 3],
        encoding: Encoding<&Self::Buffer>,
        x: &Self::Buffer,
        z: &mut Self::Buffer,
    ) -> Result<()>;

    /// out <- f(x), for the first `len` elements.
    fn map(&self, function: MapKind, len: usize, x: &Self::Buffer, out: &mut Self::Buffer) -> Result<()>;

    /// out <- f'(.) grad, for the first `len` elements; see [`MapKind::saves`].
    fn map_backward(
        &self,
        function: MapKind,
        len: usize,
        saved: &Self::Buffer,
        grad: &Self::Buffer,
        out: &mut Self::Buffer,
    ) -> Result<()>;

    /// out <- x (rows, columns) normalised, times the scale, and plus the shift if there is one.
    fn norm(
        &self,
        kind: NormKind,
        shape: [usize; 2],
        x: &Self::Buffer,
        scale: &Self::Buffer,
        shift: Option<&Self::Buffer>,
        out: &mut Self::Buffer,
    ) -> Result<()>;

    /// out <- the gradient through [`norm`](Self::norm) of x, for the scale and the gradient of the result,
    /// and terms <- that of the scale before it is summed over the rows.
    fn norm_backward(
        &self,
        kind: NormKind,
        shape: [usize; 2],
        operands: [&Self::Buffer; 3],
        out: &mut Self::Buffer,
        terms: &mut Self::Buffer,
    ) -> Result<()>;

    /// out <- x with some elements replaced by 0 and the others enlarged, for the first `len` elements.
    fn dropout(&self, dropout: Dropout, len: usize, x: &Self::Buffer, out: &mut Self::Buffer) -> Result<()>;

    /// out <- x + y, for the first `len` elements.
    fn add(&self, len: usize, x: &Self::Buffer, y: &Self::Buffer, out: &mut Self::Buffer) -> Result<()>;

    /// Writes the sums of the columns of x (rows, columns) to `sums`.
    fn column_sums(
        &self,
        shape: [usize; 2],
        x: &Self::Buffer,
        write: Write,
        sums: &mut Self::Buffer,
    ) -> Result<()>;

    /// out (columns, rows) <- the transpose of x (rows, columns).
    fn transpose(&self, shape: [usize; 2], x: &Self::Buffer, out: &mut Self::Buffer) -> Result<()>;

    /// The loss in the status grows by that of the first `len` predictions times the first of the `weights`;
    /// grad <- its derivative by the prediction times the second. There are as many predictions for each
    /// target as the loss has outputs.
    fn loss(
        &mut self,
        loss: Loss,
        len: usize,
        weights: [f64; 2],
        prediction: &Self::Buffer,
        target: &Self::Buffer,
        grad: &mut Self::Buffer,
    ) -> Result<()>;

    /// Copies `columns` of x to out, each a matrix of `rows` rows with its width.
    fn copy_columns(
        &self,
        rows: usize,
        columns: Columns,
        x: (&Self::Buffer, usize),
        out: (&mut Self::Buffer, usize),
    ) -> Result<()>;

    /// Sets the weight of the divergence in expected losses from now on; with none gates are not trained.
    fn set_divergence(&mut self, weight: Option<f64>);

    /// The loss in the status grows by the expected error of `rows` rows times their number; the gradients,
    /// of the outputs and of the gates, <- those of the whole loss.
    fn expected_loss(
        &mut self,
        loss: ExpectedLoss,
        rows: usize,
        operands: Operands<&Self::Buffer>,
        grads: [&mut Self::Buffer; 2],
    ) -> Result<()>;

    /// Updates a parameter and the optimiser's `state` of it.
    fn update(
        &self,
        update: &Update,
        parameter: &mut Self::Buffer,
        state: &mut [Self::Buffer],
        grad: &Self::Buffer,
    ) -> Result<()>;

    /// Sets the sum of squares to 0.
    fn reset_squares(&mut self) -> Result<()>;

    /// The sum of squares grows by those of the first `len` elements of `x`.
    fn add_squares(&mut self, len: usize, x: &Self::Buffer) -> Result<()>;

    /// Makes `pass` over the first `len` elements of `x`, with those of `y` if it reads another array, and
    /// with the sum of squares as that of all gradients.
    fn pass(&self, pass: Pass, len: usize, x: &mut Self::Buffer, y: Option<&Self::Buffer>) -> Result<()>;

    /// Sets the status to `loss` and to finite.
    fn reset_status(&mut self, loss: f64) -> Result<()>;

    /// Notes in the status if one of the first `len` elements of `buffer` is not finite; `slot`, below the
    /// number that the device was made with, identifies the buffer there.
    fn check(&mut self, slot: usize, len: usize, buffer: &Self::Buffer) -> Result<()>;

    /// Waits for the device and reads the status.
    fn status(&self) -> Result<Status>;
}

/// What a device knows of the steps since its status was reset.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Status {
    /// The sum of the losses, each times its weight.
    pub(crate) loss: f64,
    /// The slot of the first checked buffer with an element that is not finite.
    pub(crate) not_finite: Option<usize>,
}
