//! The normalisations on CUDA, by the kernels of `norm.cu`.

#![allow(unsafe_code)]

use candle_core::backend::{BackendDevice, BackendStorage};
use candle_core::cuda_backend::cudarc::driver::{
    CudaFunction, CudaStream, CudaView, CudaViewMut, DeviceRepr, LaunchConfig, PushKernelArg,
};
use candle_core::cuda_backend::{CudaDType, WrapErr};
use candle_core::{CudaStorage, Layout, Result, WithDType};

use super::NormKind;
use crate::ops::elements::{on_cuda, with_float};
use crate::ops::launch::{Kernel, check_len, kernel};

/// The threads of a block, as in `norm.cu`.
const THREADS: u32 = 128;

/// The most blocks, each of which takes several rows or columns if there are more.
const MOST_BLOCKS: usize = 4096;

impl NormKind {
    /// The kernels of [`forward`] and [`backward`].
    pub fn kernels(self) -> [Kernel; 2] {
        match self {
            Self::Rms => [kernel!("norm", NORM, "rms_norm"), kernel!("norm", NORM, "rms_norm_grad")],
            Self::Layer => [kernel!("norm", NORM, "layer_norm"), kernel!("norm", NORM, "layer_norm_grad")],
            Self::Batch => [kernel!("norm", NORM, "batch_norm"), kernel!("norm", NORM, "batch_norm_grad")],
        }
    }
}

/// Normalises the rows or the columns of x (rows, columns), as [`cpu::forward`](super::cpu::forward), with
/// the forward kernel of a normalisation that takes a shift if there is one.
///
/// # Errors
///
/// Fails when a buffer is too short, and with the driver's error.
pub fn forward<T: DeviceRepr>(
    stream: &CudaStream,
    kernel: &CudaFunction,
    [rows, columns]: [usize; 2],
    x: &CudaView<T>,
    scale: &CudaView<T>,
    shift: Option<&CudaView<T>>,
    out: &mut CudaViewMut<T>,
) -> Result<()> {
    check_len("x", x.len(), rows * columns)?;
    check_len("the scale", scale.len(), columns)?;
    check_len("the shift", shift.map_or(columns, CudaView::len), columns)?;
    check_len("the result", out.len(), rows * columns)?;
    let (launch, rows, columns) = (blocks(rows.max(columns)), rows as u64, columns as u64);
    let mut args = stream.launch_builder(kernel);
    args.arg(&rows).arg(&columns).arg(x).arg(scale);
    if let Some(shift) = shift {
        args.arg(shift);
    }
    args.arg(out);
    // SAFETY: the arguments are those of the kernel in norm.cu, measured above.
    unsafe { args.launch(launch) }.w()?;
    Ok(())
}

/// The gradient through [`forward`], as [`cpu::backward`](super::cpu::backward).
///
/// # Errors
///
/// Fails when a buffer is too short, and with the driver's error.
pub fn backward<T: DeviceRepr>(
    stream: &CudaStream,
    kernel: &CudaFunction,
    [rows, columns]: [usize; 2],
    [x, scale, grad]: [&CudaView<T>; 3],
    x_grad: &mut CudaViewMut<T>,
    terms: &mut CudaViewMut<T>,
) -> Result<()> {
    check_len("the scale", scale.len(), columns)?;
    let lens = [x.len(), grad.len(), x_grad.len(), terms.len()];
    for (what, len) in ["x", "the gradient", "the gradient of x", "the terms"].into_iter().zip(lens) {
        check_len(what, len, rows * columns)?;
    }
    let (launch, rows, columns) = (blocks(rows.max(columns)), rows as u64, columns as u64);
    let mut args = stream.launch_builder(kernel);
    args.arg(&rows).arg(&columns).arg(x).arg(scale).arg(grad).arg(x_grad).arg(terms);
    // SAFETY: the arguments are those of the kernel in norm.cu, measured above.
    unsafe { args.launch(launch) }.w()?;
    Ok(())
}

/// A block for each of the rows or columns, whichever the kernel takes; blocks without one end at once.
fn blocks(count: usize) -> LaunchConfig {
    let blocks = count.clamp(1, MOST_BLOCKS) as u32;
    LaunchConfig { grid_dim: (blocks, 1, 1), block_dim: (THREADS, 1, 1), shared_mem_bytes: 0 }
}

/// The result of the operation, for contiguous operands.
pub(super) fn normalised(
    kind: NormKind,
    columns: usize,
    (x, x_layout): (&CudaStorage, &Layout),
    (scale, scale_layout): (&CudaStorage, &Layout),
    shift: Option<(&CudaStorage, &Layout)>,
) -> Result<CudaStorage> {
    let device = &x.device;
    let mut out = device.zeros_impl(x_layout.shape(), x.dtype())?;
    with_float!(kind.name(), x, T => {
        let [kernel, _] = kind.kernels();
        let kernel = kernel.load(device, <T as WithDType>::DTYPE.as_str())?;
        let (x, scale) = (on_cuda::<T>(x, x_layout)?, on_cuda::<T>(scale, scale_layout)?);
        let shift = shift.map(|(shift, layout)| on_cuda::<T>(shift, layout)).transpose()?;
        let shape = [x.len() / columns.max(1), columns];
        let out = T::as_cuda_slice_mut(&mut out)?;
        forward(&device.cuda_stream(), &kernel, shape, &x, &scale, shift.as_ref(), &mut out.as_view_mut())?;
    });
    Ok(out)
}
