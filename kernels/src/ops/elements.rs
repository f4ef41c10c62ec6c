//! The elements of contiguous tensors as slices.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
#[cfg(feature = "cuda")]
use candle_core::cuda_backend::{CudaDType, cudarc::driver::CudaView};
use candle_core::{CpuStorage, Layout, Result, WithDType, bail};

/// Evaluates `$work` with `$float` as the element type of `$storage`, `f32` or `f64`; the error for others
/// names `$op`.
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

/// Borrows the elements of a contiguous tensor on the CPU.
///
/// # Errors
///
/// Fails when the layout is not contiguous, or ends behind the storage.
pub fn on_cpu<'a, T: WithDType>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [T]> {
    let (start, end) = range(layout)?;
    let elements = storage.as_slice::<T>()?;
    match elements.get(start..end) {
        Some(elements) => Ok(elements),
        None => bail!("a tensor ends at element {end} of a storage of {}", elements.len()),
    }
}

/// Borrows the elements of a contiguous tensor on CUDA.
///
/// # Errors
///
/// Fails when the layout is not contiguous, or ends behind the storage.
#[cfg(feature = "cuda")]
pub fn on_cuda<'a, T: CudaDType>(storage: &'a CudaStorage, layout: &Layout) -> Result<CudaView<'a, T>> {
    let (start, end) = range(layout)?;
    let elements = storage.as_cuda_slice::<T>()?;
    match elements.try_slice(start..end) {
        Some(view) => Ok(view),
        None => bail!("a tensor ends at element {end} of a storage of {}", elements.len()),
    }
}

/// The range of a contiguous tensor's elements in its storage.
fn range(layout: &Layout) -> Result<(usize, usize)> {
    // An empty view may start past the end of its storage.
    if layout.shape().elem_count() == 0 {
        return Ok((0, 0));
    }
    match layout.contiguous_offsets() {
        Some(range) => Ok(range),
        None => bail!("expected a contiguous tensor, found {layout:?}"),
    }
}
