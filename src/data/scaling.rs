//! The scaling of columns, fitted on the training rows alone.

use candle_core::{DType, Device, Result, Storage, Tensor, WithDType, bail};
use serde::{Deserialize, Serialize};

use crate::ops::kernels::on_cpu;
use crate::stats::{self, Moments};

/// Whether columns are scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// Data from files as by `Standard`, synthetic data as by `None`.
    #[default]
    Auto,
    /// Each column to mean 0 and standard deviation 1 over the training rows.
    Standard,
    /// Columns stay as they are.
    None,
}

/// An affine map of each column of a matrix, which also fills missing values (NaN).
///
/// scikit-learn's equivalents are `StandardScaler` and then `SimpleImputer`, or `SimpleImputer` alone.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use taper::data::Scaling;
///
/// let x = Tensor::new(&[[1f64, 5.], [3., 5.], [1e6, f64::NAN]], &Device::Cpu)?;
/// let scaling = Scaling::standard(&x, &[0, 1])?;
/// let scaled = scaling.apply(&x)?.to_vec2::<f64>()?;
/// assert_eq!(scaled[..2], [[-1., 0.], [1., 0.]]);
/// assert_eq!(scaled[2], [1e6 - 2., 0.]);
/// # Ok::<(), candle_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scaling {
    columns: Vec<Affine>,
}

/// The map (x - shift) / scale of a column whose missing values are `fill`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Affine {
    fill: f64,
    shift: f64,
    scale: f64,
}

impl Scaling {
    /// Fits the map of each column of `x` (n, columns) to mean 0 and standard deviation 1 (of the population)
    /// over `rows`; missing values become 0. A column that is constant there has scale 1, and one without
    /// values mean 0.
    ///
    /// The sums are in `f64`.
    ///
    /// # Errors
    ///
    /// Fails when `x` is not a matrix of f32 or f64, or lacks one of the rows.
    pub fn standard(x: &Tensor, rows: &[u32]) -> Result<Self> {
        let affine = |column: Moments| {
            let (mean, std) = (column.mean(), column.std());
            Affine { fill: mean, shift: mean, scale: if std > 0. { std } else { 1. } }
        };
        Ok(Self { columns: moments(x, rows)?.into_iter().map(affine).collect() })
    }

    /// Fits what fills missing values and nothing else: the mean of each column of `x` (n, columns) over
    /// `rows`.
    ///
    /// # Errors
    ///
    /// As [`standard`](Self::standard).
    pub fn filling(x: &Tensor, rows: &[u32]) -> Result<Self> {
        let affine = |column: Moments| Affine { fill: column.mean(), shift: 0., scale: 1. };
        Ok(Self { columns: moments(x, rows)?.into_iter().map(affine).collect() })
    }

    /// Maps the matrix `x` (n, columns); the result has its dtype and is on the CPU.
    ///
    /// # Errors
    ///
    /// Fails when `x` is not a matrix of f32 or f64 with the columns that were fitted.
    pub fn apply(&self, x: &Tensor) -> Result<Tensor> {
        if x.rank() != 2 || x.dims()[1] != self.columns.len() {
            bail!("Scaling: x is {:?}, expected (n, {})", x.dims(), self.columns.len())
        }
        match x.dtype() {
            DType::F32 => self.apply_to::<f32>(x),
            DType::F64 => self.apply_to::<f64>(x),
            dtype => bail!("Scaling: x is {dtype:?}, expected F32 or F64"),
        }
    }

    fn apply_to<T: WithDType>(&self, x: &Tensor) -> Result<Tensor> {
        let mut scaled = Vec::with_capacity(x.elem_count());
        with_values::<T, _>(x, |values| {
            for row in rows_of(values, self.columns.len()) {
                let map = |(value, column): (&T, &Affine)| T::from_f64(column.map(value.to_f64()));
                scaled.extend(row.iter().zip(&self.columns).map(map));
            }
        })?;
        Tensor::from_vec(scaled, x.shape(), &Device::Cpu)
    }

    /// Maps scaled rows, in row-major order, back to their own units.
    pub fn invert(&self, values: &mut [f64]) {
        for (value, column) in values.iter_mut().zip(self.columns.iter().cycle()) {
            *value = *value * column.scale + column.shift;
        }
    }

    /// What fills the missing values of each column.
    pub fn fills(&self) -> impl Iterator<Item = f64> + '_ {
        self.columns.iter().map(|column| column.fill)
    }

    /// The number of columns, unless a map is invalid: its numbers are not finite, or its scale is not above
    /// 0.
    pub(crate) fn sound_columns(&self) -> Option<usize> {
        let is_sound = |Affine { fill, shift, scale }: &Affine| {
            fill.is_finite() && shift.is_finite() && scale.is_finite() && *scale > 0.
        };
        self.columns.iter().all(is_sound).then_some(self.columns.len())
    }

    /// The standard deviation of each column, by which it is divided.
    pub fn scales(&self) -> impl Iterator<Item = f64> + '_ {
        self.columns.iter().map(|column| column.scale)
    }
}

