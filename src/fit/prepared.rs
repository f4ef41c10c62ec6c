//! The preparation of a network's data, fitted on the rows that it is trained on.

use candle_core::{DType, Device};

use crate::config::{Learner, Preparation, TargetTransform};
use crate::data::{CategoryMeans, Dataset, FeatureEncoding, FeatureKind, Scaling, Transform, skewness};
use crate::error::{Error, Result};
use crate::random::{Stream, generator};
use crate::run::quantile_column;

/// Of a smaller skewness nothing is to be gained: up to it a distribution counts as about symmetric (Bulmer
/// 1979, "Principles of Statistics", chapter 4).
const SKEWED: f64 = 0.5;

/// Features of so many elements are large: 16 MiB of f32, more than fits beside other things in a core's
/// share of its caches.
const LARGE: usize = 1 << 22;

/// The data on the network's device, or on the CPU if they are scaled anew for each network.
pub(crate) struct Prepared<'a> {
    pub(super) learner: &'a Learner,
    pub(super) data: Dataset,
    device: Device,
}

/// The data of a network, on its device.
#[derive(Clone)]
pub(super) struct Scaled {
    /// What is trained on: features and targets, scaled.
    pub(super) train: Dataset,
    /// What is tested on: the features scaled, the targets as they are.
    pub(super) test: Dataset,
    pub(super) means: Option<CategoryMeans>,
    pub(super) features: Option<Scaling>,
    pub(super) targets: Option<Scaling>,
    /// The scaling of the targets as it would be without a transform, if they have one.
    pub(super) untransformed: Option<Scaling>,
    /// The encoding of the scaled features, if there is one.
    pub(super) encoding: Option<FeatureEncoding>,
}

/// What the targets become before they are scaled.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Candidate {
    /// What is said of it.
    pub(super) name: TargetTransform,
    /// What each target becomes, never [`TargetTransform::Auto`].
    pub(super) of_targets: Vec<TargetTransform>,
}

/// Refuses a target that has no logarithm, where it is to be taken.
fn check_logarithm(learner: &Learner, data: &Dataset) -> Result<()> {
    if learner.train.target_transform != TargetTransform::Log {
        return Ok(());
    }
    for (i, name) in data.target_names().iter().enumerate() {
        let rows = data.y().narrow(1, i, 1)?.flatten_all()?.to_dtype(DType::F64)?.to_vec1::<f64>()?;
        if let Some((row, value)) = rows.iter().enumerate().find(|(_, value)| **value <= 0.) {
            let problem = format!(
                "is log, but row {} of the data, counted from 1, has {value} as its '{name}'; expected numbers above 0, \
                 or yeo-johnson, which takes any",
                row + 1
            );
            return Err(Error::config("train.target_transform", problem));
        }
    }
    Ok(())
}

/// Refuses quantiles whose columns among the predictions would be called like a target.
fn check_columns(learner: &Learner, targets: &[String]) -> Result<()> {
    let quantiles: Vec<f64> = learner.train.predicted_quantiles().map_or_else(Vec::new, Vec::from);
    let of = |target: &String| quantiles.iter().map(|q| quantile_column(target, *q)).collect::<Vec<_>>();
    let mut columns = targets.iter().flat_map(of);
    match columns.find(|column| targets.contains(column)) {
        None => Ok(()),
        Some(column) => {
            let problem =
                format!("give a column '{column}', which a target is called; expected other quantiles");
            Err(Error::config("train.quantiles", problem))
        }
    }
}

impl<'a> Prepared<'a> {
    pub(crate) fn new(learner: &'a Learner, data: &Dataset, device: &Device) -> Result<Self> {
        check_columns(learner, data.target_names())?;
        check_logarithm(learner, data)?;
        let is_fitted = learner.preparation != Preparation::None || data.has_codes();
        let data = data.to_device(if is_fitted { &Device::Cpu } else { device })?;
        Ok(Self { learner, data, device: device.clone() })
    }

    /// The data as they are kept.
    pub(crate) fn data(&self) -> &Dataset {
        &self.data
    }

