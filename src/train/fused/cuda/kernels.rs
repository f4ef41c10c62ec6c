//! The kernels of a training step, and the element types that there are kernels for.

#![allow(unsafe_code)]

use std::fmt::Debug;

use candle_core::Result;
use candle_core::cuda_backend::cudarc::cublas::{CudaBlas, Gemm, GemmConfig};
use candle_core::cuda_backend::cudarc::driver::{CudaFunction, CudaSlice, DeviceRepr, ValidAsZeroBits};
use candle_core::cuda_backend::{CudaDType, CudaDevice, WrapErr};

use crate::ops::kernels::cuda::{kernel, linear};
use crate::ops::kernels::{Activation, Scalar};
use crate::optim::adamw_cuda;

/// The type of the elements of a network that is trained on CUDA.
pub(in crate::train) trait Element:
    Scalar + CudaDType + DeviceRepr + ValidAsZeroBits + Debug + Send
{
    /// How the names of its kernels end.
    const SUFFIX: &'static str;

    fn gemm(
        blas: &CudaBlas,
        product: GemmConfig<Self>,
        a: &CudaSlice<Self>,
        b: &CudaSlice<Self>,
        c: &mut CudaSlice<Self>,
    ) -> Result<()>;
}

macro_rules! element {
    ($type:ident, $suffix:literal) => {
        impl Element for $type {
            const SUFFIX: &'static str = $suffix;

            fn gemm(
                blas: &CudaBlas,
                product: GemmConfig<Self>,
                a: &CudaSlice<Self>,
                b: &CudaSlice<Self>,
                c: &mut CudaSlice<Self>,
            ) -> Result<()> {
                // SAFETY: `Cuda::product` compares the sizes with the buffers.
                unsafe { blas.gemm(product, a, b, c) }.w()
            }
        }
    };
}

element!(f32, "f32");
element!(f64, "f64");

/// The kernels, looked up once.
#[derive(Debug)]
pub(super) struct Kernels {
    pub(super) gather: CudaFunction,
    pub(super) check: CudaFunction,
    pub(super) add_bias: CudaFunction,
    pub(super) add_bias_relu: CudaFunction,
    pub(super) bias_grad: CudaFunction,
    pub(super) bias_grad_relu: CudaFunction,
    pub(super) mse: CudaFunction,
    pub(super) cos: CudaFunction,
    pub(super) cos_grad: CudaFunction,
    pub(super) adamw: CudaFunction,
}

impl Kernels {
    pub(super) fn new(device: &CudaDevice, suffix: &str) -> Result<Self> {
        let step = |name| kernel!("step", STEP, name).load(device, suffix);
        Ok(Self {
            gather: step("gather")?,
            check: step("check")?,
            add_bias: linear::add_bias_kernel(Activation::Identity).load(device, suffix)?,
            add_bias_relu: linear::add_bias_kernel(Activation::Relu).load(device, suffix)?,
            bias_grad: linear::COLUMN_SUMS.load(device, suffix)?,
            bias_grad_relu: linear::RELU_BACKWARD.load(device, suffix)?,
            mse: kernel!("mse", MSE, "mse_step").load(device, suffix)?,
            cos: kernel!("cos", COS, "cos").load(device, suffix)?,
            cos_grad: kernel!("cos", COS, "cos_grad_1").load(device, suffix)?,
            adamw: adamw_cuda::KERNEL.load(device, suffix)?,
        })
    }
}
