//! Columns of one matrix in another.

use crate::ops::simd::SimdFloat;

/// Which columns of one matrix go where in another, with the same number of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[doc(hidden)]
pub struct Columns {
    /// How many.
    pub count: usize,
    /// The first one of them in the matrix that is read.
    pub from: usize,
    /// The first one in the matrix that is written.
    pub to: usize,
}

/// Copies `columns` of x (rows, width) to out (rows, `out_width`).
pub(crate) fn copy_columns<T: SimdFloat>(
    Columns { count, from, to }: Columns,
    (x, width): (&[T], usize),
    (out, out_width): (&mut [T], usize),
) {
    for (out, x) in out.chunks_exact_mut(out_width).zip(x.chunks_exact(width)) {
        out[to..][..count].copy_from_slice(&x[from..][..count]);
    }
}

/// [`copy_columns`] on CUDA, by the kernel of `batch.cu`.
#[cfg(feature = "cuda")]
pub(in crate::ops) mod cuda {
    #![allow(unsafe_code)]

    use candle_core::Result;
    use candle_core::cuda_backend::WrapErr;
    use candle_core::cuda_backend::cudarc::driver::{
        CudaFunction, CudaSlice, CudaStream, DeviceRepr, PushKernelArg,
    };

    use super::Columns;
    use crate::ops::launch::{check_len, grid};

    /// Copies `columns` of x (rows, width) to out (rows, width), each a matrix with its width.
    ///
    /// # Errors
    ///
    /// Fails when a buffer is too short, and with the driver's error.
    pub fn copy_columns<T: DeviceRepr>(
        stream: &CudaStream,
        kernel: &CudaFunction,
        rows: usize,
        Columns { count, from, to }: Columns,
        (x, width): (&CudaSlice<T>, usize),
        (out, out_width): (&mut CudaSlice<T>, usize),
    ) -> Result<()> {
        check_len("the matrix", x.len(), rows * width)?;
        check_len("the wider matrix", out.len(), rows * out_width)?;
        check_len("a row", width, from + count)?;
        check_len("a wider row", out_width, to + count)?;
        let launch = grid(rows * count);
        let sizes = [rows, count, width, from, out_width, to].map(|n| n as u64);
        let mut args = stream.launch_builder(kernel);
        for size in &sizes {
            args.arg(size);
        }
        args.arg(x).arg(out);
        // SAFETY: the arguments are those of columns in batch.cu, measured above.
        unsafe { args.launch(launch) }.w()?;
        Ok(())
    }
}
