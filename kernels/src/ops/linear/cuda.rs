//! The affine layer on CUDA: products by cuBLAS, the rest by the kernels of `linear.cu`.

#![allow(unsafe_code)]

use candle_core::backend::{BackendDevice, BackendStorage};
use candle_core::cuda_backend::cudarc::driver::{
    CudaFunction, CudaStream, CudaView, CudaViewMut, DeviceRepr, LaunchConfig, PushKernelArg,
};
use candle_core::cuda_backend::{CudaDType, WrapErr};
use candle_core::{CudaStorage, Layout, Result, Shape, WithDType, bail};

use super::activation::Activation;
use super::gemm::Write;
use super::sizes::Sizes;
use crate::ops::elements::{on_cuda, with_float};
use crate::ops::launch::{BLOCK, Kernel, check_len, grid, kernel};

/// A tensor's storage and layout.
type Operand<'a> = (&'a CudaStorage, &'a Layout);

/// The kernel of [`add_bias`].
pub fn add_bias_kernel(activation: Activation) -> Kernel {
    let name = match activation {
        Activation::Identity => "add_bias",
        Activation::Relu => "add_bias_relu",
    };
    kernel!("linear", LINEAR, name)
}

/// The kernel of [`column_sums`].
pub const COLUMN_SUMS: Kernel = kernel!("linear", LINEAR, "bias_grad");

/// The kernel of [`relu_backward`].
pub const RELU_BACKWARD: Kernel = kernel!("linear", LINEAR, "bias_grad_relu");

/// y (rows, columns) <- activation(y + b), with the [kernel](add_bias_kernel) of that activation.
///
/// # Errors
///
/// Fails when a buffer is shorter than its matrix, and with the driver's error.
pub fn add_bias<T: DeviceRepr>(
    stream: &CudaStream,
    kernel: &CudaFunction,
    (rows, columns): (usize, usize),
    bias: &CudaView<T>,
    y: &mut CudaViewMut<T>,
) -> Result<()> {
    check_len("the bias", bias.len(), columns)?;
    check_len("the result", y.len(), rows * columns)?;
    let (len, columns) = ((rows * columns) as u64, columns as u64);
    let mut args = stream.launch_builder(kernel);
    args.arg(&len).arg(&columns).arg(bias).arg(y);
    // SAFETY: the arguments are those of add_bias in linear.cu, with lengths checked above.
    unsafe { args.launch(grid(rows * columns as usize)) }.w()?;
    Ok(())
}

/// Writes the column sums of `matrix` (rows, columns) to `sums` (columns).
///
/// # Errors
///
/// Fails when a buffer is shorter than its matrix, and with the driver's error.
pub fn column_sums<T: DeviceRepr>(
    stream: &CudaStream,
    kernel: &CudaFunction,
    (rows, columns): (usize, usize),
    matrix: &CudaView<T>,
    write: Write,
    sums: &mut CudaViewMut<T>,
) -> Result<()> {
    check_len("the gradient", matrix.len(), rows * columns)?;
    check_len("the bias's gradient", sums.len(), columns)?;
    let (launch, rows, columns) = (by_columns(columns), rows as u64, columns as u64);
    let accumulate = u32::from(write == Write::Add);
    let mut args = stream.launch_builder(kernel);
    args.arg(&rows).arg(&columns).arg(&accumulate).arg(matrix).arg(sums);
    // SAFETY: the arguments are those of bias_grad in linear.cu, with lengths checked above; a block has 256
    // threads.
    unsafe { args.launch(launch) }.w()?;
    Ok(())
}

/// `grad <- grad [output > 0]`, (rows, columns), for the `output` of a relu, and writes the column sums of
/// that to `sums`.
///
/// # Errors
///
/// Fails when a buffer is shorter than its matrix, and with the driver's error.
pub fn relu_backward<T: DeviceRepr>(
    stream: &CudaStream,
    kernel: &CudaFunction,
    (rows, columns): (usize, usize),
    write: Write,
    output: &CudaView<T>,
    grad: &mut CudaViewMut<T>,
    sums: &mut CudaViewMut<T>,
) -> Result<()> {
    check_len("the output", output.len(), rows * columns)?;
    check_len("the gradient", grad.len(), rows * columns)?;
    check_len("the bias's gradient", sums.len(), columns)?;
    let (launch, rows, columns) = (by_columns(columns), rows as u64, columns as u64);
    let accumulate = u32::from(write == Write::Add);
    let mut args = stream.launch_builder(kernel);
    args.arg(&rows).arg(&columns).arg(&accumulate).arg(output).arg(grad).arg(sums);
    // SAFETY: the arguments are those of bias_grad_relu in linear.cu, with lengths checked above; a block has
    // 256 threads.
    unsafe { args.launch(launch) }.w()?;
    Ok(())
}

