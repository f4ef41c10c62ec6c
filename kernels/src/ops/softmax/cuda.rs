//! Softmax on CUDA, by the kernels of `softmax.cu`.

#![allow(unsafe_code)]

use candle_core::backend::{BackendDevice, BackendStorage};
use candle_core::cuda_backend::cudarc::driver::{LaunchConfig, PushKernelArg};
use candle_core::cuda_backend::{CudaDType, WrapErr};
use candle_core::{CudaStorage, Layout, Result, WithDType};

use super::form::{Form, Slices};
use crate::ops::elements::{on_cuda, with_float};
use crate::ops::launch::{Kernel, check_len, kernel};

/// The threads of a block, as in `softmax.cu`.
const THREADS: u32 = 128;

/// The most blocks, each of which takes several slices if there are more.
const MOST_BLOCKS: usize = 4096;

impl Form {
    /// The kernels of [`forward`] and [`backward`].
    fn kernels(self) -> [Kernel; 2] {
        match self {
            Self::Probabilities => {
                [kernel!("softmax", SOFTMAX, "softmax"), kernel!("softmax", SOFTMAX, "softmax_grad")]
            }
            Self::Logarithms => {
                [kernel!("softmax", SOFTMAX, "log_softmax"), kernel!("softmax", SOFTMAX, "log_softmax_grad")]
            }
        }
    }
}

/// As [`cpu::forward`](super::cpu::forward), for a contiguous operand.
pub(super) fn forward(form: Form, slices: Slices, x: &CudaStorage, layout: &Layout) -> Result<CudaStorage> {
    let device = &x.device;
    let mut z = device.zeros_impl(layout.shape(), x.dtype())?;
    with_float!(form.name(), x, T => {
        let x = on_cuda::<T>(x, layout)?;
        if !x.is_empty() {
            let kernel = form.kernels()[0].load(device, <T as WithDType>::DTYPE.as_str())?;
            let z = T::as_cuda_slice_mut(&mut z)?;
            let (launch, [count, len, stride]) = blocks(slices, x.len());
            check_len("the result", z.len(), x.len())?;
            let stream = device.cuda_stream();
            let mut args = stream.launch_builder(&kernel);
            args.arg(&count).arg(&len).arg(&stride).arg(&x).arg(z);
            // SAFETY: the arguments are those of the kernel in softmax.cu, whose slices have x.len()
            // elements.
            unsafe { args.launch(launch) }.w()?;
        }
    });
    Ok(z)
}

/// As [`cpu::backward`](super::cpu::backward), for contiguous operands.
pub(super) fn backward(
    form: Form,
    slices: Slices,
    (z, z_layout): (&CudaStorage, &Layout),
    (grad, grad_layout): (&CudaStorage, &Layout),
) -> Result<CudaStorage> {
    let device = &z.device;
    let mut x_grad = device.zeros_impl(z_layout.shape(), z.dtype())?;
    with_float!(form.name(), z, T => {
        let (z, grad) = (on_cuda::<T>(z, z_layout)?, on_cuda::<T>(grad, grad_layout)?);
        if !z.is_empty() {
            let kernel = form.kernels()[1].load(device, <T as WithDType>::DTYPE.as_str())?;
            let x_grad = T::as_cuda_slice_mut(&mut x_grad)?;
            let (launch, [count, len, stride]) = blocks(slices, z.len());
            check_len("the gradient", grad.len(), z.len())?;
            check_len("the gradient of x", x_grad.len(), z.len())?;
            let stream = device.cuda_stream();
            let mut args = stream.launch_builder(&kernel);
            args.arg(&count).arg(&len).arg(&stride).arg(&z).arg(&grad).arg(x_grad);
            // SAFETY: the arguments are those of the kernel in softmax.cu, whose slices have z.len()
            // elements.
            unsafe { args.launch(launch) }.w()?;
        }
    });
    Ok(x_grad)
}

/// A block for each of the slices of `elements`, and their number, length and stride.
fn blocks(slices: Slices, elements: usize) -> (LaunchConfig, [u64; 3]) {
    let count = elements / slices.len;
    let blocks = count.clamp(1, MOST_BLOCKS) as u32;
    let launch = LaunchConfig { grid_dim: (blocks, 1, 1), block_dim: (THREADS, 1, 1), shared_mem_bytes: 0 };
    (launch, [count, slices.len, slices.stride].map(|size| size as u64))
}
