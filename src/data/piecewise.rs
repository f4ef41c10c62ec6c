//! The encoding of features by bins and by a smooth clip, fitted on the training rows alone.

use candle_core::{DType, Device, Result};

use super::{Dataset, FeatureKind};
use crate::ops::kernels::Encoding;
use crate::stats::{Moments, quantile_of_sorted};

/// The most rows whose quantiles are looked at; of more of them only every second, third and so on is.
const MOST_ROWS: usize = 1 << 16;

/// How far from 0 a number can be that is clipped smoothly.
const CLIP: f64 = 3.;
/// What is clipped is bounded by this before, so that its square is a number of `f32`.
const FAR: f64 = 1e15;

/// Each feature as it is, or clipped smoothly, and beside it how far it is through each of the bins between
/// its quantiles.
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
///
/// A number that is clipped smoothly has in place of `z_0`
///
/// ```text
/// u / sqrt(1 + (u / 3)^2),   u = (x - median) / s
/// ```
///
/// with s the difference of its quartiles, or where that is 0 half its range: the preprocessing of `RealMLP`
/// (Holzmüller, Grinsztajn and Steinwart 2024, "Better by Default", section 3).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FeatureEncoding(Encoding<Vec<f64>>);

impl FeatureEncoding {
    /// Fits the encoding of the features of `data`, f32 or f64 and none of them missing, with up to `bins`
    /// bins over `rows`, 0 for none. Where there are `clipped` kinds, one for each feature, those that are
    /// numbers are clipped smoothly.
    ///
    /// Fails when `data` lacks one of the rows.
    pub(crate) fn fit(
        data: &Dataset,
        rows: &[u32],
        bins: usize,
        clipped: Option<&[FeatureKind]>,
    ) -> Result<Self> {
        let every = rows.len().div_ceil(MOST_ROWS).max(1);
        let rows: Vec<u32> = rows.iter().copied().step_by(every).collect();
        let x = data.select(&rows)?.0.to_device(&Device::Cpu)?;
        let mut encoding = Encoding { bend: clipped.map(|_| Vec::new()), ..Encoding::default() };
        for feature in 0..data.features() {
            let values = x.narrow(1, feature, 1)?.flatten_all()?;
            let is_clipped = clipped.is_some_and(|kinds| kinds.get(feature) == Some(&FeatureKind::Number));
            push_feature(&mut encoding, feature, values.to_dtype(DType::F64)?.to_vec1()?, bins, is_clipped);
        }
        Ok(Self(encoding))
    }

    /// The number of columns.
    pub(crate) fn columns(&self) -> usize {
        self.0.feature.len()
    }

    /// What the columns are made of, by name, each with a number for each column.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&'static str, &[f64])> {
        let Encoding { feature, scale, shift, low, high, bend } = &self.0;
        Encoding::NAMES
            .each()
            .zip([feature, scale, shift, low, high].into_iter().chain(bend).map(|part| &part[..]))
    }
}

