//! The fused engine's pieces on CUDA.

#![allow(unsafe_code)]

mod kernels;
mod storage;

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

use candle_core::cuda_backend::cudarc::cublas::sys::cublasOperation_t::{self, CUBLAS_OP_N, CUBLAS_OP_T};
use candle_core::cuda_backend::cudarc::cublas::{CudaBlas, GemmConfig};
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaStream, LaunchConfig, PushKernelArg};
use candle_core::cuda_backend::{CudaDevice, WrapErr};
use candle_core::{Result, Tensor, bail};

use super::backend::{Backend, Sizes, Status};
use crate::data::Dataset;
use crate::ops::kernels::cuda::{BLOCK, check_len, grid, linear};
use crate::ops::kernels::{Activation, Write};
use crate::optim::{StepCoefficients, adamw_cuda};
pub(in crate::train) use kernels::Element;
use kernels::Kernels;
use storage::{Assign, elements};

/// How many parameters the status has a place for.
const PARAMETERS: usize = 6;

/// A CUDA device with the kernels of a training step on elements of type `T`.
///
/// All work is queued on the stream of Candle's device, which is that of the host's thread: a backend must stay in the
/// thread that made it.
#[derive(Debug)]
pub(in crate::train) struct Cuda<T> {
    stream: Arc<CudaStream>,
    blas: Arc<CudaBlas>,
    kernels: Kernels,
    /// The loss, and behind it for each parameter whether it is not finite.
    status: CudaSlice<f64>,
    element: PhantomData<T>,
}

impl<T: Element> Cuda<T> {
    pub(in crate::train) fn new(device: &CudaDevice) -> Result<Self> {
        let stream = device.cuda_stream();
        Ok(Self {
            kernels: Kernels::new(device, T::SUFFIX)?,
            blas: device.cublas_handle(),
            status: stream.alloc_zeros(1 + PARAMETERS).w()?,
            stream,
            element: PhantomData,
        })
    }

    /// Writes C = op(A) op(B), (m, n), for column-major matrices.
    ///
    /// cuBLAS is column-major and reads a row-major matrix as its transpose, so the row-major product X Y is asked for as
    /// Y^T X^T.
    fn product(
        &self,
        (m, n, k): (usize, usize, usize),
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
        let beta = T::of(match write {
            Write::Set => 0.,
            Write::Add => 1.,
        });
        let alpha = T::of(1.);
        let product = GemmConfig { transa, transb, m, n, k, alpha, lda, ldb, beta, ldc: m };
        T::gemm(&self.blas, product, a, b, c)
    }
}

impl<T: Element> Backend for Cuda<T> {
    type Buffer = CudaSlice<T>;
    type Rows = CudaSlice<u32>;

    // cuBLAS reads a matrix or its transpose.
    const TRANSPOSED: bool = false;

    fn zeros(&self, len: usize) -> Result<Self::Buffer> {
        self.stream.alloc_zeros(len).w()
    }

    fn copy(&self, from: &Self::Buffer, to: &mut Self::Buffer) -> Result<()> {
        check_len("a copy", to.len(), from.len())?;
        self.stream.memcpy_dtod(from, to).w()
    }

    fn load(&self, from: &Tensor, to: &mut Self::Buffer) -> Result<()> {
        let from = from.contiguous()?;
        check_len("a buffer", to.len(), from.elem_count())?;
        let (storage, layout) = from.storage_and_layout();
        let view = elements::<T>(&storage, layout)?;
        self.stream.memcpy_dtod(&view, to).w()
    }

    fn store(&self, from: &Self::Buffer, to: &Tensor) -> Result<()> {
        to.inplace_op1(&Assign(from))
    }

    fn load_weight(&self, _: Sizes, from: &Tensor, to: &mut Self::Buffer) -> Result<()> {
        self.load(from, to)
    }

    fn store_weight(&self, _: Sizes, from: &Self::Buffer, to: &Tensor) -> Result<()> {
        self.store(from, to)
    }

