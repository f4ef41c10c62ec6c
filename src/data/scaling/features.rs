//! The scaling of features, each as its kind says.

use candle_core::{DType, Result, Tensor};

use super::{Affine, Scaling, moments};
use crate::config::Fill;
use crate::data::dataset::Dataset;
use crate::data::feature::FeatureKind;
use crate::stats::{self, Moments, quantile_of_sorted};

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

    /// As [`standard_features`](Self::standard_features), but numbers by z = (x - median) / s with s the
    /// difference of their quartiles, or where that is 0 half their range, and clipped smoothly: z / sqrt(1 +
    /// (z / 3)^2).
    ///
    /// It is the preprocessing of `RealMLP` (Holzmüller, Grinsztajn and Steinwart 2024, "Better by Default",
    /// section 3).
    pub(crate) fn robust_clipped(data: &Dataset, rows: &[u32], fill: Fill) -> Result<Self> {
        let mut scaling = Self::standard_filled(data, rows, fill)?;
        for (i, column) in scaling.columns.iter_mut().enumerate() {
            if data.kinds().is_some_and(|kinds| kinds[i] != FeatureKind::Number) {
                continue;
            }
            let mut values = values_of(data.x(), rows, i)?;
            values.sort_unstable_by(f64::total_cmp);
            let [low, first, median, third, high] =
                [0., 0.25, 0.5, 0.75, 1.].map(|level| quantile_of_sorted(&values, level));
            let widths = [third - first, (high - low) / 2., 1.];
            column.shift = column.origin + median;
            column.scale = widths.into_iter().find(|width| *width > 0.).unwrap_or(1.);
            column.is_clipped = true;
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

/// The values of a column of `x` in `rows`, without those that are missing.
fn values_of(x: &Tensor, rows: &[u32], column: usize) -> Result<Vec<f64>> {
    let rows = Tensor::new(rows, x.device())?;
    let values = x.narrow(1, column, 1)?.contiguous()?.index_select(&rows, 0)?.flatten_all()?;
    let mut values: Vec<f64> = values.to_dtype(DType::F64)?.to_vec1()?;
    values.retain(|value| !value.is_nan());
    Ok(values)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

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

    /// scikit-learn 1.9.1: `z = RobustScaler().fit(x[:7]).transform(x)`, with missing values filled by
    /// `SimpleImputer()` before, and `z / numpy.sqrt(1 + (z / 3) ** 2)`.
    #[test]
    fn numbers_are_clipped_smoothly() {
        let column = [1., 2., 4., 4.5, 7., 8., 30., 1000., f64::NAN];
        // By hand: without quartiles half the range is taken, and a constant is 0.
        let rows: Vec<_> = (0..9)
            .map(|i| [column[i], f64::from(u8::from(i == 0)), 7., f64::from(u8::from(i == 2))])
            .collect();
        let x = Tensor::from_slice(rows.as_flattened(), (9, 4), &Device::Cpu).unwrap();
        let kinds = [FeatureKind::Number, FeatureKind::Number, FeatureKind::Number, FeatureKind::Part];
        let data = Dataset::new(x.clone(), x.clone()).unwrap().with_kinds(kinds.to_vec()).unwrap();
        let scaling = Scaling::robust_clipped(&data, &[0, 1, 2, 3, 4, 5, 6], Fill::Mean).unwrap();
        let found = scaling.apply(&x).unwrap().to_vec2::<f64>().unwrap();
        let expected = [
            -0.752_886_476_351_178_4,
            -0.546_267_780_546_922_3,
            -0.111_034_981_529_640_78,
            0.0,
            0.546_267_780_546_922_3,
            0.752_886_476_351_178_4,
            2.651_363_749_041_185,
            2.999_724_185_958_615_7,
            0.767_255_899_175_156_8,
        ];
        let mut largest = 0f64;
        for (i, expected) in expected.into_iter().enumerate() {
            let difference = (found[i][0] - expected).abs();
            largest = if difference <= largest { largest } else { difference };
        }
        let two = 2. / (1f64 + 4. / 9.).sqrt();
        println!("largest difference {largest:e}");
        assert!(largest <= 1e-14 && (found[0][1] - two).abs() <= 1e-15, "{found:?}");
        assert_eq!((found[1][1], found[7][2]), (0., 0.));
        // The zeros and ones of a text have mean 0 and standard deviation 1, and are not clipped.
        assert!((found[2][3] - 6f64.sqrt()).abs() <= 1e-14, "{found:?}");
        let text = serde_json::to_string(&scaling).unwrap();
        assert_eq!(serde_json::from_str::<Scaling>(&text).unwrap(), scaling);
    }
}
