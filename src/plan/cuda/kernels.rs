//! The kernels of a plan, and the element types that they exist for.

#![allow(unsafe_code)]

use std::collections::HashMap;
use std::fmt::Debug;
use std::mem::{Discriminant, discriminant};

use candle_core::Result;
use candle_core::cuda_backend::cudarc::cublas::{CudaBlas, Gemm, GemmConfig};
use candle_core::cuda_backend::cudarc::driver::{CudaFunction, CudaSlice, DeviceRepr, ValidAsZeroBits};
use candle_core::cuda_backend::{CudaDType, CudaDevice, WrapErr};

use crate::ops::kernels::Scalar;
use crate::ops::kernels::cuda::{ADD, CHECK, COLUMNS, ENCODE, GATHER, Kernel, dropout, halting, linear};
use crate::ops::{Activation, Loss, MapKind, NormKind};
use crate::optim::{ADD_SQUARES, OptimizerConfig, Pass};

/// The type of the elements of a plan on CUDA.
pub(crate) trait Element: Scalar + CudaDType + DeviceRepr + ValidAsZeroBits + Debug + Send {
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
                // SAFETY: `Cuda::column_major_gemm` compares the sizes with the buffers.
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
    pub(super) add: CudaFunction,
    pub(super) columns: CudaFunction,
    pub(super) encode: CudaFunction,
    pub(super) expected_loss: CudaFunction,
    pub(super) dropout: CudaFunction,
    pub(super) column_sums: CudaFunction,
    pub(super) relu_backward: CudaFunction,
    pub(super) update: CudaFunction,
    pub(super) add_squares: CudaFunction,
    /// By the kind of pass, whatever its factor.
    pub(super) passes: HashMap<Discriminant<Pass>, CudaFunction>,
    pub(super) activations: HashMap<Activation, CudaFunction>,
    /// Each function's own, and that of its derivative.
    pub(super) functions: HashMap<MapKind, [CudaFunction; 2]>,
    /// Forward and backward.
    pub(super) norms: HashMap<NormKind, [CudaFunction; 2]>,
    /// By the name of the loss.
    pub(super) losses: HashMap<&'static str, CudaFunction>,
}

impl Kernels {
    pub(super) fn new(device: &CudaDevice, suffix: &str, optimizer: &OptimizerConfig) -> Result<Self> {
        let load = |kernel: Kernel| kernel.load(device, suffix);
        let activation = |activation| Ok((activation, load(linear::add_bias_kernel(activation))?));
        let function = |function: MapKind| {
            let [forward, backward] = function.kernels().map(load);
            Ok((function, [forward?, backward?]))
        };
        let norm = |norm: NormKind| {
            let [forward, backward] = norm.kernels().map(load);
            Ok((norm, [forward?, backward?]))
        };
        let pass = |pass: Pass| Ok((discriminant(&pass), load(pass.kernel())?));
        let loss = |loss: Loss| Ok((loss.name(), load(loss.kernel())?));
        Ok(Self {
            gather: load(GATHER)?,
            check: load(CHECK)?,
            add: load(ADD)?,
            columns: load(COLUMNS)?,
            encode: load(ENCODE)?,
            expected_loss: load(halting::KERNEL)?,
            dropout: load(dropout::KERNEL)?,
            column_sums: load(linear::COLUMN_SUMS)?,
            relu_backward: load(linear::RELU_BACKWARD)?,
            update: load(optimizer.kernel())?,
            add_squares: load(ADD_SQUARES)?,
            passes: Pass::ALL.into_iter().map(pass).collect::<Result<_>>()?,
            activations: Activation::ALL.into_iter().map(activation).collect::<Result<_>>()?,
            functions: MapKind::ALL.into_iter().map(function).collect::<Result<_>>()?,
            norms: NormKind::ALL.into_iter().map(norm).collect::<Result<_>>()?,
            losses: Loss::ALL.into_iter().map(loss).collect::<Result<_>>()?,
        })
    }
}
