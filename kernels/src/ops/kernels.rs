//! The one door into `ops` for code that runs networks without a graph: the kernels of the operations on
//! slices ([`CpuKernels`]), and on CUDA buffers.

use crate::ops::linear::gemm;
use crate::ops::simd::SimdFloat;
use crate::ops::{Activation, Dropout, Loss, MapKind, NormKind, batch, dropout, halting, norm};

pub use crate::ops::batch::{Columns, Encoding};
pub use crate::ops::elements::on_cpu;
pub use crate::ops::halting::cpu::hazard;
pub use crate::ops::halting::{ExpectedLoss, MOST_DEPTHS, Operands, PLAIN_SHARE, PriorTable};
pub use crate::ops::linear::gemm::{Epilogue, Matrix, PackedMatrix, ROW_MULTIPLE, Write};
pub(crate) use crate::ops::scalar::Element;
pub use crate::ops::scalar::Scalar;
pub(crate) use crate::ops::simd;
pub use crate::ops::simd::CACHE_LINE_BYTES;

/// The types that networks are computed in on the CPU, `f32` and `f64`, with the kernels for them.
///
/// They are functions of the type, not generic ones, since a generic function is compiled anew in every crate
/// that calls it.
///
/// # Panics
///
/// Every kernel does when a slice is shorter than its matrix.
pub trait CpuKernels: SimdFloat {
    /// C <- A B with `epilogue`, for A (m, k) and row-major B (k, n) and C (m, n), where the sizes are
    /// `[m, n, k]`.
    fn gemm(sizes: [usize; 3], a: Matrix<Self>, b: &[Self], c: &mut [Self], epilogue: Epilogue<Self>);

    /// The row-major `matrix` (outputs, inputs), packed for [`packed_forward`](Self::packed_forward).
    fn pack(outputs: usize, inputs: usize, matrix: &[Self]) -> PackedMatrix<Self>;

    /// y <- activation(x M^T + bias) for `rows` rows, or x M^T without `after`, the two of them: x is (rows,
    /// inputs) and y (rows, outputs).
    fn packed_forward(
        matrix: &PackedMatrix<Self>,
        rows: usize,
        x: &[Self],
        after: Option<(&[Self], Activation)>,
        y: &mut [Self],
    );

    /// to (columns, rows) <- the transpose of `from` (rows, columns).
    fn transpose(rows: usize, columns: usize, from: &[Self], to: &mut [Self]);

    /// Writes the sums of the columns of x to `sums`, whose length is their number.
    fn column_sums(x: &[Self], write: Write, sums: &mut [Self]);

    /// out <- f(x), on slices of one length.
    fn map(function: MapKind, x: &[Self], out: &mut [Self]);

    /// out <- f'(.) grad, on slices of one length; see [`MapKind::saves`].
    fn map_backward(function: MapKind, saved: &[Self], grad: &[Self], out: &mut [Self]);

    /// out <- x, of rows as long as the scale, normalised, times the scale plus the shift, if there is one.
    fn norm(kind: NormKind, x: &[Self], scale: &[Self], shift: Option<&[Self]>, out: &mut [Self]);

    /// `x_grad` <- the gradient through [`norm`](Self::norm), and `terms` <- that of the scale before it is
    /// summed over the rows.
    fn norm_backward(
        kind: NormKind,
        x: &[Self],
        scale: &[Self],
        grad: &[Self],
        x_grad: &mut [Self],
        terms: &mut [Self],
    );

    /// out <- x with some elements replaced by 0 and the others enlarged, on slices of one length.
    fn dropout(dropout: Dropout, x: &[Self], out: &mut [Self]);

    /// The loss on slices, rounded to their type, with so many predictions for each target as the loss has
    /// outputs; grad <- `share` times its derivative by the prediction.
    fn loss(loss: Loss, share: f64, prediction: &[Self], target: &[Self], grad: &mut [Self]) -> f64;

    /// The expected error and the expected loss over depths, on slices, and their gradients; see
    /// [`ExpectedLoss`].
    fn expected_loss(
        loss: ExpectedLoss,
        divergence: Option<f64>,
        operands: Operands<&[Self]>,
        outputs_grad: &mut [Self],
        gate_grad: &mut [Self],
    ) -> [f64; 2];

    /// Copies `columns` of x (rows, width) to out (rows, width), each a matrix with its width.
    fn copy_columns(columns: Columns, x: (&[Self], usize), out: (&mut [Self], usize));

    /// Encodes x (rows, features) as z (rows, columns).
    fn encode(encoding: Encoding<&[Self]>, features: usize, x: &[Self], z: &mut [Self]);

    /// out <- x + y, on slices of one length.
    fn add_slices(x: &[Self], y: &[Self], out: &mut [Self]);

