//! Data that follow a known linear law.

use candle_core::{DType, Device, Result, Tensor, WithDType, bail};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::data::Dataset;

/// Draws `rows` samples of y = x w + `noise` e from `rng`, where x, w and e are standard normal.
///
/// x is (rows, features), y is (rows, 1), of `dtype`, which is `F32` or `F64`. The weights w are drawn first,
/// then row by row x and e, in `f64`: the same stream gives the same data up to rounding in either dtype, and
/// asking for fewer rows gives the first ones of more.
///
/// # Errors
///
/// Fails when `dtype` is neither, or the device has no memory left.
///
/// # Examples
///
/// ```
/// use candle_core::{DType, Device};
/// use taper::data::synthetic;
/// use taper::random::{Stream, generator};
///
/// let data = synthetic(100, 8, 0.1, generator(1, Stream::Data, 0), DType::F32, &Device::Cpu)?;
/// assert_eq!((data.rows(), data.features(), data.targets()), (100, 8, 1));
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn synthetic(
    rows: usize,
    features: usize,
    noise: f64,
    rng: impl Rng,
    dtype: DType,
    device: &Device,
) -> Result<Dataset> {
    match dtype {
        DType::F32 => sample::<f32>(rows, features, noise, rng, device),
        DType::F64 => sample::<f64>(rows, features, noise, rng, device),
        _ => bail!("synthetic: dtype is {dtype:?}, expected F32 or F64"),
    }
}

fn sample<T: WithDType>(
    rows: usize,
    features: usize,
    noise: f64,
    mut rng: impl Rng,
    device: &Device,
) -> Result<Dataset> {
    let (mut x, mut y) = (Vec::new(), Vec::new());
    let reserved =
        rows.checked_mul(features).map(|len| x.try_reserve_exact(len).and(y.try_reserve_exact(rows)));
    if !matches!(reserved, Some(Ok(()))) {
        bail!("synthetic: {rows} rows x {features} features do not fit in memory")
    }
    let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
    let weights: Vec<f64> = (0..features).map(|_| normal()).collect();
    for _ in 0..rows {
        let mut target = 0.;
        for weight in &weights {
            let value = normal();
            target += value * weight;
            x.push(T::from_f64(value));
        }
        y.push(T::from_f64(target + noise * normal()));
    }
    Dataset::new(Tensor::from_vec(x, (rows, features), device)?, Tensor::from_vec(y, (rows, 1), device)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Stream, generator};

    fn data(rows: usize, noise: f64, dtype: DType) -> Dataset {
        synthetic(rows, 5, noise, generator(3, Stream::Data, 0), dtype, &Device::Cpu).unwrap()
    }

    fn values(x: &Tensor) -> Vec<f64> {
        x.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap()
    }

    #[test]
    fn fewer_rows_are_the_first_of_more() {
        let (few, many) = (data(10, 0.1, DType::F64), data(20, 0.1, DType::F64));
        assert_eq!(values(few.x()), values(many.x())[..50]);
        assert_eq!(values(few.y()), values(many.y())[..10]);
    }

    #[test]
    fn both_dtypes_hold_the_same_data() {
        let (single, double) = (data(50, 0.1, DType::F32), data(50, 0.1, DType::F64));
        for (a, b) in values(single.x()).iter().zip(values(double.x())) {
            assert_eq!(*a, f64::from(b as f32));
        }
    }

    /// The targets with and without noise differ by noise times a standard normal, whose moments are known.
    #[test]
    fn the_noise_has_the_mean_and_the_size_asked_for() {
        let n = 20_000;
        let (clean, noisy) = (data(n, 0., DType::F64), data(n, 0.1, DType::F64));
        let pairs = values(clean.y()).into_iter().zip(values(noisy.y()));
        let noise: Vec<f64> = pairs.map(|(clean, noisy)| noisy - clean).collect();
        let mean = noise.iter().sum::<f64>() / n as f64;
        let square = noise.iter().map(|e| e * e).sum::<f64>() / n as f64;
        println!("mean {mean}, expected 0; mean square {square}, expected 0.01");
        assert!(mean.abs() <= 5. * 0.1 / (n as f64).sqrt());
        assert!((square / 0.01 - 1.).abs() <= 5. * (2. / n as f64).sqrt());
    }

    #[test]
    fn what_does_not_fit_in_memory_is_refused() {
        for features in [1 << 50, usize::MAX] {
            let rng = generator(1, Stream::Data, 0);
            let error = synthetic(1 << 20, features, 0., rng, DType::F32, &Device::Cpu).unwrap_err();
            assert!(error.to_string().contains("do not fit in memory"), "{error}");
        }
    }

    #[test]
    fn an_integer_dtype_is_refused() {
        let error = synthetic(2, 2, 0., generator(1, Stream::Data, 0), DType::U32, &Device::Cpu).unwrap_err();
        assert!(error.to_string().contains("synthetic: dtype is U32"), "{error}");
    }
}
