//! The elements of Candle's tensors on CUDA.

use candle_core::cuda_backend::CudaDType;
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView, DeviceRepr};
use candle_core::{CpuStorage, CudaStorage, InplaceOp1, Layout, Result, Storage, bail};

use crate::ops::kernels::cuda::on_cuda;

/// The elements of a contiguous CUDA tensor.
pub(super) fn elements<'a, T: CudaDType>(storage: &'a Storage, layout: &Layout) -> Result<CudaView<'a, T>> {
    match storage {
        Storage::Cuda(storage) => on_cuda(storage, layout),
        _ => bail!("expected a tensor on CUDA, found {layout:?}"),
    }
}

/// Replaces the elements of a contiguous CUDA tensor by those of the buffer.
pub(super) struct Assign<'a, T>(pub(super) &'a CudaSlice<T>);

impl<T: CudaDType + DeviceRepr> InplaceOp1 for Assign<'_, T> {
    fn name(&self) -> &'static str {
        "assign"
    }

    fn cpu_fwd(&self, _: &mut CpuStorage, _: &Layout) -> Result<()> {
        bail!("assign: expected a tensor on CUDA")
    }

    fn cuda_fwd(&self, storage: &mut CudaStorage, layout: &Layout) -> Result<()> {
        let Some((start, end)) = layout.contiguous_offsets() else {
            bail!("assign: expected a contiguous tensor, found {layout:?}")
        };
        let device = storage.device.clone();
        let slice = T::as_cuda_slice_mut(storage)?;
        let (Some(from), Some(mut to)) = (self.0.try_slice(..end - start), slice.try_slice_mut(start..end))
        else {
            bail!("assign: the buffer has {} elements, expected {}", self.0.len(), end - start)
        };
        device.memcpy_dtod(&from, &mut to)
    }
}
