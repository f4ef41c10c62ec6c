//! Dropout by a counter: the mask is a function of a seed and of positions, and is never stored.

pub(super) mod cpu;
#[cfg(feature = "cuda")]
pub(super) mod cuda;

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, WithDType, bail};

use crate::ops::elements::{on_cpu, with_float};
use crate::ops::operands;

/// Replaces elements of `x` by 0, each with probability `rate`, and divides the others by 1 - `rate`, so that
/// the expected value stays (Srivastava and others, 2014).
///
/// Which elements stay is a function of `seed` and of their positions in row-major order alone, on every
/// device and in every dtype: the i-th stays if the i-th number of the generator `SplitMix64` (Steele, Lea and
/// Flood, 2014) with this seed, as a fraction of 2^64, is not below the rate. [`seed_of`] makes a seed for
/// each step of something. dz/dx is 1 / (1 - rate) where x stays, else 0, by the same mask, computed again.
/// Operands of 16 bits are widened to `f32`, and the result is rounded once. PyTorch's equivalent is
/// `torch.nn.functional.dropout`, whose masks come from a generator with a state.
///
/// # Errors
///
/// Fails when `x` is not floating-point, or the rate is not from 0 to below 1.
///
/// # Examples
///
/// ```
/// # use taper_kernels as taper;
/// use candle_core::{Device, Var};
///
/// let x = Var::new(&[1f32, 2., 3., 4., 5.], &Device::Cpu)?;
/// let z = taper::ops::dropout(&x, 0.5, 1)?;
/// assert_eq!(z.to_vec1::<f32>()?, [2., 4., 6., 0., 0.]);
/// assert_eq!(taper::ops::dropout(&x, 0.5, 1)?.to_vec1::<f32>()?, z.to_vec1::<f32>()?);
///
/// let grads = z.sum_all()?.backward()?;
/// assert_eq!(grads.get(&x).unwrap().to_vec1::<f32>()?, [2., 2., 2., 0., 0.]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn dropout(x: &Tensor, rate: f64, seed: u64) -> Result<Tensor> {
    operands::check("dropout", x)?;
    if !(0. ..1.).contains(&rate) {
        bail!("dropout: the rate is {rate}, expected one from 0 to below 1")
    }
    operands::widened([x], |[x]| x.contiguous()?.apply_op1(Dropout { rate, seed }))
}

/// The seed of the `number`th of some things under the seed of all, from 0: a number of `SplitMix64` itself.
pub fn seed_of(seed: u64, number: u64) -> u64 {
    cpu::number_at(seed, number)
}

/// Numbers below this one stand for what is dropped.
fn threshold(rate: f64) -> u64 {
    // 2^64 times the rate, which is exact but for the last bits of a tiny one.
    #[allow(clippy::cast_sign_loss)]
    let threshold = (rate * 2f64.powi(64)) as u64;
    threshold
}

/// z = x m with m = 1 / (1 - rate) or 0; dz/dx = m.
#[derive(Debug, Clone, Copy)]
#[doc(hidden)]
pub struct Dropout {
    /// From 0 to below 1.
    pub rate: f64,
    pub seed: u64,
}

impl CustomOp1 for Dropout {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let z = with_float!("dropout", x, T => {
            let x = on_cpu::<T>(x, layout)?;
            let mut z = vec![T::default(); x.len()];
            cpu::forward(*self, x, &mut z);
            T::to_cpu_storage_owned(z)
        });
        Ok((z, layout.shape().clone()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, x: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        Ok((cuda::dropped(*self, x, layout)?, layout.shape().clone()))
    }

    fn bwd(&self, _x: &Tensor, _z: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        grad.contiguous()?.apply_op1(*self).map(Some)
    }
}

#[cfg(test)]
mod tests;
