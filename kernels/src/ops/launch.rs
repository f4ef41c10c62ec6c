//! The CUDA launcher of every elementwise operation, whatever its arity, dtype and layouts.
//!
//! An operation names a [`Kernel`]; [`map`] finds the dtype, chooses between the dense and the strided kernel
//! of `elementwise.cuh`, and returns a contiguous result. Everything is queued on the stream of Candle's
//! device.

#![allow(unsafe_code)]

use candle_core::backend::{BackendDevice, BackendStorage};
use candle_core::cuda_backend::cudarc::driver::{CudaFunction, DeviceRepr, LaunchConfig, PushKernelArg};
use candle_core::cuda_backend::{CudaDType, CudaDevice, WrapErr};
use candle_core::{CudaStorage, DType, Error, Layout, Result, Shape, bail};
use half::{bf16, f16};

use crate::ops::axes::merged_axes;

/// The threads of a block.
pub const BLOCK: u32 = 256;

/// The most blocks of a launch. The kernels loop with the grid's stride, so no more are needed, and several
/// thousand fill every GPU.
const MAX_BLOCKS: usize = 4096;

/// The bytes that a thread of a dense kernel moves at a time.
pub(crate) const PACK_BYTES: usize = 16;

/// The most axes that the strided kernels take, after merging; as in `elementwise.cuh`.
const MAX_AXES: usize = 16;

/// The kernels of an operation for all dtypes.
#[derive(Debug, Clone, Copy)]
pub struct Kernel {
    /// The name of the module. Candle keeps one module per name and device, whatever its PTX, so it must be
    /// unique in the program.
    pub module: &'static str,
    /// The PTX of the module.
    pub ptx: &'static str,
    /// The name of the kernels without the dtype.
    pub name: &'static str,
}

impl Kernel {
    /// The kernel whose name ends in `_` and `suffix`; `device` loads its module on first use.
    ///
    /// # Errors
    ///
    /// Fails with the driver's error, as when there is no such kernel.
    pub fn load(self, device: &CudaDevice, suffix: &str) -> Result<CudaFunction> {
        let name = format!("{}_{suffix}", self.name);
        Ok(device.get_or_load_custom_func(&name, self.module, self.ptx)?.into_cuda_function())
    }
}

/// Names a kernel of the file `MODULE.cu`, whose PTX is the constant `PTX`.
macro_rules! kernel {
    ($module:literal, $ptx:ident, $name:expr) => {
        $crate::ops::launch::Kernel {
            module: concat!("taper-", env!("CARGO_PKG_VERSION"), "/", $module),
            ptx: $crate::ops::ptx::$ptx,
            name: $name,
        }
    };
}
pub(crate) use kernel;

/// Applies the function of `kernel` at every position of `N` operands of one shape and one dtype.
///
/// # Errors
///
/// Fails when the dtype is not supported or differs between operands, when the layouts have more than 16 axes
/// that cannot be merged, and with the driver's errors. The error names `op`.
pub(super) fn map<const N: usize>(
    op: &str,
    kernel: Kernel,
    operands: [(&CudaStorage, &Layout); N],
) -> Result<(CudaStorage, Shape)> {
    let device = &operands[0].0.device;
    let storage = match operands[0].0.dtype() {
        DType::F16 => map_as::<f16, N>(device, kernel, "f16", operands),
        DType::BF16 => map_as::<bf16, N>(device, kernel, "bf16", operands),
        DType::F32 => map_as::<f32, N>(device, kernel, "f32", operands),
        DType::F64 => map_as::<f64, N>(device, kernel, "f64", operands),
        other => bail!("{op}: unsupported dtype {other:?}"),
    };
    let shape = operands[0].1.shape();
    let storage = storage.map_err(|error| {
        Error::msg(format!("{op} of {N} x {:?} on {:?}: {error}", shape.dims(), device.location()))
    })?;
    Ok((storage, shape.clone()))
}

/// [`map`] for elements of type `T`, whose kernels end in `suffix`.
fn map_as<T: CudaDType + DeviceRepr, const N: usize>(
    device: &CudaDevice,
    kernel: Kernel,
    suffix: &str,
    operands: [(&CudaStorage, &Layout); N],
) -> Result<CudaStorage> {
    let layouts = operands.map(|(_, layout)| layout);
    let len = layouts[0].shape().elem_count();
    if len == 0 {
        // Launching no blocks is an error, and so is allocating no bytes.
        // SAFETY: nothing reads an element of a tensor that has none.
        let nothing = unsafe { device.alloc::<T>(1) }?;
        return Ok(CudaStorage::wrap_cuda_slice(nothing, device.clone()));
    }
    let mut views = Vec::with_capacity(N);
    for (storage, layout) in operands {
        let slice = storage.as_cuda_slice::<T>()?;
        let Some(view) = slice.try_slice(layout.start_offset()..) else {
            bail!("an operand starts at element {} of a storage of {}", layout.start_offset(), slice.len())
        };
        views.push(view);
    }
    let axes = Axes::new(len, layouts)?;
    let scalars = axes.scalars();
    let suffix = format!("{suffix}{}", if scalars.is_some() { "" } else { "_strided" });
    let function = kernel.load(device, &suffix)?;
    let stream = device.cuda_stream();
    // SAFETY: the kernel writes every element.
    let mut result = unsafe { device.alloc::<T>(len) }?;

    let mut args = stream.launch_builder(&function);
    match &scalars {
        Some(scalars) => args.arg(&axes.len).arg(scalars),
        None => args.arg(&axes),
    };
    for view in &views {
        args.arg(view);
    }
    args.arg(&mut result);
    // Operands that are not aligned are read one element at a time.
    let aligned =
        layouts.iter().all(|layout| (layout.start_offset() * size_of::<T>()).is_multiple_of(PACK_BYTES));
    let threads = if scalars.is_some() && aligned { len.div_ceil(PACK_BYTES / size_of::<T>()) } else { len };
    // SAFETY: the arguments are those of the kernels in elementwise.cuh, of the same types in the same order;
    // the result has `len` elements; and Candle's layouts stay inside their storages.
    unsafe { args.launch(grid(threads)) }.w()?;
    drop(args);
    Ok(CudaStorage::wrap_cuda_slice(result, device.clone()))
}