    /// What the targets may become, by their values in the training rows `rows`.
    pub(super) fn candidates(&self, rows: &[u32]) -> Result<Vec<Candidate>> {
        use TargetTransform::{Auto, Log, None, YeoJohnson};
        let count = self.data.targets();
        let name = self.learner.train.target_transform;
        if name != Auto {
            return Ok(vec![Candidate { name, of_targets: vec![name; count] }]);
        }
        let (_, y) = self.data.select(rows)?;
        let fits = |i| {
            let values: Vec<f64> = y.narrow(1, i, 1)?.flatten_all()?.to_dtype(DType::F64)?.to_vec1()?;
            let is_skewed = skewness(&values).abs() > SKEWED;
            Ok([is_skewed && values.iter().all(|value| *value > 0.), is_skewed])
        };
        let fits = (0..count).map(fits).collect::<Result<Vec<[bool; 2]>>>()?;
        let mut candidates = vec![Candidate { name: None, of_targets: vec![None; count] }];
        for (which, name) in [Log, YeoJohnson].into_iter().enumerate() {
            if fits.iter().any(|fits| fits[which]) {
                let of_targets = fits.iter().map(|fits| if fits[which] { name } else { None }).collect();
                candidates.push(Candidate { name, of_targets });
            }
        }
        Ok(candidates)
    }

    /// The data of network `index`, with the means of texts, the transforms, the scaling and the encoding
    /// that are fitted on `rows` and on no others.
    pub(super) fn scale(&self, index: usize, rows: &[u32], candidate: &Candidate) -> Result<Scaled> {
        let scaled = self.scale_alone(index, rows, candidate)?;
        let Learner { model, preparation, .. } = self.learner;
        let numbers = || vec![FeatureKind::Number; scaled.train.features()];
        let clipped = (*preparation == Preparation::RobustClip)
            .then(|| self.data.kinds().map_or_else(numbers, <[FeatureKind]>::to_vec));
        let fit = || FeatureEncoding::fit(&scaled.train, rows, model.bins, clipped.as_deref());
        let encoding = (model.bins > 0 || clipped.is_some()).then(fit).transpose()?;
        Ok(Scaled { encoding, ..scaled })
    }

    /// `data` with the features scaled: at once if they are few, and else whenever rows are selected, so that
    /// memory holds large data once and not once more for each network in training.
    fn with_scaled_features(&self, data: &Dataset, scaling: &Scaling) -> Result<Dataset> {
        let (x, y) = (data.x(), data.y().clone());
        let scaled = if x.elem_count() < LARGE {
            Dataset::new(scaling.apply(x)?, y)?.to_device(&self.device)
        } else {
            let scaling = scaling.clone();
            Dataset::mapped_late(x.clone(), y, move |x| scaling.apply(x), &self.device)
        };
        Ok(scaled?.with_target_names(data.target_names().to_vec())?)
    }

    /// Without the encoding.
    fn scale_alone(&self, index: usize, rows: &[u32], candidate: &Candidate) -> Result<Scaled> {
        let Learner { fill, seed, preparation, .. } = *self.learner;
        let mut rng = generator(seed, Stream::Encoding, index);
        let (data, means) = CategoryMeans::encode(&self.data, rows, &mut rng)?;
        let (features, targets) = match preparation {
            Preparation::Standardise | Preparation::RobustClip | Preparation::Quantile => {
                let transform = |i: usize, values: &[f64]| match candidate.of_targets[i] {
                    TargetTransform::Log => Some(Transform::Log),
                    TargetTransform::YeoJohnson => Transform::yeo_johnson(values),
                    TargetTransform::None | TargetTransform::Auto => None,
                };
                let targets = Scaling::transformed(data.y(), rows, transform)?;
                let targets =
                    if self.learner.train.clamp { targets.limited(data.y(), rows)? } else { targets };
                let features = match preparation {
                    Preparation::Quantile => Scaling::by_quantiles(&data, rows, fill)?,
                    _ => Scaling::standard_filled(&data, rows, fill)?,
                };
                (features, Some(targets))
            }
            Preparation::None if data.origins().is_none() => {
                let test = data.to_device(&self.device)?;
                let (features, targets, untransformed, encoding) = (None, None, None, None);
                let train = test.rounded()?;
                return Ok(Scaled { train, test, means, features, targets, untransformed, encoding });
            }
            Preparation::Fill | Preparation::None => (Scaling::only_filled(&data, rows, fill)?, None),
        };
        let test = self.with_scaled_features(&data, &features)?;
        let train = match &targets {
            Some(scaling) => test.with_y(&scaling.apply(data.y())?)?.rounded()?,
            None => test.rounded()?,
        };
        let is_transformed =
            targets.as_ref().is_some_and(|targets| targets.transforms().any(|t| t.is_some()));
        let untransformed = is_transformed.then(|| Scaling::standard(data.y(), rows)).transpose()?;
        Ok(Scaled { train, test, means, features: Some(features), targets, untransformed, encoding: None })
    }
}
