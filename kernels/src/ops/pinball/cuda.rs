//! The quantiles as the kernels of `pinball.cu` take them.

#![allow(unsafe_code)]

use candle_core::cuda_backend::cudarc::driver::DeviceRepr;

use super::quantiles::Quantiles;

// SAFETY: C's layout of numbers that can be passed to a kernel by value themselves.
unsafe impl DeviceRepr for Quantiles {}