    fn rows(&self, rows: &[u32]) -> Result<Self::Rows> {
        self.stream.clone_htod(rows).w()
    }

    fn gather(
        &self,
        data: &Dataset,
        rows: &Self::Rows,
        range: Range<usize>,
        x: &mut Self::Buffer,
        y: &mut Self::Buffer,
    ) -> Result<()> {
        let (count, features, targets) = (range.len(), data.features(), data.targets());
        check_len("the batch's features", x.len(), count * features)?;
        check_len("the batch's targets", y.len(), count * targets)?;
        let Some(rows) = rows.try_slice(range.clone()) else {
            bail!("rows {range:?} of {}, expected fewer", rows.len())
        };
        let ((all_x, x_layout), (all_y, y_layout)) =
            (data.x().storage_and_layout(), data.y().storage_and_layout());
        let (all_x, all_y) = (elements::<T>(&all_x, x_layout)?, elements::<T>(&all_y, y_layout)?);
        let threads = (count * features).max(count * targets);
        let [count, features, targets] = [count, features, targets].map(|n| n as u64);
        let mut args = self.stream.launch_builder(&self.kernels.gather);
        args.arg(&count).arg(&rows).arg(&features).arg(&all_x).arg(x).arg(&targets).arg(&all_y).arg(y);
        // SAFETY: the arguments are those of gather in step.cu; x and y were measured above, and `Fused` has looked at
        // every row number.
        unsafe { args.launch(grid(threads)) }.w()?;
        Ok(())
    }

    fn transpose(&self, _: Sizes, _: &Self::Buffer, _: &mut Self::Buffer) -> Result<()> {
        Ok(())
    }

    fn linear(
        &self,
        Sizes { rows, inputs, outputs }: Sizes,
        x: &Self::Buffer,
        weight: &Self::Buffer,
        bias: &Self::Buffer,
        activation: Activation,
        y: &mut Self::Buffer,
    ) -> Result<()> {
        self.product((outputs, rows, inputs), (weight, CUBLAS_OP_T), (x, CUBLAS_OP_N), Write::Set, y)?;
        let kernel = match activation {
            Activation::Identity => &self.kernels.add_bias,
            Activation::Relu => &self.kernels.add_bias_relu,
        };
        linear::add_bias(&self.stream, kernel, (rows, outputs), &bias.as_view(), &mut y.as_view_mut())
    }

    fn bias_grad(
        &self,
        Sizes { rows, outputs, .. }: Sizes,
        grad: &Self::Buffer,
        bias_grad: &mut Self::Buffer,
    ) -> Result<()> {
        let (kernel, grad, sums) = (&self.kernels.bias_grad, &grad.as_view(), &mut bias_grad.as_view_mut());
        linear::column_sums(&self.stream, kernel, (rows, outputs), grad, sums)
    }

    fn weight_grad(
        &self,
        Sizes { rows, inputs, outputs }: Sizes,
        x: &Self::Buffer,
        grad: &Self::Buffer,
        write: Write,
        weight_grad: &mut Self::Buffer,
    ) -> Result<()> {
        self.product((inputs, outputs, rows), (x, CUBLAS_OP_N), (grad, CUBLAS_OP_T), write, weight_grad)
    }

    fn input_grad(
        &self,
        Sizes { rows, inputs, outputs }: Sizes,
        grad: &Self::Buffer,
        weight: &Self::Buffer,
        x: &Self::Buffer,
        write: Write,
        [x_grad, bias_grad]: [&mut Self::Buffer; 2],
    ) -> Result<()> {
        self.product(
            (inputs, rows, outputs),
            (weight, CUBLAS_OP_N),
            (grad, CUBLAS_OP_N),
            Write::Set,
            x_grad,
        )?;
        let kernel = &self.kernels.bias_grad_relu;
        let (x, x_grad, sums) = (&x.as_view(), &mut x_grad.as_view_mut(), &mut bias_grad.as_view_mut());
        linear::relu_backward(&self.stream, kernel, (rows, inputs), write, x, x_grad, sums)
    }

