//! The instructions of a plan on CUDA.

#![allow(unsafe_code)]

mod kernels;
mod storage;

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::marker::PhantomData;
use std::mem::discriminant;
use std::ops::Range;
use std::sync::Arc;

use candle_core::cuda_backend::cudarc::cublas::sys::cublasOperation_t::{self, CUBLAS_OP_N, CUBLAS_OP_T};
use candle_core::cuda_backend::cudarc::cublas::{CudaBlas, GemmConfig};
use candle_core::cuda_backend::cudarc::driver::{
    CudaFunction, CudaSlice, CudaStream, LaunchConfig, PushKernelArg,
};
use candle_core::cuda_backend::{CudaDevice, WrapErr};
use candle_core::{Result, Tensor, bail};

use super::device::{Device, Status};
use super::graph::Stored;
use super::instruction::{Epilogue, Factor};
use crate::ops::kernels::cuda::{
    BLOCK, check_len, copy_columns, dropout, encode, grid, halting, linear, norm,
};
use crate::ops::kernels::{Columns, Encoding, ExpectedLoss, Operands, Write};
use crate::ops::{Dropout, Loss, MapKind, NormKind};
use crate::optim::{self, OptimizerConfig, Pass, Update};
pub(crate) use kernels::Element;
use kernels::Kernels;
use storage::{Assign, elements};

/// A CUDA device with the kernels of a plan for elements of type `T`.
///
/// All work is queued on the stream of Candle's device, which is that of the host's thread: it must stay in
/// the thread that made it.
#[derive(Debug)]
pub(crate) struct Cuda<T> {
    stream: Arc<CudaStream>,
    blas: Arc<CudaBlas>,
    kernels: Kernels,
    /// The loss, and behind it a slot for each buffer that can be checked: whether it is not finite.
    status: CudaSlice<f64>,
    /// The sum of the squares of the gradients.
    squares: CudaSlice<f64>,
    /// The weight of the divergence in expected losses, an argument of their kernel.
    divergence: Option<f64>,
    element: PhantomData<T>,
}

impl<T: Element> Cuda<T> {
    /// The device with a status of `slots` slots, for training with `optimizer`.
    pub(crate) fn new(device: &CudaDevice, slots: usize, optimizer: &OptimizerConfig) -> Result<Self> {
        let stream = device.cuda_stream();
        Ok(Self {
            kernels: Kernels::new(device, T::SUFFIX, optimizer)?,
            blas: device.cublas_handle(),
            status: stream.alloc_zeros(1 + slots).w()?,
            squares: stream.alloc_zeros(1).w()?,
            stream,
            divergence: None,
            element: PhantomData,
        })
    }

    /// C (m, n) <- op(A) op(B), added to what is there if `write` says so, for column-major matrices.
    fn column_major_gemm(
        &self,
        [m, n, k]: [usize; 3],
        (a, transa): (&CudaSlice<T>, cublasOperation_t),
        (b, transb): (&CudaSlice<T>, cublasOperation_t),
        write: Write,
        c: &mut CudaSlice<T>,
    ) -> Result<()> {
        check_len("the first factor", a.len(), m * k)?;
        check_len("the second factor", b.len(), k * n)?;
        check_len("the product", c.len(), m * n)?;
        let lda = if transa == CUBLAS_OP_N { m } else { k };
        let ldb = if transb == CUBLAS_OP_N { k } else { n };
        let [m, n, k, lda, ldb] = [m, n, k, lda, ldb].map(i32::try_from);
        let (Ok(m), Ok(n), Ok(k), Ok(lda), Ok(ldb)) = (m, n, k, lda, ldb) else {
            bail!("a matrix product of 2^31 rows or columns, expected fewer")
        };
        let beta = T::of(if write == Write::Add { 1. } else { 0. });
        let alpha = T::of(1.);
        let product = GemmConfig { transa, transb, m, n, k, alpha, lda, ldb, beta, ldc: m };
        T::gemm(&self.blas, product, a, b, c)
    }

