//! The mean squared error on CUDA, by the kernels of `mse.cu`.

#![allow(unsafe_code)]

use candle_core::backend::BackendDevice;
use candle_core::cuda_backend::cudarc::driver::PushKernelArg;
use candle_core::cuda_backend::{CudaDType, WrapErr};
use candle_core::{CudaStorage, Layout, Result, Shape, WithDType};

use crate::ops::elements::{on_cuda, with_float};
use crate::ops::launch::{check_len, grid, kernel};

/// The mean of (x - y)^2 for contiguous operands of one shape: each block sums a part, and one block sums the
/// parts.
pub(super) fn mse(
    (x, x_layout): (&CudaStorage, &Layout),
    (y, y_layout): (&CudaStorage, &Layout),
) -> Result<CudaStorage> {
    let device = &x.device;
    let stream = device.cuda_stream();
    let mut mean = device.zeros_impl(&Shape::from(()), candle_core::backend::BackendStorage::dtype(x))?;
    with_float!("mse", x, T => {
        let suffix = <T as WithDType>::DTYPE.as_str();
        let squares = kernel!("mse", MSE, "squares").load(device, suffix)?;
        let mean_of_parts = kernel!("mse", MSE, "mean").load(device, suffix)?;
        let (x, y) = (on_cuda::<T>(x, x_layout)?, on_cuda::<T>(y, y_layout)?);
        check_len("y", y.len(), x.len())?;
        let launch = grid(x.len());
        let (len, count) = (x.len() as u64, u64::from(launch.grid_dim.0));
        let mut parts = device.alloc_zeros::<f64>(count as usize)?;

        let mut args = stream.launch_builder(&squares);
        args.arg(&len).arg(&x).arg(&y).arg(&mut parts);
        // SAFETY: the arguments are those of squares in mse.cu; there is a part for each block.
        unsafe { args.launch(launch) }.w()?;
        let mean = T::as_cuda_slice_mut(&mut mean)?;
        let mut args = stream.launch_builder(&mean_of_parts);
        args.arg(&count).arg(&len).arg(&parts).arg(mean);
        // SAFETY: the arguments are those of mean in mse.cu.
        unsafe { args.launch(grid(1)) }.w()?;
    });
    Ok(mean)
}