    /// Copies `rows` of the row-major matrix `all` to the start of `batch`.
    fn gather(all: &[Self], columns: usize, rows: &[u32], batch: &mut [Self]);

    /// Whether every element is finite.
    fn all_finite(x: &[Self]) -> bool;
}

macro_rules! cpu_kernels {
    ($($type:ident),*) => {
        $(impl CpuKernels for $type {
            fn gemm(sizes: [usize; 3], a: Matrix<Self>, b: &[Self], c: &mut [Self], epilogue: Epilogue<Self>) {
                gemm::gemm(sizes, a, b, c, epilogue);
            }

            fn pack(outputs: usize, inputs: usize, matrix: &[Self]) -> PackedMatrix<Self> {
                PackedMatrix::new(outputs, inputs, matrix)
            }

            fn packed_forward(
                matrix: &PackedMatrix<Self>,
                rows: usize,
                x: &[Self],
                after: Option<(&[Self], Activation)>,
                y: &mut [Self],
            ) {
                matrix.forward(rows, x, after, y);
            }

            fn transpose(rows: usize, columns: usize, from: &[Self], to: &mut [Self]) {
                gemm::transpose(rows, columns, from, to);
            }

            fn column_sums(x: &[Self], write: Write, sums: &mut [Self]) {
                gemm::column_sums(x, write, sums);
            }

            fn map(function: MapKind, x: &[Self], out: &mut [Self]) {
                function.forward(x, out);
            }

            fn map_backward(function: MapKind, saved: &[Self], grad: &[Self], out: &mut [Self]) {
                function.backward(saved, grad, out);
            }

            fn norm(
                kind: NormKind,
                x: &[Self],
                scale: &[Self],
                shift: Option<&[Self]>,
                out: &mut [Self],
            ) {
                norm::cpu::forward(kind, x, scale, shift, out);
            }

            fn norm_backward(
                kind: NormKind,
                x: &[Self],
                scale: &[Self],
                grad: &[Self],
                x_grad: &mut [Self],
                terms: &mut [Self],
            ) {
                norm::cpu::backward(kind, x, scale, grad, x_grad, terms);
            }

            fn dropout(dropout: Dropout, x: &[Self], out: &mut [Self]) {
                dropout::cpu::forward(dropout, x, out);
            }

            fn loss(loss: Loss, share: f64, prediction: &[Self], target: &[Self], grad: &mut [Self]) -> f64 {
                loss.with_grad(share, prediction, target, grad)
            }

            fn expected_loss(
                loss: ExpectedLoss,
                divergence: Option<f64>,
                operands: Operands<&[Self]>,
                outputs_grad: &mut [Self],
                gate_grad: &mut [Self],
            ) -> [f64; 2] {
                halting::cpu::expected_loss(loss, divergence, operands, outputs_grad, gate_grad)
            }

            fn copy_columns(columns: Columns, x: (&[Self], usize), out: (&mut [Self], usize)) {
                batch::copy_columns(columns, x, out);
            }

            fn encode(encoding: Encoding<&[Self]>, features: usize, x: &[Self], z: &mut [Self]) {
                batch::encode(encoding, features, x, z);
            }

            fn add_slices(x: &[Self], y: &[Self], out: &mut [Self]) {
                batch::add(x, y, out);
            }

            fn gather(all: &[Self], columns: usize, rows: &[u32], batch: &mut [Self]) {
                batch::gather(all, columns, rows, batch);
            }

            fn all_finite(x: &[Self]) -> bool {
                batch::all_finite(x)
            }
        })*
    };
}

cpu_kernels!(f32, f64);

/// Kernels and launch helpers on CUDA.
#[cfg(feature = "cuda")]
pub mod cuda {
    pub use crate::ops::batch::columns_on_cuda::copy_columns;
    pub use crate::ops::batch::encode_on_cuda::encode;
    pub use crate::ops::batch::{ADD, CHECK, COLUMNS, ENCODE, GATHER};
    pub use crate::ops::elements::on_cuda;
    pub use crate::ops::launch::{BLOCK, Kernel, check_len, grid};
    pub(crate) use crate::ops::launch::{PACK_BYTES, kernel};

    /// The expected loss over depths.
    pub mod halting {
        pub use crate::ops::halting::cuda::{KERNEL, expected_loss};
    }

    /// Dropout.
    pub mod dropout {
        pub use crate::ops::dropout::cuda::{KERNEL, forward};
    }

    /// The normalisations.
    pub mod norm {
        pub use crate::ops::norm::cuda::{backward, forward};
    }

    /// The parts of a layer beside its products.
    pub mod linear {
        pub use crate::ops::linear::cuda::{
            COLUMN_SUMS, RELU_BACKWARD, add_bias, add_bias_kernel, column_sums, relu_backward,
        };
    }
}
