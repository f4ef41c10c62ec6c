//! The piecewise linear encoding of features, fitted on the training rows alone.

use candle_core::{DType, Device, Result};

use super::Dataset;
use crate::ops::kernels::Encoding;
use crate::stats::{Moments, quantile_of_sorted};

/// The most rows whose quantiles are looked at; of more of them only every second, third and so on is.
const MOST_ROWS: usize = 1 << 16;

/// Each feature as it is, and beside it how far it is through each of the bins between its quantiles.
///
/// With edges `b_0` < .. < `b_T` a feature x has the columns
///
/// ```text
/// z_0 = x
/// z_t = (min(max((x - b_(t-1)) / (b_t - b_(t-1)), 0), 1) - mean) / deviation,  t = 1 .. T
/// ```
///
/// with the mean and the standard deviation over the rows that it is fitted on. A linear layer on these is a
/// piecewise linear function of each feature with a bend at every edge: what a small network else needs many
/// units and epochs to find. The edges are the quantiles 0, 1 / T, .. 1, less those that are equal. A feature
/// of fewer than three values is left as it is.
///
/// It is the encoding of Gorishniy, Rubachev and Babenko (2022, "On Embeddings for Numerical Features in
/// Tabular Deep Learning", section 3.2), but also has x itself, which goes on beyond the outer edges where
/// the bins end, and is scaled.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PiecewiseLinear(Encoding<Vec<f64>>);

impl PiecewiseLinear {
    /// Fits the encoding of the features of `data`, f32 or f64 and none of them missing, with up to `bins`
    /// bins over `rows`.
    ///
    /// Fails when `data` lacks one of the rows.
    pub(crate) fn fit(data: &Dataset, rows: &[u32], bins: usize) -> Result<Self> {
        let every = rows.len().div_ceil(MOST_ROWS).max(1);
        let rows: Vec<u32> = rows.iter().copied().step_by(every).collect();
        let x = data.select(&rows)?.0.to_device(&Device::Cpu)?;
        let mut encoding = Encoding::default();
        for feature in 0..data.features() {
            let values = x.narrow(1, feature, 1)?.flatten_all()?;
            push_feature(&mut encoding, feature, values.to_dtype(DType::F64)?.to_vec1()?, bins);
        }
        Ok(Self(encoding))
    }

    /// The number of columns.
    pub(crate) fn columns(&self) -> usize {
        self.0.feature.len()
    }

    /// What the columns are made of, by name, each with a number for each column.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&'static str, &[f64])> {
        let Encoding { feature, scale, shift, low, high } = &self.0;
        Encoding::NAMES.each().into_iter().zip([&feature[..], scale, shift, low, high])
    }
}