    /// Launches the dense elementwise kernel `function` for `len` elements.
    fn elementwise<const N: usize>(
        &self,
        function: &CudaFunction,
        len: usize,
        operands: [&CudaSlice<T>; N],
        out: &mut CudaSlice<T>,
    ) -> Result<()> {
        for operand in operands {
            check_len("an operand", operand.len(), len)?;
        }
        check_len("the result", out.len(), len)?;
        // None of the operands is a single number for all elements.
        let (threads, len, scalars) = (len, len as u64, 0u32);
        let mut args = self.stream.launch_builder(function);
        args.arg(&len).arg(&scalars);
        for operand in operands {
            args.arg(operand);
        }
        args.arg(out);
        // SAFETY: the arguments are those of a dense kernel of N operands in elementwise.cuh, measured above.
        unsafe { args.launch(grid(threads)) }.w()?;
        Ok(())
    }
}

/// The kernel of `key`.
fn kernel_of<'a, K: Hash + Eq + Debug, V>(kernels: &'a HashMap<K, V>, key: &K) -> Result<&'a V> {
    match kernels.get(key) {
        Some(kernel) => Ok(kernel),
        None => bail!("{key:?} has no kernel on CUDA"),
    }
}

/// What cuBLAS does with a row-major matrix, which it reads as its transpose.
fn operation(transposed: bool) -> cublasOperation_t {
    if transposed { CUBLAS_OP_T } else { CUBLAS_OP_N }
}

impl<T: Element> Device for Cuda<T> {
    type Buffer = CudaSlice<T>;
    type RowNumbers = CudaSlice<u32>;

    // cuBLAS reads a matrix or its transpose.
    const WEIGHTS: Stored = Stored::Plain;

    fn zeros(&self, len: usize) -> Result<CudaSlice<T>> {
        self.stream.alloc_zeros(len).w()
    }

    fn copy(&self, from: &CudaSlice<T>, to: &mut CudaSlice<T>) -> Result<()> {
        check_len("a copy", to.len(), from.len())?;
        self.stream.memcpy_dtod(from, to).w()
    }

    fn load(&self, from: &Tensor, stored: Stored, to: &mut CudaSlice<T>) -> Result<()> {
        if stored == Stored::Transposed {
            bail!("a weight is stored as its transpose, expected it as it is on CUDA")
        }
        let from = from.contiguous()?;
        check_len("a buffer", to.len(), from.elem_count())?;
        let (storage, layout) = from.storage_and_layout();
        let view = elements::<T>(&storage, layout)?;
        self.stream.memcpy_dtod(&view, to).w()
    }

    fn store(&self, from: &CudaSlice<T>, stored: Stored, to: &Tensor) -> Result<()> {
        if stored == Stored::Transposed {
            bail!("a weight is stored as its transpose, expected it as it is on CUDA")
        }
        to.inplace_op1(&Assign(from))
    }

    fn row_numbers(&self, rows: &[u32]) -> Result<CudaSlice<u32>> {
        self.stream.clone_htod(rows).w()
    }

    fn gather(
        &self,
        [all_x, all_y]: [&Tensor; 2],
        rows: &CudaSlice<u32>,
        range: Range<usize>,
        [x, y]: [&mut CudaSlice<T>; 2],
    ) -> Result<()> {
        let ((_, features), (_, targets)) = (all_x.dims2()?, all_y.dims2()?);
        let count = range.len();
        check_len("the batch's features", x.len(), count * features)?;
        check_len("the batch's targets", y.len(), count * targets)?;
        let Some(rows) = rows.try_slice(range.clone()) else {
            bail!("rows {range:?} of {}, expected fewer", rows.len())
        };
        let ((all_x, x_layout), (all_y, y_layout)) = (all_x.storage_and_layout(), all_y.storage_and_layout());
        let (all_x, all_y) = (elements::<T>(&all_x, x_layout)?, elements::<T>(&all_y, y_layout)?);
        let threads = (count * features).max(count * targets);
        let [count, features, targets] = [count, features, targets].map(|n| n as u64);
        let mut args = self.stream.launch_builder(&self.kernels.gather);
        args.arg(&count).arg(&rows).arg(&features).arg(&all_x).arg(x).arg(&targets).arg(&all_y).arg(y);
        // SAFETY: the arguments are those of gather in batch.cu; x and y were measured above, and the caller
        // has checked every row number.
        unsafe { args.launch(grid(threads)) }.w()?;
        Ok(())
    }

