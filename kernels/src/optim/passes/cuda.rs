//! The passes on CUDA, by the kernels of `passes.cu`.

#![allow(unsafe_code)]

use candle_core::Result;
use candle_core::cuda_backend::WrapErr;
use candle_core::cuda_backend::cudarc::driver::{
    CudaFunction, CudaSlice, CudaStream, DeviceRepr, LaunchConfig, PushKernelArg,
};

use super::Pass;
use crate::ops::kernels::cuda::{BLOCK, check_len, grid};

/// Adds the squares of the first `len` elements of `x` to `sum` by `function`, which is
/// [`ADD_SQUARES`](super::ADD_SQUARES) for elements of type `T`.
///
/// # Errors
///
/// Fails when `x` is shorter, and with the driver's error.
pub fn add_squares<T: DeviceRepr>(
    stream: &CudaStream,
    function: &CudaFunction,
    len: usize,
    x: &CudaSlice<T>,
    sum: &mut CudaSlice<f64>,
) -> Result<()> {
    check_len("a gradient", x.len(), len)?;
    check_len("the sum of squares", sum.len(), 1)?;
    let len = len as u64;
    let mut args = stream.launch_builder(function);
    args.arg(&len).arg(x).arg(sum);
    let one_block = LaunchConfig { grid_dim: (1, 1, 1), block_dim: (BLOCK, 1, 1), shared_mem_bytes: 0 };
    // SAFETY: the arguments are those of add_squares in passes.cu, measured above.
    unsafe { args.launch(one_block) }.w()?;
    Ok(())
}

/// Makes `pass` over the first `len` elements of `x` by `function`, its kernel for elements of type `T`.
///
/// # Errors
///
/// Fails when an array is shorter, and with the driver's error.
pub fn apply<T: DeviceRepr>(
    stream: &CudaStream,
    function: &CudaFunction,
    pass: Pass,
    squares: &CudaSlice<f64>,
    len: usize,
    x: &mut CudaSlice<T>,
    y: Option<&CudaSlice<T>>,
) -> Result<()> {
    check_len("what a pass changes", x.len(), len)?;
    check_len("the sum of squares", squares.len(), 1)?;
    if pass.reads_another() {
        check_len("what a pass reads", y.map_or(0, CudaSlice::len), len)?;
    }
    let (threads, len, factor, nothing) = (len, len as u64, pass.factor(), 0u64);
    let mut args = stream.launch_builder(function);
    args.arg(&len).arg(&factor).arg(squares).arg(x);
    match y {
        Some(y) => args.arg(y),
        None => args.arg(&nothing),
    };
    // SAFETY: the arguments are those of every pass in passes.cu, measured above; a null pointer takes the
    // place of an array that the pass does not read.
    unsafe { args.launch(grid(threads)) }.w()?;
    Ok(())
}