/// Adds the columns of a feature that has these values.
fn push_feature(encoding: &mut Encoding<Vec<f64>>, feature: usize, mut values: Vec<f64>, bins: usize) {
    let mut push = |[scale, shift, low, high]: [f64; 4]| {
        encoding.feature.push(feature as f64);
        encoding.scale.push(scale);
        encoding.shift.push(shift);
        encoding.low.push(low);
        encoding.high.push(high);
    };
    // As good as without bounds, which a model's file could not hold.
    push([1., 0., f32::MIN.into(), f32::MAX.into()]);
    values.sort_unstable_by(f64::total_cmp);
    // Of two values a bin would be a copy.
    if values.chunk_by(|a, b| a == b).take(3).count() < 3 {
        return;
    }
    let quantile = |i: usize| quantile_of_sorted(&values, i as f64 / bins as f64);
    let mut edges: Vec<f64> = (0..=bins).map(quantile).collect();
    edges.dedup();
    for edge in edges.windows(2) {
        let [from, width] = [edge[0], edge[1] - edge[0]];
        let through: Moments = values.iter().map(|x| ((x - from) / width).clamp(0., 1.)).collect();
        // Without a spread there is nothing to scale.
        let deviation = if through.std() > 0. { through.std() } else { 1. };
        let scaled = |z: f64| (z - through.mean()) / deviation;
        push([1. / (width * deviation), scaled(-from / width), scaled(0.), scaled(1.)]);
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Tensor;

    use super::*;

    fn fit(x: &[f64], features: usize, bins: usize) -> Encoding<Vec<f64>> {
        let rows = x.len() / features;
        let x = Tensor::from_slice(x, (rows, features), &Device::Cpu).unwrap();
        let data = Dataset::new(x.clone(), x.narrow(1, 0, 1).unwrap()).unwrap();
        let all: Vec<u32> = (0..rows as u32).collect();
        PiecewiseLinear::fit(&data, &all, bins).unwrap().0
    }

    /// By hand: the edges of 0, 1, 2, 4, 8 for two bins are 0, 2 and 8, through which they are 0, 1/2, 1, 1,
    /// 1 and 0, 0, 0, 1/3, 1.
    #[test]
    fn columns_are_shares_of_bins_scaled() {
        let Encoding { feature, scale, shift, low, high } = fit(&[0., 1., 2., 4., 8.], 1, 2);
        assert_eq!(feature, [0.; 3]);
        let of = |z: [f64; 5]| {
            let mean = z.iter().sum::<f64>() / 5.;
            (mean, (z.iter().map(|z| (z - mean).powi(2)).sum::<f64>() / 5.).sqrt())
        };
        let bins = [(0., 2., of([0., 0.5, 1., 1., 1.])), (2., 6., of([0., 0., 0., 1. / 3., 1.]))];
        let mut largest = 0f64;
        for (i, (from, width, (mean, std))) in (1..).zip(bins) {
            let expected = [1. / width / std, (-from / width - mean) / std, -mean / std, (1. - mean) / std];
            for (found, expected) in [scale[i], shift[i], low[i], high[i]].into_iter().zip(expected) {
                largest = largest.max((found - expected).abs());
            }
        }
        println!("largest difference {largest:e}");
        assert!(largest <= 1e-14);
        assert_eq!([scale[0], shift[0]], [1., 0.]);
        assert!(low[0] < -1e38 && high[0] > 1e38);
    }

    /// `PiecewiseLinearEncoding(compute_bins(x, n_bins=4))` of `rtdl_num_embeddings` 0.0.12, which has the
    /// edges in single precision, of the same numbers.
    #[test]
    fn shares_of_bins_are_those_of_rtdl() {
        let x = [0.3, 1.7, 2.2, 2.9, 3.1, 4.8, 5.5, 7., 9.4, 12.1];
        let expected = [
            [8.94e-9, 0., 0., 0.],
            [0.674_698_821, 0., 0., 0.],
            [0.915_662_682, 0., 0., 0.],
            [1., 0.333_333_427, 0., 0.],
            [1., 0.460_317_558, 0., 0.],
            [1., 1., 0.317_757_082, 0.],
            [1., 1., 0.579_439_327, 0.],
            [1., 1., 1., 0.068_493_143],
            [1., 1., 1., 0.506_849_316],
            [1., 1., 1., 1.000_000_010],
        ];
        let Encoding { scale, shift, low, high, .. } = fit(&x, 1, 4);
        let mut largest = 0f64;
        for (x, expected) in x.into_iter().zip(expected) {
            for (i, expected) in (1..).zip(expected) {
                let z = (scale[i] * x + shift[i]).clamp(low[i], high[i]);
                let share = (z - low[i]) / (high[i] - low[i]);
                let difference = (share - expected).abs();
                largest = if difference <= largest { largest } else { difference };
            }
        }
        println!("largest difference {largest:e}");
        assert!(largest <= 2e-7);
    }

    #[test]
    fn few_values_have_few_bins() {
        // Two values, a constant, three values of which one fills most bins, and many.
        let x: Vec<f64> =
            (0..64).flat_map(|i| [f64::from(i % 2), 7., f64::from((i % 16).min(2)), f64::from(i)]).collect();
        let encoding = fit(&x, 4, 8);
        let columns = |feature: f64| encoding.feature.iter().filter(|f| **f == feature).count();
        assert_eq!([0., 1., 2., 3.].map(columns), [1, 1, 3, 9]);
        assert!(encoding.scale.iter().all(|scale| scale.is_finite()));
    }
}
