//! What a cross-validation reaches without a network.

use std::iter;

use candle_core::{DType, Tensor};

use crate::data::{CategoryMeans, Dataset, Fold, Scaling};
use crate::error::{Error, Result};
use crate::evaluate::{Errors, Evaluation, RowPrediction};
use crate::partition::Partition;
use crate::random::{Stream, generator};
use crate::results::{Baseline, FoldReport};
use crate::stop::Stop;

/// The penalty of the ridge regression, on standardised features: scikit-learn's default.
const PENALTY: f64 = 1.;
/// The most features of a ridge regression, which is solved in their third power.
const MOST_FEATURES: usize = 512;
/// The most multiplications of all folds together, some seconds of work: of each row the squares of its
/// features.
const MOST_WORK: f64 = 3e10;
/// How many rows are looked at at a time.
const BLOCK: usize = 4096;

/// The errors, on `folds`, of the mean of the training rows, `constant`, and of a linear model, `ridge`.
///
/// The latter is least squares with a penalty of 1 on the squared weights of features that are scaled to mean
/// 0 and standard deviation 1 on the training rows, as by scikit-learn's `make_pipeline(StandardScaler(),
/// Ridge())`; missing features are filled with their means. It is left out where there are more than 512
/// features, or so many rows that it would take more than some seconds. Where `stop` says so there are none.
///
/// # Errors
///
/// Fails with [`Error::Config`] when the folds are not of these data, and with [`Error::NotFiniteResult`] when
/// an error is not finite.
///
/// # Examples
///
/// ```
/// use candle_core::{DType, Device};
/// use taper::{Partition, Stop, baselines};
/// use taper::data::synthetic;
/// use taper::random::{Stream, generator};
///
/// // A linear model finds all but the noise, whose standard deviation is 0.1.
/// let data = synthetic(1000, 4, 0.1, generator(1, Stream::Data, 0), DType::F32, &Device::Cpu)?;
/// let folds = Partition::new(&data, 4, 1, 1)?;
/// let found = baselines(&data, &folds, &Stop::default())?;
/// assert_eq!((found[0].name.as_str(), found[1].name.as_str()), ("constant", "ridge"));
/// assert!(found[0].mean.metrics.rmse > 0.5 && found[1].mean.metrics.rmse < 0.11);
/// # Ok::<(), taper::Error>(())
/// ```
pub fn baselines(data: &Dataset, folds: &Partition, stop: &Stop) -> Result<Vec<Baseline>> {
    folds.check(data)?;
    let work = (folds.count() * data.rows()) as f64 * (data.features() as f64).powi(2);
    let has_ridge = data.features() <= MOST_FEATURES && work <= MOST_WORK;
    let fits: &[(&str, Fit)] = &[("constant", constant), ("ridge", ridge)];
    let mut baselines = Vec::new();
    for (name, fit) in fits.iter().filter(|(name, _)| *name == "constant" || has_ridge) {
        let new = || Errors::new(data.targets(), 0).with_details(Vec::new());
        let mut pooled = new();
        let mut reports = Vec::new();
        for i in 0..folds.count() {
            if stop.reason().is_some() {
                return Ok(Vec::new());
            }
            let fold = folds.fold(i).ok_or(Error::NoRows)?;
            let mut errors = new();
            let mut rng = generator(0, Stream::Encoding, i);
            let data = &CategoryMeans::encode(data, &fold.train, &mut rng)?.0;
            let model = fit(data, &fold)?;
            for rows in fold.test.chunks(BLOCK) {
                let (truths, predictions) = (targets(data, rows)?, model.predict(data, rows)?);
                for (truth, prediction) in rows_of(&truths, data).zip(rows_of(&predictions, data)) {
                    let row = RowPrediction {
                        row: 0,
                        truth,
                        mean: prediction,
                        by_depth: &[],
                        quantiles: &[],
                        exit: None,
                    };
                    errors.push(&row);
                    pooled.push(&row);
                }
            }
            let evaluation = errors.evaluation(data.target_names(), iter::empty())?;
            reports.push(FoldReport::new(i, fold.test.len(), evaluation, Vec::new(), 0.));
        }
        baselines.push(Baseline {
            name: (*name).to_owned(),
            mean: Evaluation::mean_over(&reports),
            pooled: pooled.evaluation(data.target_names(), iter::empty())?,
        });
    }
    Ok(baselines)
}

/// How a model is fitted to the training rows of a fold.
type Fit = fn(&Dataset, &Fold) -> Result<Linear>;

/// y = means + x W, of features that are scaled.
struct Linear {
    means: Vec<f64>,
    /// The scaling of the features, and W (features, targets).
    weights: Option<(Scaling, Tensor)>,
}

impl Linear {
    /// The predictions (rows, targets), in row-major order.
    fn predict(&self, data: &Dataset, rows: &[u32]) -> Result<Vec<f64>> {
        let mut y = match &self.weights {
            Some((scaling, weights)) => {
                scaled(data, rows, scaling)?.matmul(weights)?.flatten_all()?.to_vec1()?
            }
            None => vec![0.; rows.len() * self.means.len()],
        };
        y.iter_mut().zip(self.means.iter().cycle()).for_each(|(y, mean)| *y += mean);
        Ok(y)
    }
}

/// The mean of each target.
fn constant(data: &Dataset, fold: &Fold) -> Result<Linear> {
    let mut means = vec![0.; data.targets()];
    for rows in fold.train.chunks(BLOCK) {
        let truths = targets(data, rows)?;
        for truth in rows_of(&truths, data) {
            means.iter_mut().zip(truth).for_each(|(sum, truth)| *sum += truth);
        }
    }
    for mean in &mut means {
        *mean /= fold.train.len() as f64;
    }
    Ok(Linear { means, weights: None })
}

