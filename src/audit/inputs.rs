//! The inputs of the cases, deterministic and away from ties and zeros, and cases in f32.

use candle_core::{DType, Device, Result, Tensor};

use crate::gradcheck::{Case, DTypePolicy, GradCheck};

/// Distinct f64 numbers in (-0.9, 0.9), none of them close to zero.
///
/// Tensors of the same shape differ in `salt`.
pub(super) fn numbers(shape: &[usize], salt: u8) -> Result<Tensor> {
    let n: usize = shape.iter().product();
    // The multiples of an irrational number are spread evenly, and no two coincide.
    let spread = |i: usize| (i as f64 * 0.754_877_666 + f64::from(salt) * 0.569_840_291 + 0.37).fract();
    let away_from_zero = |u: f64| if u < 0.5 { 1.6 * u - 0.9 } else { 1.6 * u - 0.7 };
    let values: Vec<f64> = (0..n).map(|i| away_from_zero(spread(i))).collect();
    Tensor::from_vec(values, shape, &Device::Cpu)
}

/// Distinct f64 numbers in (0.6, 2.4).
pub(super) fn positive(shape: &[usize], salt: u8) -> Result<Tensor> {
    numbers(shape, salt)?.affine(1.0, 1.5)
}

/// Indices.
pub(super) fn ids(ids: &[u32], shape: &[usize]) -> Result<Tensor> {
    Tensor::from_slice(ids, shape, &Device::Cpu)
}

/// A case with its float inputs in f32 and looser tolerances, for a function that does not take f64.
pub(super) fn case_in_f32<F>(name: &str, inputs: &[Tensor], f: F) -> Result<Case>
where
    F: Fn(&[Tensor]) -> Result<Tensor> + Send + Sync + 'static,
{
    let single = |x: &Tensor| if x.dtype() == DType::F64 { x.to_dtype(DType::F32) } else { Ok(x.clone()) };
    let inputs = inputs.iter().map(single).collect::<Result<_>>()?;
    Ok(Case::new(name, inputs, f).settings(GradCheck::new().dtypes(DTypePolicy::Loosen)))
}
