//! The scaling of columns, fitted on the training rows alone.

mod features;
mod quantiles;

use std::iter;

use candle_core::{DType, Device, Result, Storage, Tensor, WithDType, bail};
use serde::{Deserialize, Serialize};

use super::transform::{Limited, Transform, range};
use crate::memory;
use crate::ops::kernels::on_cpu;
use crate::stats::{self, Moments};
use quantiles::QuantileNormal;

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

/// The map (x - shift) / scale of a column whose missing values are `fill`, after its transform if it has
/// one, or its quantiles in place of both. The column is rounded as its distance from `origin`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Affine {
    #[serde(default, skip_serializing_if = "is_zero")]
    origin: f64,
    fill: f64,
    shift: f64,
    scale: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    curve: Option<Limited>,
    /// Whether what is scaled is bent to at most [`CLIP`], as in models of format 5; now a network does that.
    #[serde(default, skip_serializing_if = "is_false")]
    is_clipped: bool,
    /// What is inverted lies between these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    limits: Option<[f64; 2]>,
    /// The map itself, if it is by quantiles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    normal: Option<QuantileNormal>,
}

/// How far from 0 a number can be that is clipped smoothly.
const CLIP: f64 = 3.;

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
        Self::fit(x, None, rows, Affine::standard)
    }

    /// As [`standard`](Self::standard), of columns that are transformed before, each as `transform` chooses
    /// by its number and its values over `rows`.
    ///
    /// What is [inverted](Self::invert) reaches no further than these values do, and a tenth of their range:
    /// an exponential of an output that is only a little too large would.
    ///
    /// # Errors
    ///
    /// As [`standard`](Self::standard).
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use taper::data::{Scaling, Transform};
    ///
    /// let y = Tensor::new(&[[1f64], [100.]], &Device::Cpu)?;
    /// let scaling = Scaling::transformed(&y, &[0, 1], |_, _| Some(Transform::Log))?;
    /// assert_eq!(scaling.apply(&y)?.to_vec2::<f64>()?, [[-1.], [1.]]);
    /// let mut predictions = [0., 30.];
    /// scaling.invert(&mut predictions);
    /// assert!((predictions[0] - 10.).abs() < 1e-12 && (predictions[1] - 109.9).abs() < 1e-12);
    /// # Ok::<(), candle_core::Error>(())
    /// ```
    pub fn transformed(
        x: &Tensor,
        rows: &[u32],
        transform: impl Fn(usize, &[f64]) -> Option<Transform>,
    ) -> Result<Self> {
        let mut scaling = Self::standard(x, rows)?;
        let rows = Tensor::new(rows, &Device::Cpu)?;
        let x = x.to_device(&Device::Cpu)?;
        for (i, column) in scaling.columns.iter_mut().enumerate() {
            let values = x.narrow(1, i, 1)?.contiguous()?.index_select(&rows, 0)?.flatten_all()?;
            let values: Vec<f64> = values.to_dtype(DType::F64)?.to_vec1()?;
            if let Some(transform) = transform(i, &values) {
                *column = Affine::transformed(transform, &values);
            }
        }
        Ok(scaling)
    }

    /// The same, but what is [inverted](Self::invert) stays within the range of the values of `x` (n,
    /// columns) over `rows`: the output clamp of `RealMLP` (Holzmüller, Grinsztajn and Steinwart 2024,
    /// "Better by Default"). A column without values has no limits.
    ///
    /// # Errors
    ///
    /// As [`standard`](Self::standard).
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use taper::data::Scaling;
    ///
    /// let counts = Tensor::new(&[[1f64], [3.], [11.]], &Device::Cpu)?;
    /// let scaling = Scaling::standard(&counts, &[0, 1, 2])?.limited(&counts, &[0, 1, 2])?;
    /// let mut predictions = [-9., 0., 9.];
    /// scaling.invert(&mut predictions);
    /// assert_eq!(predictions, [1., 5., 11.]);
    /// # Ok::<(), candle_core::Error>(())
    /// ```
    pub fn limited(mut self, x: &Tensor, rows: &[u32]) -> Result<Self> {
        for (i, column) in self.columns.iter_mut().enumerate() {
            let limits = range(&values_of(x, rows, i)?);
            column.limits = (limits[0] <= limits[1]).then_some(limits);
        }
        Ok(self)
    }

    /// The limits of what is inverted, of each column that has such.
    pub(crate) fn limits(&self) -> impl Iterator<Item = Option<[f64; 2]>> + '_ {
        self.columns.iter().map(|column| column.limits)
    }

    /// Whether what is inverted has limits.
    pub(crate) fn is_limited(&self) -> bool {
        self.columns.iter().any(|column| column.limits.is_some())
    }

    /// The transform of each column.
    pub fn transforms(&self) -> impl Iterator<Item = Option<Transform>> + '_ {
        self.columns.iter().map(|column| column.curve.map(|curve| curve.transform))
    }

    /// Fits what fills missing values and nothing else: the mean of each column of `x` (n, columns) over
    /// `rows`.
    ///
    /// # Errors
    ///
    /// As [`standard`](Self::standard).
    pub fn filling(x: &Tensor, rows: &[u32]) -> Result<Self> {
        Self::fit(x, None, rows, Affine::filling)
    }

    /// Fits the map of each column, which is relative to its origin if there are such.
    fn fit(
        x: &Tensor,
        origins: Option<&[f64]>,
        rows: &[u32],
        affine: fn(Moments, f64) -> Affine,
    ) -> Result<Self> {
        let origins = origins.unwrap_or_default().iter().copied().chain(iter::repeat(0.));
        let columns = moments(x, rows)?.into_iter().zip(origins);
        Ok(Self { columns: columns.map(|(moments, origin)| affine(moments, origin)).collect() })
    }

    /// Maps the matrix `x` (n, columns), whose columns are relative to the same origins as those that were
    /// fitted; the result has its dtype and is on the CPU.
    ///
    /// # Errors
    ///
    /// Fails when `x` is not a matrix of f32 or f64 with the columns that were fitted.
    pub fn apply(&self, x: &Tensor) -> Result<Tensor> {
        match x.dtype() {
            DType::F32 => self.map::<f32, f32>(x, |stored, column| column.map(stored.into())),
            DType::F64 => self.map::<f64, f64>(x, |stored, column| column.map(stored)),
            dtype => bail!("Scaling: x is {dtype:?}, expected F32 or F64"),
        }
    }

    /// Maps the matrix `x` (n, columns) of f32 or f64 whose columns are in their own units, to a matrix of
    /// `dtype`, which is one of these, on the CPU. Of the same numbers it makes the same bits as
    /// [`apply`](Self::apply) of columns of `dtype` that are relative to origins.
    ///
    /// # Errors
    ///
    /// As [`apply`](Self::apply).
    pub(crate) fn apply_to_units(&self, x: &Tensor, dtype: DType) -> Result<Tensor> {
        match (x.dtype(), dtype) {
            (DType::F32, DType::F32) => {
                self.map::<f32, f32>(x, |x, column| column.map_units::<f32>(x.into()))
            }
            (DType::F64, DType::F32) => self.map::<f64, f32>(x, |x, column| column.map_units::<f32>(x)),
            (DType::F32, DType::F64) => {
                self.map::<f32, f64>(x, |x, column| column.map_units::<f64>(x.into()))
            }
            (DType::F64, DType::F64) => self.map::<f64, f64>(x, |x, column| column.map_units::<f64>(x)),
            (dtype, to) => bail!("Scaling: x is {dtype:?} to become {to:?}, expected F32 or F64"),
        }
    }

    /// Maps each element of `x` by `map`, and rounds last.
    fn map<T: WithDType, U: WithDType>(&self, x: &Tensor, map: impl Fn(T, &Affine) -> f64) -> Result<Tensor> {
        if x.rank() != 2 || x.dims()[1] != self.columns.len() {
            bail!("Scaling: x is {:?}, expected (n, {})", x.dims(), self.columns.len())
        }
        let mut scaled = memory::reserve(x.elem_count())
            .map_err(|problem| candle_core::Error::msg(format!("a scaled copy of the data {problem}")))?;
        with_values::<T, _>(x, |values| {
            for row in rows_of(values, self.columns.len()) {
                let map = |(value, column): (&T, &Affine)| U::from_f64(map(*value, column));
                scaled.extend(row.iter().zip(&self.columns).map(map));
            }
        })?;
        Tensor::from_vec(scaled, x.shape(), &Device::Cpu)
    }

    /// Maps scaled rows, in row-major order, back to their own units.
    pub fn invert(&self, values: &mut [f64]) {
        self.invert_each(values, 1);
    }

    /// As [`invert`](Self::invert), where there are `each` values of each column side by side.
    pub(crate) fn invert_each(&self, values: &mut [f64], each: usize) {
        for (values, column) in values.chunks_mut(each.max(1)).zip(self.columns.iter().cycle()) {
            for value in values {
                *value = column.invert(*value);
            }
        }
    }

    /// The reverse of [`invert_each`](Self::invert_each).
    pub(crate) fn scale_each(&self, values: &mut [f64], each: usize) {
        for (values, column) in values.chunks_mut(each.max(1)).zip(self.columns.iter().cycle()) {
            for value in values {
                *value = column.map(*value - column.origin);
            }
        }
    }

    /// The transform of each column with its limits.
    pub(crate) fn curves(&self) -> impl Iterator<Item = Option<Limited>> + '_ {
        self.columns.iter().map(|column| column.curve)
    }

    /// What fills the missing values of each column.
    pub fn fills(&self) -> impl Iterator<Item = f64> + '_ {
        self.columns.iter().map(|column| column.fill)
    }

    /// The number of columns, unless a map is invalid: its numbers are not finite, or its scale is not above
    /// 0.
    pub(crate) fn sound_columns(&self) -> Option<usize> {
        let is_sound = |Affine { origin, fill, shift, scale, curve, limits, normal, .. }: &Affine| {
            let numbers = [origin, fill, shift, scale];
            numbers.into_iter().all(|number| number.is_finite())
                && *scale > 0.
                && curve.is_none_or(|curve| curve.is_sound())
                && limits.is_none_or(|[low, high]| low.is_finite() && high.is_finite() && low <= high)
                && normal.as_ref().is_none_or(QuantileNormal::is_sound)
        };
        self.columns.iter().all(is_sound).then_some(self.columns.len())
    }

    /// Whether columns are clipped.
    pub(crate) fn is_clipped(&self) -> bool {
        self.columns.iter().any(|column| column.is_clipped)
    }

    /// What the scaled numbers of each column are bent to at most; infinity where they are not.
    pub(crate) fn clips(&self) -> impl Iterator<Item = f64> + '_ {
        self.columns.iter().map(|column| if column.is_clipped { CLIP } else { f64::INFINITY })
    }

    /// Whether columns are scaled by their quantiles.
    pub(crate) fn is_by_quantiles(&self) -> bool {
        self.columns.iter().any(|column| column.normal.is_some())
    }

    /// What each column is rounded as its distance from.
    pub(crate) fn origins(&self) -> impl Iterator<Item = f64> + '_ {
        self.columns.iter().map(|column| column.origin)
    }

    /// What is subtracted from each column.
    pub(crate) fn shifts(&self) -> impl Iterator<Item = f64> + '_ {
        self.columns.iter().map(|column| column.shift)
    }

    /// The standard deviation of each column, by which it is divided.
    pub fn scales(&self) -> impl Iterator<Item = f64> + '_ {
        self.columns.iter().map(|column| column.scale)
    }
}