    fn cos(&self, w: &Self::Buffer, z: &mut Self::Buffer) -> Result<()> {
        check_len("the cosine", z.len(), w.len())?;
        let (len, scalars) = (w.len() as u64, 0u32);
        let mut args = self.stream.launch_builder(&self.kernels.cos);
        args.arg(&len).arg(&scalars).arg(w).arg(z);
        // SAFETY: the arguments are those of a dense kernel of one operand in elementwise.cuh, measured above.
        unsafe { args.launch(grid(w.len())) }.w()?;
        Ok(())
    }

    fn cos_grad(&self, w: &Self::Buffer, grad: &Self::Buffer, w_grad: &mut Self::Buffer) -> Result<()> {
        check_len("the cosine's gradient", grad.len(), w.len())?;
        check_len("the weight's gradient", w_grad.len(), w.len())?;
        let (len, scalars) = (w.len() as u64, 0u32);
        let mut args = self.stream.launch_builder(&self.kernels.cos_grad);
        args.arg(&len).arg(&scalars).arg(w).arg(grad).arg(w_grad);
        // SAFETY: the arguments are those of a dense kernel of two operands in elementwise.cuh, measured above.
        unsafe { args.launch(grid(w.len())) }.w()?;
        Ok(())
    }

    fn mse(
        &mut self,
        len: usize,
        weight: f64,
        prediction: &Self::Buffer,
        target: &Self::Buffer,
        grad: &mut Self::Buffer,
    ) -> Result<()> {
        for (what, buffer) in
            [("the prediction", prediction), ("the target", target), ("the gradient", &*grad)]
        {
            check_len(what, buffer.len(), len)?;
        }
        let len = len as u64;
        let mut loss = self.status.slice_mut(..1);
        let mut args = self.stream.launch_builder(&self.kernels.mse);
        args.arg(&len).arg(&weight).arg(prediction).arg(target).arg(grad).arg(&mut loss);
        let one_block = LaunchConfig { grid_dim: (1, 1, 1), block_dim: (BLOCK, 1, 1), shared_mem_bytes: 0 };
        // SAFETY: the arguments are those of mse_step in mse.cu, measured above.
        unsafe { args.launch(one_block) }.w()?;
        Ok(())
    }

    fn adamw(
        &self,
        state: [&mut Self::Buffer; 3],
        grad: &Self::Buffer,
        coefficients: &StepCoefficients,
    ) -> Result<()> {
        adamw_cuda::launch(
            &self.stream,
            &self.kernels.adamw,
            state,
            grad,
            grad.len(),
            &coefficients.rounded::<T>(),
        )
    }

    fn reset_status(&mut self, loss: f64) -> Result<()> {
        self.stream.memset_zeros(&mut self.status).w()?;
        if loss == 0. {
            return Ok(());
        }
        self.stream.memcpy_htod(&[loss], &mut self.status.slice_mut(..1)).w()
    }

    fn check(&mut self, k: usize, buffer: &Self::Buffer) -> Result<()> {
        let Some(mut flag) = self.status.try_slice_mut(1 + k..2 + k) else {
            bail!("the status has no place for buffer {k}")
        };
        let len = buffer.len() as u64;
        let mut args = self.stream.launch_builder(&self.kernels.check);
        args.arg(&len).arg(buffer).arg(&mut flag);
        // SAFETY: the arguments are those of check in step.cu.
        unsafe { args.launch(grid(buffer.len())) }.w()?;
        Ok(())
    }

    fn status(&self) -> Result<Status> {
        let status = self.stream.clone_dtoh(&self.status).w()?;
        Ok(Status { loss: status[0], not_finite: status[1..].iter().position(|&flag| flag != 0.) })
    }
}