/// Adds the columns of a feature that has these values.
fn push_feature(
    encoding: &mut Encoding<Vec<f64>>,
    feature: usize,
    mut values: Vec<f64>,
    bins: usize,
    is_clipped: bool,
) {
    let mut push = |[scale, shift, low, high]: [f64; 4], bend: f64| {
        encoding.feature.push(feature as f64);
        encoding.scale.push(scale);
        encoding.shift.push(shift);
        encoding.low.push(low);
        encoding.high.push(high);
        if let Some(bends) = &mut encoding.bend {
            bends.push(bend);
        }
    };
    values.sort_unstable_by(f64::total_cmp);
    let quantile = |level: f64| quantile_of_sorted(&values, level);
    if is_clipped {
        let [low, first, median, third, high] = [0., 0.25, 0.5, 0.75, 1.].map(quantile);
        let widths = [third - first, (high - low) / 2.];
        let width = widths.into_iter().find(|width| *width > 0.).unwrap_or(1.);
        push([1. / width, -median / width, -FAR, FAR], CLIP.powi(-2));
    } else {
        // As good as without bounds, which a model's file could not hold.
        push([1., 0., f32::MIN.into(), f32::MAX.into()], 0.);
    }
    // Of two values a bin would be a copy.
    if bins == 0 || values.chunk_by(|a, b| a == b).take(3).count() < 3 {
        return;
    }
    let mut edges: Vec<f64> = (0..=bins).map(|i| quantile(i as f64 / bins as f64)).collect();
    edges.dedup();
    for edge in edges.windows(2) {
        let [from, width] = [edge[0], edge[1] - edge[0]];
        let through: Moments = values.iter().map(|x| ((x - from) / width).clamp(0., 1.)).collect();
        // Without a spread there is nothing to scale.
        let deviation = if through.std() > 0. { through.std() } else { 1. };
        let scaled = |z: f64| (z - through.mean()) / deviation;
        push([1. / (width * deviation), scaled(-from / width), scaled(0.), scaled(1.)], 0.);
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
        FeatureEncoding::fit(&data, &all, bins, None).unwrap().0
    }

    /// By hand: the edges of 0, 1, 2, 4, 8 for two bins are 0, 2 and 8, through which they are 0, 1/2, 1, 1,
    /// 1 and 0, 0, 0, 1/3, 1.
    #[test]
    fn columns_are_shares_of_bins_scaled() {
        let Encoding { feature, scale, shift, low, high, .. } = fit(&[0., 1., 2., 4., 8.], 1, 2);
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

    /// scikit-learn 1.9.1: `z = RobustScaler().fit_transform(x)` and `z / numpy.sqrt(1 + (z / 3) ** 2)`, of
    /// the first seven rows.
    #[test]
    fn numbers_are_clipped_smoothly() {
        let column = [1., 2., 4., 4.5, 7., 8., 30., 1000.];
        // By hand: without quartiles half the range is taken, a constant is 0, and what is no number stays.
        let rows: Vec<_> = (0..8)
            .map(|i| [column[i], f64::from(u8::from(i == 0)), 7., f64::from(u8::from(i == 2))])
            .collect();
        let x = Tensor::from_slice(rows.as_flattened(), (8, 4), &Device::Cpu).unwrap();
        let data = Dataset::new(x.clone(), x).unwrap();
        let kinds = [FeatureKind::Number, FeatureKind::Number, FeatureKind::Number, FeatureKind::Part];
        let rows: Vec<u32> = (0..7).collect();
        let encoding = FeatureEncoding::fit(&data, &rows, 0, Some(&kinds)).unwrap().0;
        let bend = encoding.bend.as_ref().unwrap();
        let z = |row: usize, j: usize| {
            let x = if j == 0 { column[row] } else { [f64::from(row == 0), 7., f64::from(row == 2)][j - 1] };
            let z = (encoding.scale[j] * x + encoding.shift[j]).clamp(encoding.low[j], encoding.high[j]);
            z / (1. + bend[j] * z * z).sqrt()
        };
        let expected = [
            -0.752_886_476_351_178_4,
            -0.546_267_780_546_922_3,
            -0.111_034_981_529_640_78,
            0.0,
            0.546_267_780_546_922_3,
            0.752_886_476_351_178_4,
            2.651_363_749_041_185,
            2.999_724_185_958_615_7,
        ];
        let mut largest = 0f64;
        for (row, expected) in expected.into_iter().enumerate() {
            let difference = (z(row, 0) - expected).abs();
            largest = if difference <= largest { largest } else { difference };
        }
        let two = 2. / (1f64 + 4. / 9.).sqrt();
        println!("largest difference {largest:e}");
        assert!(largest <= 1e-14 && (z(0, 1) - two).abs() <= 1e-15);
        assert_eq!((z(1, 1), z(7, 2), z(2, 3), z(3, 3)), (0., 0., 1., 0.));
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
