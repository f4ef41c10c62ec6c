//! The mean of a function of differences on CUDA, by the kernels that `loss.cuh` makes of the function.

#![allow(unsafe_code)]

use candle_core::backend::{BackendDevice, BackendStorage};
use candle_core::cuda_backend::cudarc::driver::PushKernelArg;
use candle_core::cuda_backend::{CudaDType, WrapErr};
use candle_core::{CudaStorage, Layout, Result, Shape, WithDType};

use super::OfDifference;
use crate::ops::elements::{on_cuda, with_float};
use crate::ops::launch::{Kernel, check_len, grid};

/// The kernels of a loss.
#[derive(Debug, Clone, Copy)]
pub(in crate::ops) struct Kernels {
    /// Each block's part of the sum.
    pub(in crate::ops) parts: Kernel,
    /// The mean, from the parts.
    pub(in crate::ops) mean: Kernel,
    /// The loss and its gradient in one pass.
    pub(in crate::ops) step: Kernel,
}

/// Names the kernels that `LOSS(NAME, ...)` of `loss.cuh` makes in the file `NAME.cu`, whose PTX is the
/// constant `PTX`.
macro_rules! loss_kernels {
    ($name:literal, $ptx:ident) => {
        $crate::ops::difference::cuda::Kernels {
            parts: $crate::ops::launch::kernel!($name, $ptx, concat!($name, "_parts")),
            mean: $crate::ops::launch::kernel!($name, $ptx, concat!($name, "_mean")),
            step: $crate::ops::launch::kernel!($name, $ptx, concat!($name, "_step")),
        }
    };
}
pub(in crate::ops) use loss_kernels;

/// The mean of f(p - t) for contiguous operands: each block sums a part, and one block sums the parts.
pub(super) fn mean<F: OfDifference>(
    f: &F,
    [(prediction, prediction_layout), (target, target_layout)]: [(&CudaStorage, &Layout); 2],
) -> Result<CudaStorage> {
    let device = &prediction.device;
    let stream = device.cuda_stream();
    let mut mean = device.zeros_impl(&Shape::from(()), prediction.dtype())?;
    with_float!(F::NAME, prediction, T => {
        let suffix = <T as WithDType>::DTYPE.as_str();
        let (sum_part, sum_all) =
            (F::KERNELS.parts.load(device, suffix)?, F::KERNELS.mean.load(device, suffix)?);
        let p = on_cuda::<T>(prediction, prediction_layout)?;
        let t = on_cuda::<T>(target, target_layout)?;
        check_len("the target", t.len(), p.len() / f.outputs())?;
        let launch = grid(p.len());
        let (len, count, parameters) = (p.len() as u64, u64::from(launch.grid_dim.0), f.parameters());
        let mut parts = device.alloc_zeros::<f64>(count as usize)?;

        let mut args = stream.launch_builder(&sum_part);
        args.arg(&len).arg(&p).arg(&t).arg(&mut parts).arg(&parameters);
        // SAFETY: the arguments are those of the kernel of parts in loss.cuh; there is a part for each block.
        unsafe { args.launch(launch) }.w()?;
        let mean = T::as_cuda_slice_mut(&mut mean)?;
        let mut args = stream.launch_builder(&sum_all);
        args.arg(&count).arg(&len).arg(&parts).arg(mean);
        // SAFETY: the arguments are those of the kernel of the mean in loss.cuh.
        unsafe { args.launch(grid(1)) }.w()?;
    });
    Ok(mean)
}
