//! Means of the targets in place of categories, fitted on the training rows alone.

use std::collections::HashSet;

use candle_core::{DType, Device, Result, Tensor, WithDType, bail};
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::Dataset;
use super::feature::FeatureKind;
use super::kfold::KFold;
use super::scaling::with_values;
use crate::memory;
use crate::stats::Moments;

/// The parts of the rows to train on, each of which is encoded by the others.
const FOLDS: usize = 5;

/// The features of text columns of many values: of each value, how far the mean target of its rows is from
/// that of all, as far as it can be trusted.
///
/// With n rows of a value whose targets have the mean y, among rows of the mean Y, the feature is
///
/// ```text
/// n / (n + m) (y - Y),   m = variance within values / variance between values
/// ```
///
/// which is the best linear prediction of a one-way random effects model; the variances are those of the
/// analysis of variance (Searle, Casella and `McCulloch` 1992, "Variance Components", section 3.6). Where
/// values differ by no more than chance makes them, m is infinite and the feature 0. It is 0 of a value that
/// no row has. scikit-learn's equivalent is `TargetEncoder(smooth=m)`, less the mean Y. (Its `smooth="auto"`
/// takes the variance within each value alone, and so trusts a single row fully.)
///
/// The rows that it is fitted on are encoded by others: in five parts, each by what is fitted on the other
/// four, as by `TargetEncoder.fit_transform`. By their own targets they would tell the network the answer.
/// A missing value is a value of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CategoryMeans(Vec<Encoded>);

/// What a feature of codes becomes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Encoded {
    /// The index of the feature.
    feature: usize,
    /// The mean target of all rows.
    mean: f64,
    /// What each code becomes, and last a missing value.
    differences: Vec<f64>,
}

/// The rows that encode others, and those others.
type Part = (Vec<u32>, Vec<u32>);

/// A feature of codes with the targets that it is encoded by, row by row.
struct Coded {
    feature: usize,
    /// The codes; of a missing value it is `values`.
    codes: Vec<usize>,
    values: usize,
    targets: Vec<f64>,
}

impl CategoryMeans {
    /// Encodes the codes among the features of `data`, f32 or f64 on the CPU, by `rows`: these by each other
    /// in parts that `rng` divides, in which groups stay together, and all others by all of them. Without
    /// codes there is nothing to do.
    ///
    /// Fails when `data` lacks one of the rows.
    pub(crate) fn encode(
        data: &Dataset,
        rows: &[u32],
        rng: &mut impl Rng,
    ) -> Result<(Dataset, Option<Self>)> {
        let kinds = data.kinds().unwrap_or_default().iter().enumerate();
        let is_code = |(feature, kind): (usize, &FeatureKind)| match *kind {
            FeatureKind::Code { values, target } => Some((feature, values, target)),
            _ => None,
        };
        let features: Vec<_> = kinds.filter_map(is_code).collect();
        if features.is_empty() {
            return Ok((data.clone(), None));
        }
        if let Some(row) = rows.iter().find(|&&row| row as usize >= data.rows()) {
            bail!("CategoryMeans: row {row} of {}, expected one below", data.rows())
        }
        let parts = parts(data, rows, rng);
        match data.x().dtype() {
            DType::F32 => Self::encode_as::<f32>(data, &features, rows, &parts),
            DType::F64 => Self::encode_as::<f64>(data, &features, rows, &parts),
            dtype => bail!("CategoryMeans: x is {dtype:?}, expected F32 or F64"),
        }
    }

    /// As [`encode`](Self::encode), of `features` with their numbers of values and their targets.
    fn encode_as<T: WithDType>(
        data: &Dataset,
        features: &[(usize, usize, usize)],
        rows: &[u32],
        parts: &[Part],
    ) -> Result<(Dataset, Option<Self>)> {
        let (width, mut means) = (data.features(), Vec::new());
        let mut x = with_values::<T, _>(data.x(), copy)??;
        for &(feature, values, target) in features {
            let targets = data.y().narrow(1, target, 1)?.flatten_all()?.to_dtype(DType::F64)?.to_vec1()?;
            let codes =
                x.iter().skip(feature).step_by(width).map(|code| place(code.to_f64(), values)).collect();
            let (encoded, column) = Coded { feature, codes, values, targets }.encode(rows, parts);
            for (value, encoded) in x.iter_mut().skip(feature).step_by(width).zip(column) {
                *value = T::from_f64(encoded);
            }
            means.push(encoded);
        }
        let x = Tensor::from_vec(x, data.x().shape(), &Device::Cpu)?;
        Ok((data.clone().with_x(x)?, Some(Self(means))))
    }

    /// Encodes the codes of the matrix `x` (n, features), f32 or f64 on the CPU.
    ///
    /// Fails when `x` lacks one of the features.
    pub(crate) fn apply(&self, x: &Tensor) -> Result<Tensor> {
        match x.dtype() {
            DType::F32 => self.apply_as::<f32>(x),
            DType::F64 => self.apply_as::<f64>(x),
            dtype => bail!("CategoryMeans: x is {dtype:?}, expected F32 or F64"),
        }
    }

