//! The one door into `ops` for code that runs networks without a graph: the kernels of the operations on
//! slices, and on CUDA buffers.

pub(crate) use crate::ops::elements::on_cpu;
pub(crate) use crate::ops::linear::gemm::{
    Epilogue, Matrix, PackedMatrix, ROW_MULTIPLE, Write, column_sums, gemm, transpose,
};
pub(crate) use crate::ops::scalar::{Element, Scalar};

/// Vectors of the machine's best instruction set.
pub(crate) mod simd {
    pub(crate) use crate::ops::simd::{CACHE_LINE_BYTES, Simd, SimdFloat, WithSimd, run};
}

/// Kernels and launch helpers on CUDA.
#[cfg(feature = "cuda")]
pub(crate) mod cuda {
    pub(crate) use crate::ops::elements::on_cuda;
    pub(crate) use crate::ops::launch::{BLOCK, Kernel, PACK_BYTES, check_len, grid, kernel};

    /// The parts of a layer beside its products.
    pub(crate) mod linear {
        pub(crate) use crate::ops::linear::cuda::{
            COLUMN_SUMS, RELU_BACKWARD, add_bias, add_bias_kernel, column_sums, relu_backward,
        };
    }
}