    fn gemm(
        &self,
        [m, n, k]: [usize; 3],
        a: Factor<&CudaSlice<T>>,
        b: Factor<&CudaSlice<T>>,
        epilogue: Epilogue<&CudaSlice<T>, &mut CudaSlice<T>>,
        c: &mut CudaSlice<T>,
    ) -> Result<()> {
        // cuBLAS is column-major and reads a row-major matrix as its transpose, so A B is asked for as B^T
        // A^T.
        let write = if let Epilogue::Add = epilogue { Write::Add } else { Write::Set };
        let (left, right) = ((b.matrix, operation(b.transposed)), (a.matrix, operation(a.transposed)));
        self.column_major_gemm([n, m, k], left, right, write, c)?;
        match epilogue {
            Epilogue::Set | Epilogue::Add => Ok(()),
            Epilogue::BiasActivation { bias, activation } => {
                let kernel = kernel_of(&self.kernels.activations, &activation)?;
                linear::add_bias(&self.stream, kernel, (m, n), &bias.as_view(), &mut c.as_view_mut())
            }
            Epilogue::ReluBackward { output, bias_grad, write } => {
                let (output, c, sums) =
                    (&output.as_view(), &mut c.as_view_mut(), &mut bias_grad.as_view_mut());
                linear::relu_backward(
                    &self.stream,
                    &self.kernels.relu_backward,
                    (m, n),
                    write,
                    output,
                    c,
                    sums,
                )
            }
        }
    }

    fn map(&self, function: MapKind, len: usize, x: &CudaSlice<T>, out: &mut CudaSlice<T>) -> Result<()> {
        let [kernel, _] = kernel_of(&self.kernels.functions, &function)?;
        self.elementwise(kernel, len, [x], out)
    }

    fn map_backward(
        &self,
        function: MapKind,
        len: usize,
        saved: &CudaSlice<T>,
        grad: &CudaSlice<T>,
        out: &mut CudaSlice<T>,
    ) -> Result<()> {
        let [_, kernel] = kernel_of(&self.kernels.functions, &function)?;
        self.elementwise(kernel, len, [saved, grad], out)
    }

    fn norm(
        &self,
        kind: NormKind,
        shape: [usize; 2],
        x: &CudaSlice<T>,
        scale: &CudaSlice<T>,
        shift: Option<&CudaSlice<T>>,
        out: &mut CudaSlice<T>,
    ) -> Result<()> {
        let [kernel, _] = kernel_of(&self.kernels.norms, &kind)?;
        let (x, scale, shift) = (&x.as_view(), &scale.as_view(), shift.map(CudaSlice::as_view));
        norm::forward(&self.stream, kernel, shape, x, scale, shift.as_ref(), &mut out.as_view_mut())
    }

    fn norm_backward(
        &self,
        kind: NormKind,
        shape: [usize; 2],
        operands: [&CudaSlice<T>; 3],
        out: &mut CudaSlice<T>,
        terms: &mut CudaSlice<T>,
    ) -> Result<()> {
        let [_, kernel] = kernel_of(&self.kernels.norms, &kind)?;
        let [x, scale, grad] = operands.map(CudaSlice::as_view);
        let (out, terms) = (&mut out.as_view_mut(), &mut terms.as_view_mut());
        norm::backward(&self.stream, kernel, shape, [&x, &scale, &grad], out, terms)
    }

    fn dropout(&self, dropout: Dropout, len: usize, x: &CudaSlice<T>, out: &mut CudaSlice<T>) -> Result<()> {
        let (kernel, x, out) = (&self.kernels.dropout, &x.as_view(), &mut out.as_view_mut());
        dropout::forward(&self.stream, kernel, dropout, len, x, out)
    }

    fn add(&self, len: usize, x: &CudaSlice<T>, y: &CudaSlice<T>, out: &mut CudaSlice<T>) -> Result<()> {
        self.elementwise(&self.kernels.add, len, [x, y], out)
    }

    fn column_sums(
        &self,
        [rows, columns]: [usize; 2],
        x: &CudaSlice<T>,
        write: Write,
        sums: &mut CudaSlice<T>,
    ) -> Result<()> {
        let (kernel, x, sums) = (&self.kernels.column_sums, &x.as_view(), &mut sums.as_view_mut());
        linear::column_sums(&self.stream, kernel, (rows, columns), x, write, sums)
    }

    fn transpose(&self, _: [usize; 2], _: &CudaSlice<T>, _: &mut CudaSlice<T>) -> Result<()> {
        bail!("a plan for CUDA has no transposes")
    }