/// Blocks of 256 threads, each for up to 32 columns.
fn by_columns(columns: usize) -> LaunchConfig {
    let width = columns.next_power_of_two().min(32) as u32;
    LaunchConfig {
        grid_dim: ((columns as u32).div_ceil(width), 1, 1),
        block_dim: (width, BLOCK / width, 1),
        shared_mem_bytes: 0,
    }
}

/// activation(x W^T + b).
pub(super) fn forward(
    sizes: Sizes,
    x: Operand,
    weight: Operand,
    (bias, bias_layout): Operand,
    activation: Activation,
) -> Result<CudaStorage> {
    let Sizes { rows, outputs, .. } = sizes;
    let mut y = product(sizes, x, weight)?;
    if rows * outputs == 0 {
        return Ok(y);
    }
    let (device, stream) = (y.device.clone(), y.device.cuda_stream());
    with_float!("linear", bias, T => {
        let kernel = add_bias_kernel(activation).load(&device, <T as WithDType>::DTYPE.as_str())?;
        let bias = on_cuda::<T>(bias, bias_layout)?;
        let y = T::as_cuda_slice_mut(&mut y)?;
        add_bias(&stream, &kernel, (rows, outputs), &bias, &mut y.as_view_mut())?;
    });
    Ok(y)
}

/// x W^T.
pub(super) fn product(sizes: Sizes, x: Operand, weight: Operand) -> Result<CudaStorage> {
    let Sizes { rows, inputs, outputs } = sizes;
    matmul((rows, outputs, inputs), x, (inputs, 1), weight, (1, inputs))
}

/// g W.
pub(super) fn input_grad(sizes: Sizes, grad: Operand, weight: Operand) -> Result<CudaStorage> {
    let Sizes { rows, inputs, outputs } = sizes;
    matmul((rows, inputs, outputs), grad, (outputs, 1), weight, (inputs, 1))
}

/// g^T x.
pub(super) fn weight_grad(sizes: Sizes, grad: Operand, x: Operand) -> Result<CudaStorage> {
    let Sizes { rows, inputs, outputs } = sizes;
    matmul((outputs, inputs, rows), grad, (1, outputs), x, (inputs, 1))
}

/// The product (m, n) of matrices (m, k) and (k, n) with the given strides.
fn matmul(
    (m, n, k): (usize, usize, usize),
    (left, left_layout): Operand,
    left_strides: (usize, usize),
    (right, right_layout): Operand,
    right_strides: (usize, usize),
) -> Result<CudaStorage> {
    if m * n * k == 0 {
        // Allocating no bytes is an error.
        return left.device.zeros_impl(&Shape::from((m * n).max(1)), left.dtype());
    }
    let view = |dims: (usize, usize), strides: (usize, usize), layout: &Layout| {
        Layout::new(dims.into(), vec![strides.0, strides.1], layout.start_offset())
    };
    let left_view = view((m, k), left_strides, left_layout);
    let right_view = view((k, n), right_strides, right_layout);
    left.matmul(right, (1, m, n, k), &left_view, &right_view)
}

/// The sums (columns) of the columns of g (rows, columns).
pub(super) fn bias_grad(rows: usize, columns: usize, (grad, layout): Operand) -> Result<CudaStorage> {
    let device = &grad.device;
    let mut sums = device.zeros_impl(&Shape::from(columns.max(1)), grad.dtype())?;
    if rows * columns > 0 {
        with_float!("linear_bias_grad", grad, T => {
            let kernel = COLUMN_SUMS.load(device, <T as WithDType>::DTYPE.as_str())?;
            let grad = on_cuda::<T>(grad, layout)?;
            let sums = T::as_cuda_slice_mut(&mut sums)?;
            let (shape, sums) = ((rows, columns), &mut sums.as_view_mut());
            column_sums(&device.cuda_stream(), &kernel, shape, &grad, Write::Set, sums)?;
        });
    }
    Ok(sums)
}

/// The rows of g [y > 0] and, as one more row, their sum.
pub(super) fn relu_grad(
    rows: usize,
    columns: usize,
    (output, output_layout): Operand,
    (grad, grad_layout): Operand,
) -> Result<CudaStorage> {
    let device = &grad.device;
    let len = rows * columns;
    let mut both = device.zeros_impl(&Shape::from((len + columns).max(1)), grad.dtype())?;
    if len > 0 {
        with_float!("linear_relu_grad", grad, T => {
            let kernel = RELU_BACKWARD.load(device, <T as WithDType>::DTYPE.as_str())?;
            let output = on_cuda::<T>(output, output_layout)?;
            let both = T::as_cuda_slice_mut(&mut both)?;
            let Some((mut masked, mut sums)) = both.try_split_at_mut(len) else {
                bail!("the result has {} elements, expected {}", both.len(), len + columns)
            };
            device.memcpy_dtod(&on_cuda::<T>(grad, grad_layout)?, &mut masked)?;
            let stream = device.cuda_stream();
            let size = (rows, columns);
            relu_backward(&stream, &kernel, size, Write::Set, &output, &mut masked, &mut sums)?;
        });
    }
    Ok(both)
}
