//! The update on CUDA, one kernel for each parameter.

#![allow(unsafe_code)]

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::cudarc::driver::{
    CudaFunction, CudaSlice, CudaStream, DeviceRepr, PushKernelArg,
};
use candle_core::cuda_backend::{CudaDType, WrapErr};
use candle_core::{CudaStorage, DType, Result, bail};
use half::{bf16, f16};

use super::coefficients::StepCoefficients;
use crate::ops::kernels::Scalar;
use crate::ops::kernels::cuda::{Kernel, PACK_BYTES, grid, kernel};

/// The kernels in `adamw.cu`.
pub(crate) const KERNEL: Kernel = kernel!("adamw", ADAMW, "adamw");

/// Updates the parameter, its first and its second moment with the gradient, all of `len` elements; the
/// moments are of the type that an element is computed in.
pub(super) fn update(
    storages: Vec<&mut CudaStorage>,
    grad: &CudaStorage,
    len: usize,
    coefficients: &StepCoefficients,
) -> Result<()> {
    let Ok(state) = <[&mut CudaStorage; 3]>::try_from(storages) else {
        bail!("AdamW: expected a parameter and two moments")
    };
    match grad.dtype() {
        DType::F16 => update_as::<f16, f32>("f16", state, grad, len, coefficients),
        DType::BF16 => update_as::<bf16, f32>("bf16", state, grad, len, coefficients),
        DType::F32 => update_as::<f32, f32>("f32", state, grad, len, coefficients),
        DType::F64 => update_as::<f64, f64>("f64", state, grad, len, coefficients),
        other => bail!("AdamW: unsupported dtype {other:?}"),
    }
}

/// [`update`] for elements of type `T`, computed in `C`.
fn update_as<T: CudaDType + DeviceRepr, C: Scalar + CudaDType + DeviceRepr>(
    suffix: &str,
    [p, m, v]: [&mut CudaStorage; 3],
    grad: &CudaStorage,
    len: usize,
    coefficients: &StepCoefficients,
) -> Result<()> {
    let device = grad.device();
    let function = KERNEL.load(device, suffix)?;
    launch(
        &device.cuda_stream(),
        &function,
        T::as_cuda_slice_mut(p)?,
        [C::as_cuda_slice_mut(m)?, C::as_cuda_slice_mut(v)?],
        T::as_cuda_slice(grad)?,
        len,
        &coefficients.rounded::<C>(),
    )
}

/// Updates the first `len` elements of a parameter and its `[first moment, second moment]` with `grad` by
/// `function`, the kernel for elements of type `T`, computed in `C`.
///
/// # Errors
///
/// Fails when a slice is shorter, and with the driver's error.
pub(crate) fn launch<T: DeviceRepr, C: DeviceRepr>(
    stream: &CudaStream,
    function: &CudaFunction,
    p: &mut CudaSlice<T>,
    [m, v]: [&mut CudaSlice<C>; 2],
    grad: &CudaSlice<T>,
    len: usize,
    coefficients: &StepCoefficients<C>,
) -> Result<()> {
    let lens = [p.len(), m.len(), v.len(), grad.len()];
    if lens.iter().any(|&held| held < len) {
        bail!("AdamW: parameter, moments and gradient have {lens:?} elements, expected {len} of each")
    }
    let (threads, len) = (len.div_ceil(PACK_BYTES / size_of::<T>()), len as u64);
    let mut args = stream.launch_builder(function);
    args.arg(&len).arg(coefficients).arg(p).arg(m).arg(v).arg(grad);
    // SAFETY: the arguments are those of the kernels in adamw.cu, of the same types in the same order, and
    // all four slices have `len` elements or more.
    unsafe { args.launch(grid(threads)) }.w()?;
    Ok(())
}

// SAFETY: C's layout of numbers that can be passed to a kernel by value themselves.
unsafe impl<C: DeviceRepr> DeviceRepr for StepCoefficients<C> {}