impl Affine {
    fn map(self, value: f64) -> f64 {
        let value = if value.is_nan() { self.fill } else { value };
        (value - self.shift) / self.scale
    }
}

fn moments(x: &Tensor, rows: &[u32]) -> Result<Vec<Moments>> {
    let (n, columns) = x.dims2()?;
    if let Some(row) = rows.iter().find(|&&row| row as usize >= n) {
        bail!("Scaling: row {row} of {n}, expected one below")
    }
    match x.dtype() {
        DType::F32 => with_values::<f32, _>(x, |values| stats::of_columns(values, columns, rows)),
        DType::F64 => with_values::<f64, _>(x, |values| stats::of_columns(values, columns, rows)),
        dtype => bail!("Scaling: x is {dtype:?}, expected F32 or F64"),
    }
}

/// The rows of a matrix with `columns` columns, possibly none.
fn rows_of<T>(values: &[T], columns: usize) -> impl Iterator<Item = &[T]> {
    values.chunks(columns.max(1))
}

/// Lends the elements of `x` in row-major order, without a copy if `x` is contiguous on the CPU.
fn with_values<T: WithDType, R>(x: &Tensor, use_values: impl FnOnce(&[T]) -> R) -> Result<R> {
    let x = x.to_device(&Device::Cpu)?.contiguous()?;
    let (storage, layout) = x.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else { bail!("Scaling: x is not on the CPU") };
    Ok(use_values(on_cpu(storage, layout)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(rows: &[[f64; 2]]) -> Tensor {
        Tensor::from_slice(rows.as_flattened(), (rows.len(), 2), &Device::Cpu).unwrap()
    }

    #[test]
    fn constant_columns_become_zero_and_missing_values_the_mean() {
        let x = matrix(&[[0.1, f64::NAN], [0.1, 2.], [0.1, 4.]]);
        let scaled = Scaling::standard(&x, &[0, 1, 2]).unwrap().apply(&x).unwrap();
        assert_eq!(scaled.to_vec2::<f64>().unwrap(), [[0., 0.], [0., -1.], [0., 1.]]);
        let filled = Scaling::filling(&x, &[1, 2]).unwrap().apply(&x).unwrap();
        assert_eq!(filled.to_vec2::<f64>().unwrap(), [[0.1, 3.], [0.1, 2.], [0.1, 4.]]);
    }

    #[test]
    fn columns_without_a_value_become_zero() {
        let x = matrix(&[[1., f64::NAN], [3., f64::NAN]]);
        let scaled = Scaling::standard(&x, &[0, 1]).unwrap().apply(&x).unwrap();
        assert_eq!(scaled.to_vec2::<f64>().unwrap(), [[-1., 0.], [1., 0.]]);
    }

    #[test]
    fn a_large_mean_does_not_cancel() {
        let rows: Vec<_> = (0..100).map(|i| [1e9 + f64::from(i % 2), 0.]).collect();
        let x = matrix(&rows);
        let scaling = Scaling::standard(&x, &(0..100).collect::<Vec<_>>()).unwrap();
        assert_eq!(scaling.scales().collect::<Vec<_>>(), [0.5, 1.]);
    }

    #[test]
    fn inverting_gives_back_the_units() {
        let x = matrix(&[[1., -7.], [2., 9.], [6., 3.]]);
        let scaling = Scaling::standard(&x, &[0, 1]).unwrap();
        let mut values: Vec<f64> = scaling.apply(&x).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        scaling.invert(&mut values);
        assert_eq!(values, [1., -7., 2., 9., 6., 3.]);
    }

    #[test]
    fn views_and_single_precision_are_scaled() {
        let x = matrix(&[[1., 10.], [3., 30.]]).to_dtype(DType::F32).unwrap().t().unwrap();
        let scaled = Scaling::standard(&x, &[0, 1]).unwrap().apply(&x).unwrap();
        assert_eq!(scaled.to_vec2::<f32>().unwrap(), [[-1., -1.], [1., 1.]]);
    }

    #[test]
    fn other_rows_columns_and_dtypes_are_rejected() {
        let x = matrix(&[[1., 2.]]);
        let message = |result: Result<Scaling>| result.unwrap_err().to_string();
        assert!(message(Scaling::standard(&x, &[1])).contains("row 1 of 1"));
        assert!(message(Scaling::standard(&x.to_dtype(DType::U32).unwrap(), &[0])).contains("x is U32"));
        let scaling = Scaling::standard(&x, &[0]).unwrap();
        let wrong = scaling.apply(&x.t().unwrap()).unwrap_err().to_string();
        assert!(wrong.contains("x is [2, 1], expected (n, 2)"), "{wrong}");
    }
}