/// Solves (X^T X + penalty) W = X^T (y - mean).
fn ridge(data: &Dataset, fold: &Fold) -> Result<Linear> {
    let Linear { means, .. } = constant(data, fold)?;
    let scaling = Scaling::standard_features(data, &fold.train)?;
    let (features, targets_count) = (data.features(), data.targets());
    let device = data.x().device();
    let mut gram = Tensor::zeros((features, features), DType::F64, device)?;
    let mut moments = Tensor::zeros((features, targets_count), DType::F64, device)?;
    for rows in fold.train.chunks(BLOCK) {
        let x = scaled(data, rows, &scaling)?;
        let mut y = targets(data, rows)?;
        y.iter_mut().zip(means.iter().cycle()).for_each(|(y, mean)| *y -= mean);
        let y = Tensor::from_vec(y, (rows.len(), targets_count), device)?;
        let transposed = x.t()?.contiguous()?;
        gram = (gram + transposed.matmul(&x)?)?;
        moments = (moments + transposed.matmul(&y)?)?;
    }
    let mut gram: Vec<f64> = gram.flatten_all()?.to_vec1()?;
    gram.iter_mut().step_by(features + 1).for_each(|diagonal| *diagonal += PENALTY);
    let mut weights: Vec<f64> = moments.flatten_all()?.to_vec1()?;
    solve(&mut gram, &mut weights, features);
    let weights = Tensor::from_vec(weights, (features, targets_count), device)?;
    Ok(Linear { means, weights: Some((scaling, weights)) })
}

/// Replaces `b` (n, m) by the solution X of A X = b for the symmetric positive definite `a` (n, n), both in
/// row-major order, by the Cholesky decomposition A = L L^T.
fn solve(a: &mut [f64], b: &mut [f64], n: usize) {
    let m = b.len() / n;
    for i in 0..n {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| a[i * n + k] * a[j * n + k]).sum();
            let rest = a[i * n + j] - dot;
            a[i * n + j] = if i == j { rest.sqrt() } else { rest / a[j * n + j] };
        }
    }
    for column in 0..m {
        for i in 0..n {
            let dot: f64 = (0..i).map(|k| a[i * n + k] * b[k * m + column]).sum();
            b[i * m + column] = (b[i * m + column] - dot) / a[i * n + i];
        }
        for i in (0..n).rev() {
            let dot: f64 = (i + 1..n).map(|k| a[k * n + i] * b[k * m + column]).sum();
            b[i * m + column] = (b[i * m + column] - dot) / a[i * n + i];
        }
    }
}

/// The features of `rows`, scaled, in f64.
fn scaled(data: &Dataset, rows: &[u32], scaling: &Scaling) -> Result<Tensor> {
    let (x, _) = data.select(rows)?;
    Ok(scaling.apply(&x)?.to_dtype(DType::F64)?)
}

/// The targets of `rows`, in row-major order.
fn targets(data: &Dataset, rows: &[u32]) -> Result<Vec<f64>> {
    let (_, y) = data.select(rows)?;
    Ok(y.flatten_all()?.to_dtype(DType::F64)?.to_vec1()?)
}

fn rows_of<'a>(values: &'a [f64], data: &Dataset) -> impl Iterator<Item = &'a [f64]> {
    values.chunks_exact(data.targets())
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn a_system_is_solved() {
        // By hand: [[4, 2], [2, 3]] X = [[8, 6], [8, 5]] has the solution [[1, 1], [2, 1]].
        let (mut a, mut b) = (vec![4., 2., 2., 3.], vec![8., 6., 8., 5.]);
        solve(&mut a, &mut b, 2);
        let difference = b.iter().zip([1., 1., 2., 1.]).map(|(b, x)| (b - x).abs()).fold(0., f64::max);
        println!("largest difference {difference:e}");
        assert!(difference <= 1e-15);
    }

    /// With one feature the weight is sum(x y) / (sum(x^2) + 1), which is n correlation sd(y) / (n + 1).
    #[test]
    fn one_feature_has_the_closed_form() {
        let x = Tensor::new(&[[1f64], [2.], [4.], [7.], [8.], [f64::NAN]], &Device::Cpu).unwrap();
        let y = Tensor::new(&[[2f64], [3.], [5.], [9.], [7.], [5.]], &Device::Cpu).unwrap();
        let data = Dataset::new(x, y).unwrap();
        let fold = Fold { train: vec![0, 1, 2, 3, 4], test: vec![5] };
        let model = ridge(&data, &fold).unwrap();
        // Of the training rows the means are 4.4 and 5.2, the sums of squares 37.2, and of products 32.6.
        let (n, sum_xx, sum_xy) = (5f64, 37.2, 32.6);
        let weight = sum_xy / (sum_xx / n).sqrt() / (n + 1.);
        let expected = |x: f64| 5.2 + weight * (x - 4.4) / (sum_xx / n).sqrt();
        let predictions = model.predict(&data, &[0, 3, 5]).unwrap();
        let expected = [expected(1.), expected(7.), 5.2];
        let difference = predictions.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0., f64::max);
        println!("largest difference {difference:e}");
        assert!(difference <= 1e-14, "{predictions:?} {expected:?}");
        assert_eq!(constant(&data, &fold).unwrap().predict(&data, &[5]).unwrap(), [5.2]);
    }
}
