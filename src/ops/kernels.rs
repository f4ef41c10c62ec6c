//! The one door into `ops` for code that runs networks without a graph: the kernels of the operations on
//! slices, and on CUDA buffers.

// Some of them wait for their first caller outside `ops`.
#![allow(unused_imports)]

pub(crate) use crate::ops::elements::on_cpu;
pub(crate) use crate::ops::linear::activation::Activation;
pub(crate) use crate::ops::linear::gemm::{
    Epilogue, Matrix, PackedMatrix, ROW_MULTIPLE, Write, column_sums, gemm, relu_backward, transpose,
};
pub(crate) use crate::ops::linear::sizes::Sizes;
pub(crate) use crate::ops::scalar::{Element, Scalar};

/// Vectors of the machine's best instruction set.
pub(crate) mod simd {
    pub(crate) use crate::ops::simd::{CACHE_LINE_BYTES, Simd, SimdFloat, WithSimd, run};
}

/// The cosine and its gradient.
pub(crate) mod cos {
    pub(crate) use crate::ops::cos::cpu::{backward, forward};
}

/// The affine layer and its gradients.
pub(crate) mod linear {
    pub(crate) use crate::ops::linear::cpu::{forward, input_grad, input_grad_relu_backward, weight_grad};
}

/// The mean squared error and its gradient.
pub(crate) mod mse {
    pub(crate) use crate::ops::mse::cpu::mean_and_grad;
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
