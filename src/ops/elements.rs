//! The elements of contiguous tensors, for operations that work on slices.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
#[cfg(feature = "cuda")]
use candle_core::cuda_backend::{CudaDType, cudarc::driver::CudaView};
use candle_core::{CpuStorage, Layout, Result, WithDType, bail};

use crate::ops::Element;
use crate::ops::simd::Lanes;

/// The type of the elements that such operations compute in: `f32` or `f64`.
pub(crate) trait Float: Lanes + WithDType + Element<Compute = Self> {}

impl Float for f32 {}
impl Float for f64 {}

/// Evaluates `$work` with `$float` as the type of the elements of `$storage`; an error names `$op`.
macro_rules! with_float {
    ($op:expr, $storage:expr, $float:ident => $work:expr) => {
        match candle_core::backend::BackendStorage::dtype($storage) {
            candle_core::DType::F32 => {
                type $float = f32;
                $work
            }
            candle_core::DType::F64 => {
                type $float = f64;
                $work
            }
            other => candle_core::bail!("{}: unsupported dtype {other:?}", $op),
        }
    };
}
pub(crate) use with_float;

/// The elements of a contiguous tensor on the CPU.
pub(crate) fn on_cpu<'a, T: WithDType>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [T]> {
    let (start, end) = range(layout)?;
    let elements = storage.as_slice::<T>()?;
    match elements.get(start..end) {
        Some(elements) => Ok(elements),
        None => bail!("a tensor ends at {end}, after the end of its {}", elements.len()),
    }
}

/// The elements of a contiguous tensor on CUDA.
#[cfg(feature = "cuda")]
pub(crate) fn on_cuda<'a, T: CudaDType>(
    storage: &'a CudaStorage,
    layout: &Layout,
) -> Result<CudaView<'a, T>> {
    let (start, end) = range(layout)?;
    let elements = storage.as_cuda_slice::<T>()?;
    match elements.try_slice(start..end) {
        Some(view) => Ok(view),
        None => bail!("a tensor ends at {end}, after the end of its {}", elements.len()),
    }
}

/// From where to where the elements of a contiguous tensor are in its storage.
fn range(layout: &Layout) -> Result<(usize, usize)> {
    // An empty view may begin behind the end of its storage.
    if layout.shape().elem_count() == 0 {
        return Ok((0, 0));
    }
    match layout.contiguous_offsets() {
        Some(range) => Ok(range),
        None => bail!("expected a contiguous tensor, found {layout:?}"),
    }
}
