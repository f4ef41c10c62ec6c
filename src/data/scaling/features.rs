//! The scaling of features, each as its kind says.

use candle_core::Result;

use super::quantiles::QuantileNormal;
use super::{Affine, Scaling, moments, values_of};
use crate::config::Fill;
use crate::data::dataset::Dataset;
use crate::data::feature::FeatureKind;
use crate::stats::{self, Moments};

/// The most rows whose quantiles are looked at.
const MOST_ROWS: usize = 1 << 16;

impl Scaling {
    /// As [`standard`](Self::standard), of the features of `data` in their own units, each as its
    /// [kind](FeatureKind) says.
    ///
    /// # Errors
    ///
    /// As [`standard`](Self::standard).
    pub fn standard_features(data: &Dataset, rows: &[u32]) -> Result<Self> {
        Self::features(data, rows, Fill::Mean, Affine::standard)
    }

    /// As [`filling`](Self::filling), of the features of `data` in their own units, each as its
    /// [kind](FeatureKind) says.
    ///
    /// # Errors
    ///
    /// As [`standard`](Self::standard).
    pub fn filling_features(data: &Dataset, rows: &[u32]) -> Result<Self> {
        Self::features(data, rows, Fill::Mean, Affine::filling)
    }

    /// As [`standard_features`](Self::standard_features), with missing numbers filled in by `fill`.
    pub(crate) fn standard_filled(data: &Dataset, rows: &[u32], fill: Fill) -> Result<Self> {
        Self::features(data, rows, fill, Affine::standard)
    }

    /// As [`filling_features`](Self::filling_features), with missing numbers filled in by `fill`.
    pub(crate) fn only_filled(data: &Dataset, rows: &[u32], fill: Fill) -> Result<Self> {
        Self::features(data, rows, fill, Affine::filling)
    }

    /// As [`standard_features`](Self::standard_features), but numbers by their quantiles, as numbers of a
    /// standard normal distribution: scikit-learn's `QuantileTransformer(output_distribution="normal")`.
    /// Numbers of fewer than three different values stay as they are there. Missing numbers become what fills
    /// them in first.
    ///
    /// Of many rows only every second, third and so on is looked at.
    pub(crate) fn by_quantiles(data: &Dataset, rows: &[u32], fill: Fill) -> Result<Self> {
        let mut scaling = Self::standard_filled(data, rows, fill)?;
        let every = rows.len().div_ceil(MOST_ROWS).max(1);
        let rows: Vec<u32> = rows.iter().copied().step_by(every).collect();
        for (i, column) in scaling.columns.iter_mut().enumerate() {
            if data.kinds().is_none_or(|kinds| kinds[i] == FeatureKind::Number) {
                let mut values = values_of(data.x(), &rows, i)?;
                for value in &mut values {
                    *value += column.origin;
                }
                values.sort_unstable_by(f64::total_cmp);
                column.normal = QuantileNormal::new(&values);
            }
        }
        Ok(scaling)
    }

    /// Fits the map of each feature as its kind says.
    fn features(
        data: &Dataset,
        rows: &[u32],
        fill: Fill,
        affine: fn(Moments, f64) -> Affine,
    ) -> Result<Self> {
        let mut fitted = Self::fit(data.x(), data.origins(), rows, affine)?;
        let kind = |i: usize| data.kinds().map_or(FeatureKind::Number, |kinds| kinds[i]);
        let has_marks = data.kinds().is_some_and(|kinds| kinds.contains(&FeatureKind::Missing));
        let moments = if has_marks { moments(data.x(), rows)? } else { Vec::new() };
        for (i, column) in fitted.columns.iter_mut().enumerate() {
            match kind(i) {
                FeatureKind::Number if fill == Fill::Median => {
                    column.fill = column.origin + stats::median(values_of(data.x(), rows, i)?);
                }
                FeatureKind::Number | FeatureKind::Part | FeatureKind::Code { .. } => {}
                FeatureKind::MarkedPart => column.fill = 0.,
                FeatureKind::Missing => {
                    let share = 1. - moments[i].count() as f64 / rows.len().max(1) as f64;
                    // Of the numbers that it becomes.
                    let indicator = Moments::of_share(share);
                    *column = Affine { fill: if share > 0. { 1. } else { 0. }, ..affine(indicator, 0.) };
                }
            }
        }
        Ok(fitted)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::*;

    /// By hand, and scikit-learn's `SimpleImputer(strategy="median", add_indicator=True)`.
    #[test]
    fn missing_values_become_medians_and_indicators() {
        let nan = f64::NAN;
        let x = [
            [1., 0., nan, nan, nan],
            [2., 0., 1., 0., 0.],
            [9., 0., 0., 0., 0.],
            [nan, nan, 1., 0., 0.],
            [7., 0., nan, nan, 0.],
        ];
        let x = Tensor::from_slice(x.as_flattened(), (5, 5), &Device::Cpu).unwrap();
        let kinds = vec![
            FeatureKind::Number,
            FeatureKind::Missing,
            FeatureKind::MarkedPart,
            FeatureKind::Missing,
            FeatureKind::Missing,
        ];
        let data = Dataset::new(x.clone(), x.clone()).unwrap().with_kinds(kinds).unwrap();
        // Of the rows 1, 2 and 3 the last column is never missing.
        let filling = Scaling::only_filled(&data, &[1, 2, 3], Fill::Median).unwrap();
        let filled = filling.apply(&x).unwrap().to_vec2::<f64>().unwrap();
        assert_eq!(filled[0], [1., 0., 0., 0., 0.]);
        assert_eq!(filled[3], [5.5, 1., 1., 0., 0.]);
        assert_eq!(filled[4], [7., 0., 0., 0., 0.]);
        let scaling = Scaling::standard_filled(&data, &[0, 1, 2, 3], Fill::Median).unwrap();
        let scaled = scaling.apply(&x).unwrap().to_vec2::<f64>().unwrap();
        let (mean, std) = (4., (38f64 / 3.).sqrt());
        let (share, deviation) = (0.25, (0.25f64 * 0.75).sqrt());
        let shares = (2. / 3., (2f64 / 9.).sqrt());
        let [there, missing] = [-share / deviation, (1. - share) / deviation];
        let expected = [
            [(1. - mean) / std, there, -shares.0 / shares.1, missing, missing],
            [(2. - mean) / std, missing, (1. - shares.0) / shares.1, there, there],
        ];
        let mut largest = 0f64;
        for (found, expected) in [&scaled[0], &scaled[3]].into_iter().zip(expected) {
            for (found, expected) in found.iter().zip(expected) {
                let difference = (found - expected).abs();
                largest = if difference <= largest { largest } else { difference };
            }
        }
        println!("largest difference {largest:e}");
        assert!(largest <= 1e-14, "{scaled:?}");
    }
}