impl Affine {
    /// To mean 0 and standard deviation 1.
    fn standard(stored: Moments, origin: f64) -> Self {
        let (mean, std) = (origin + stored.mean(), stored.std());
        Self {
            origin,
            fill: mean,
            shift: mean,
            scale: if std > 0. { std } else { 1. },
            curve: None,
            is_clipped: false,
            limits: None,
            normal: None,
        }
    }

    /// To mean 0 and standard deviation 1 over `values`, once these are transformed.
    fn transformed(transform: Transform, values: &[f64]) -> Self {
        let moments: Moments = values.iter().map(|value| transform.apply(*value)).collect();
        Self { curve: Some(Limited::new(transform, values)), ..Self::standard(moments, 0.) }
    }

    /// To the column's own units.
    fn filling(stored: Moments, origin: f64) -> Self {
        Self { fill: origin + stored.mean(), shift: 0., scale: 1., ..Self::standard(stored, origin) }
    }

    /// Maps a number that is stored relative to the origin.
    fn map(&self, stored: f64) -> f64 {
        if let Some(normal) = &self.normal {
            return normal.of(if stored.is_nan() { self.fill } else { self.origin + stored });
        }
        let scaled = match self.curve {
            _ if stored.is_nan() => (self.fill - self.shift) / self.scale,
            Some(curve) => (curve.transform.apply(self.origin + stored) - self.shift) / self.scale,
            None => (stored - (self.shift - self.origin)) / self.scale,
        };
        if self.is_clipped { scaled / (1. + (scaled / CLIP).powi(2)).sqrt() } else { scaled }
    }