    fn loss(
        &mut self,
        loss: Loss,
        len: usize,
        [weight, share]: [f64; 2],
        prediction: &CudaSlice<T>,
        target: &CudaSlice<T>,
        grad: &mut CudaSlice<T>,
    ) -> Result<()> {
        check_len("the prediction", prediction.len(), len)?;
        check_len("the target", target.len(), len / loss.outputs())?;
        check_len("the gradient", grad.len(), len)?;
        let kernel = kernel_of(&self.kernels.losses, &loss.name())?;
        let len = len as u64;
        let mut sum = self.status.slice_mut(..1);
        let mut args = self.stream.launch_builder(kernel);
        args.arg(&len).arg(&weight).arg(&share).arg(prediction).arg(target).arg(grad).arg(&mut sum);
        loss.push(&mut args);
        let one_block = LaunchConfig { grid_dim: (1, 1, 1), block_dim: (BLOCK, 1, 1), shared_mem_bytes: 0 };
        // SAFETY: the arguments are those of every loss's step kernel, measured above.
        unsafe { args.launch(one_block) }.w()?;
        Ok(())
    }

    fn encode(
        &self,
        shape: [usize; 3],
        encoding: Encoding<&CudaSlice<T>>,
        x: &CudaSlice<T>,
        z: &mut CudaSlice<T>,
    ) -> Result<()> {
        encode(&self.stream, &self.kernels.encode, shape, encoding, x, z)
    }

    fn copy_columns(
        &self,
        rows: usize,
        columns: Columns,
        x: (&CudaSlice<T>, usize),
        out: (&mut CudaSlice<T>, usize),
    ) -> Result<()> {
        copy_columns(&self.stream, &self.kernels.columns, rows, columns, x, out)
    }

    fn set_divergence(&mut self, weight: Option<f64>) {
        self.divergence = weight;
    }

    fn expected_loss(
        &mut self,
        loss: ExpectedLoss,
        rows: usize,
        operands: Operands<&CudaSlice<T>>,
        grads: [&mut CudaSlice<T>; 2],
    ) -> Result<()> {
        let (kernel, sum) = (&self.kernels.expected_loss, &mut self.status);
        halting::expected_loss(&self.stream, kernel, (loss, self.divergence), rows, operands, grads, sum)
    }

    fn update(
        &self,
        update: &Update,
        parameter: &mut CudaSlice<T>,
        state: &mut [CudaSlice<T>],
        grad: &CudaSlice<T>,
    ) -> Result<()> {
        update.launch(&self.stream, &self.kernels.update, parameter, state, grad)
    }

    fn reset_squares(&mut self) -> Result<()> {
        self.stream.memset_zeros(&mut self.squares).w()
    }

    fn add_squares(&mut self, len: usize, x: &CudaSlice<T>) -> Result<()> {
        optim::cuda::add_squares(&self.stream, &self.kernels.add_squares, len, x, &mut self.squares)
    }

    fn pass(&self, pass: Pass, len: usize, x: &mut CudaSlice<T>, y: Option<&CudaSlice<T>>) -> Result<()> {
        let kernel = kernel_of(&self.kernels.passes, &discriminant(&pass))?;
        optim::cuda::apply(&self.stream, kernel, pass, &self.squares, len, x, y)
    }

    fn reset_status(&mut self, loss: f64) -> Result<()> {
        self.stream.memset_zeros(&mut self.status).w()?;
        if loss == 0. {
            return Ok(());
        }
        self.stream.memcpy_htod(&[loss], &mut self.status.slice_mut(..1)).w()
    }

    fn check(&mut self, slot: usize, len: usize, buffer: &CudaSlice<T>) -> Result<()> {
        check_len("a checked buffer", buffer.len(), len)?;
        let Some(mut flag) = self.status.try_slice_mut(1 + slot..2 + slot) else {
            bail!("the status has no slot {slot}")
        };
        let (threads, len) = (len, len as u64);
        let mut args = self.stream.launch_builder(&self.kernels.check);
        args.arg(&len).arg(buffer).arg(&mut flag);
        // SAFETY: the arguments are those of check in batch.cu, measured above.
        unsafe { args.launch(grid(threads)) }.w()?;
        Ok(())
    }

    fn status(&self) -> Result<Status> {
        let status = self.stream.clone_dtoh(&self.status).w()?;
        Ok(Status { loss: status[0], not_finite: status[1..].iter().position(|&flag| flag != 0.) })
    }
}
