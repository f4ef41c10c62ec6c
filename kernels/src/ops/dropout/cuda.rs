//! Dropout on CUDA, by the kernel of `dropout.cu`.

#![allow(unsafe_code)]

use candle_core::backend::{BackendDevice, BackendStorage};
use candle_core::cuda_backend::cudarc::driver::{
    CudaFunction, CudaStream, CudaView, CudaViewMut, DeviceRepr, PushKernelArg,
};
use candle_core::cuda_backend::{CudaDType, WrapErr};
use candle_core::{CudaStorage, Layout, Result, WithDType};

use super::{Dropout, threshold};
use crate::ops::elements::{on_cuda, with_float};
use crate::ops::launch::{Kernel, check_len, grid, kernel};

/// The kernel of [`forward`].
pub const KERNEL: Kernel = kernel!("dropout", DROPOUT, "dropout");

/// z <- 0 or x / (1 - rate), for the first `len` elements.
///
/// # Errors
///
/// Fails when a buffer is too short, and with the driver's error.
pub fn forward<T: DeviceRepr>(
    stream: &CudaStream,
    kernel: &CudaFunction,
    Dropout { rate, seed }: Dropout,
    len: usize,
    x: &CudaView<T>,
    z: &mut CudaViewMut<T>,
) -> Result<()> {
    check_len("x", x.len(), len)?;
    check_len("the result", z.len(), len)?;
    let (launch, len, threshold, scale) = (grid(len), len as u64, threshold(rate), 1. / (1. - rate));
    let mut args = stream.launch_builder(kernel);
    args.arg(&len).arg(&seed).arg(&threshold).arg(&scale).arg(x).arg(z);
    // SAFETY: the arguments are those of dropout in dropout.cu, measured above.
    unsafe { args.launch(launch) }.w()?;
    Ok(())
}

/// The result of the operation, for a contiguous operand.
pub(super) fn dropped(dropout: Dropout, x: &CudaStorage, layout: &Layout) -> Result<CudaStorage> {
    let device = &x.device;
    let mut z = device.zeros_impl(layout.shape(), x.dtype())?;
    with_float!("dropout", x, T => {
        let kernel = KERNEL.load(device, <T as WithDType>::DTYPE.as_str())?;
        let x = on_cuda::<T>(x, layout)?;
        let z = T::as_cuda_slice_mut(&mut z)?;
        forward(&device.cuda_stream(), &kernel, dropout, x.len(), &x, &mut z.as_view_mut())?;
    });
    Ok(z)
}