    fn apply_as<T: WithDType>(&self, x: &Tensor) -> Result<Tensor> {
        let (_, features) = x.dims2()?;
        let mut encoded = with_values::<T, _>(x, copy)??;
        for Encoded { feature, differences, .. } in &self.0 {
            if *feature >= features {
                bail!("CategoryMeans: x is {:?}, expected feature {feature}", x.dims())
            }
            for value in encoded.iter_mut().skip(*feature).step_by(features) {
                let place = place(value.to_f64(), differences.len() - 1);
                *value = T::from_f64(differences.get(place).copied().unwrap_or_default());
            }
        }
        Tensor::from_vec(encoded, x.shape(), &Device::Cpu)
    }

    /// What each code of `feature` becomes, and last a missing value; nothing of a feature that it leaves as
    /// it is.
    pub(crate) fn of_feature(&self, feature: usize) -> &[f64] {
        let encoded = self.0.iter().find(|encoded| encoded.feature == feature);
        encoded.map_or(&[], |encoded| &encoded.differences)
    }

    /// The index of each feature that it encodes with the number of its codes, unless a number is not finite.
    pub(crate) fn sound_features(&self) -> Option<Vec<(usize, usize)>> {
        let sound = |Encoded { feature, mean, differences }: &Encoded| {
            let is_finite = mean.is_finite() && differences.iter().all(|difference| difference.is_finite());
            is_finite.then(|| Some((*feature, differences.len().checked_sub(1)?))).flatten()
        };
        self.0.iter().map(sound).collect()
    }
}

impl Coded {
    /// The encoding by `rows`, and the column that it makes: of each of the `parts` by those of `rows` that
    /// are not in it.
    fn encode(&self, rows: &[u32], parts: &[Part]) -> (Encoded, Vec<f64>) {
        let all = self.fit(rows);
        let of = |encoded: &Encoded, row: usize| {
            encoded.differences.get(self.codes[row]).copied().unwrap_or_default() + (encoded.mean - all.mean)
        };
        let mut column: Vec<_> = (0..self.codes.len()).map(|row| of(&all, row)).collect();
        for (others, part) in parts {
            let fitted = self.fit(others);
            for &row in part {
                column[row as usize] = of(&fitted, row as usize);
            }
        }
        (all, column)
    }

    fn fit(&self, rows: &[u32]) -> Encoded {
        let mut of_value = vec![Moments::default(); self.values + 1];
        for &row in rows {
            if let Some(moments) = of_value.get_mut(self.codes[row as usize]) {
                moments.push(self.targets[row as usize]);
            }
        }
        let mean = rows.iter().map(|&row| self.targets[row as usize]).collect::<Moments>().mean();
        let ratio = variance_ratio(&of_value, mean);
        let difference = |moments: &Moments| {
            let n = moments.count() as f64;
            if n > 0. { n / (n + ratio) * (moments.mean() - mean) } else { 0. }
        };
        Encoded { feature: self.feature, mean, differences: of_value.iter().map(difference).collect() }
    }
}

/// The variance within values over that between them; infinite where there is none between them.
fn variance_ratio(of_value: &[Moments], mean: f64) -> f64 {
    let there = || of_value.iter().filter(|moments| moments.count() > 0);
    let sum = |of: &dyn Fn(&Moments) -> f64| there().map(of).sum::<f64>();
    let (values, rows) = (there().count() as f64, sum(&|moments| moments.count() as f64));
    if values < 2. || rows <= values {
        return f64::INFINITY;
    }
    let within = sum(&Moments::squared_deviations) / (rows - values);
    let between = sum(&|moments| moments.count() as f64 * (moments.mean() - mean).powi(2)) / (values - 1.);
    let rows_of_each = (rows - sum(&|moments| (moments.count() as f64).powi(2)) / rows) / (values - 1.);
    let between = (between - within) / rows_of_each;
    if between > 0. { within / between } else { f64::INFINITY }
}

/// Divides `rows` into parts, each with those that are in the others; none where there are too few.
fn parts(data: &Dataset, rows: &[u32], rng: &mut impl Rng) -> Vec<Part> {
    let folds = match data.groups() {
        Some(groups) => {
            let groups: Vec<_> = rows.iter().map(|&row| groups[row as usize]).collect();
            let count = groups.iter().collect::<HashSet<_>>().len();
            KFold::grouped(&groups, FOLDS.min(count), rng)
        }
        None => KFold::new(rows.len(), FOLDS.min(rows.len()), rng),
    };
    let at = |places: Vec<u32>| places.into_iter().map(|place| rows[place as usize]).collect::<Vec<_>>();
    let parts = folds.map(|folds| folds.iter().map(|fold| (at(fold.train), at(fold.test))).collect());
    // Of a single row or group nothing can be said of others.
    parts.unwrap_or_else(|_| vec![(Vec::new(), rows.to_vec())])
}

/// The place of a code among `values`, behind them of a missing one, and none of any other.
fn place(code: f64, values: usize) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to below the values")]
    match code {
        _ if code.is_nan() => values,
        _ if code >= 0. && code < values as f64 => code as usize,
        _ => usize::MAX,
    }
}

/// A copy of `values`, if there is memory for it.
fn copy<T: Copy>(values: &[T]) -> Result<Vec<T>> {
    let mut copy = memory::reserve(values.len())
        .map_err(|problem| candle_core::Error::msg(format!("an encoded copy of the data {problem}")))?;
    copy.extend_from_slice(values);
    Ok(copy)
}

#[cfg(test)]
mod tests;