    /// Maps a scaled number back to the column's own units.
    fn invert(&self, scaled: f64) -> f64 {
        let value = scaled * self.scale + self.shift;
        let value = self.curve.map_or(value, |curve| curve.invert(value));
        self.limits.map_or(value, |[low, high]| value.clamp(low, high))
    }

    /// Maps a number in the column's own units, rounded to `T` as its distance from the origin.
    fn map_units<T: WithDType>(&self, value: f64) -> f64 {
        self.map(T::from_f64(value - self.origin).to_f64())
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(number: &f64) -> bool {
    *number == 0.
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

/// The values of a column of `x` in `rows`, without those that are missing.
fn values_of(x: &Tensor, rows: &[u32], column: usize) -> Result<Vec<f64>> {
    let rows = Tensor::new(rows, x.device())?;
    let values = x.narrow(1, column, 1)?.contiguous()?.index_select(&rows, 0)?.flatten_all()?;
    let mut values: Vec<f64> = values.to_dtype(DType::F64)?.to_vec1()?;
    values.retain(|value| !value.is_nan());
    Ok(values)
}

/// The rows of a matrix with `columns` columns, possibly none.
fn rows_of<T>(values: &[T], columns: usize) -> impl Iterator<Item = &[T]> {
    values.chunks(columns.max(1))
}

/// Lends the elements of `x` in row-major order, without a copy if `x` is contiguous on the CPU.
pub(super) fn with_values<T: WithDType, R>(x: &Tensor, use_values: impl FnOnce(&[T]) -> R) -> Result<R> {
    let x = x.to_device(&Device::Cpu)?.contiguous()?;
    let (storage, layout) = x.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else { bail!("Scaling: x is not on the CPU") };
    Ok(use_values(on_cpu(storage, layout)?))
}

#[cfg(test)]
mod tests;