/// Checks that a buffer of `len` elements holds `least`, since kernels trust the sizes that they are given.
///
/// # Errors
///
/// Fails when it does not.
pub fn check_len(what: &str, len: usize, least: usize) -> Result<()> {
    if len < least {
        bail!("{what} has {len} elements, expected at least {least}")
    }
    Ok(())
}

/// The grid for `threads` threads, or for as many as are worthwhile.
pub fn grid(threads: usize) -> LaunchConfig {
    let blocks = threads.div_ceil(BLOCK as usize).clamp(1, MAX_BLOCKS);
    LaunchConfig { grid_dim: (blocks as u32, 1, 1), block_dim: (BLOCK, 1, 1), shared_mem_bytes: 0 }
}

/// The axes of `N` operands of one shape, outermost first; `Axes` in `elementwise.cuh`.
#[repr(C)]
struct Axes<const N: usize> {
    len: u64,
    count: u64,
    dims: [u64; MAX_AXES],
    strides: [[u64; MAX_AXES]; N],
}

// SAFETY: plain integers in C's layout, passed to the kernel by value.
unsafe impl<const N: usize> DeviceRepr for Axes<N> {}

impl<const N: usize> Axes<N> {
    fn new(len: usize, layouts: [&Layout; N]) -> Result<Self> {
        let merged = merged_axes(layouts[0].dims(), layouts);
        if merged.len() > MAX_AXES {
            bail!(
                "the operands have {} axes that cannot be merged, expected at most {MAX_AXES}",
                merged.len()
            )
        }
        let (mut dims, mut strides) = ([0; MAX_AXES], [[0; MAX_AXES]; N]);
        for (axis, (dim, steps)) in merged.iter().enumerate() {
            dims[axis] = *dim as u64;
            for (strides, step) in strides.iter_mut().zip(steps) {
                strides[axis] = *step as u64;
            }
        }
        Ok(Self { len: len as u64, count: merged.len() as u64, dims, strides })
    }

    /// The mask of the operands that are one element for all positions, if all others are contiguous.
    fn scalars(&self) -> Option<u32> {
        if self.count == 0 {
            return Some(0);
        }
        let mut mask = 0;
        for (k, strides) in self.strides.iter().enumerate() {
            match (self.count, strides[0]) {
                (1, 0) => mask |= 1 << k,
                (1, 1) => {}
                _ => return None,
            }
        }
        Some(mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalars<const N: usize>(dims: &[usize], strides: [&[usize]; N]) -> Option<u32> {
        let layouts = strides.map(|strides| Layout::new(Shape::from(dims), strides.to_vec(), 3));
        let len = dims.iter().product();
        Axes::new(len, layouts.each_ref()).unwrap().scalars()
    }

    #[test]
    fn contiguous_operands_and_scalars_are_dense() {
        assert_eq!(scalars(&[2, 3], [&[3, 1], &[0, 0]]), Some(0b10));
        assert_eq!(scalars(&[2, 3], [&[3, 1], &[3, 1]]), Some(0));
        assert_eq!(scalars(&[2, 3], [&[0, 0], &[0, 0], &[3, 1]]), Some(0b11));
        assert_eq!(scalars(&[], [&[]]), Some(0));
        assert_eq!(scalars(&[1, 1], [&[7, 9]]), Some(0));
    }

    #[test]
    fn other_strides_are_not() {
        assert_eq!(scalars(&[2, 3], [&[3, 1], &[0, 1]]), None);
        assert_eq!(scalars(&[2, 3], [&[1, 2]]), None);
        assert_eq!(scalars(&[4], [&[2]]), None);
    }

    #[test]
    fn axes_beyond_the_kernels_limit_are_refused() {
        let (dims, strides) = (vec![2; 17], (0..17).map(|axis| 3usize.pow(axis)).collect::<Vec<_>>());
        let layout = Layout::new(Shape::from(dims), strides, 0);
        let error = Axes::new(1 << 17, [&layout]).err().unwrap().to_string();
        assert!(error.contains("17 axes"), "{error}");
    }

    #[test]
    fn the_grid_has_at_least_one_block_and_no_more_than_the_limit() {
        let blocks = |threads| grid(threads).grid_dim.0;
        assert_eq!([blocks(0), blocks(1), blocks(256), blocks(257), blocks(1 << 40)], [1, 1, 1, 2, 4096]);
    }
}
