//! The preparation of a network's data, fitted on the rows that it is trained on.

use candle_core::Device;

use crate::config::{Learner, Preparation};
use crate::data::{Dataset, Scaling};
use crate::error::{Error, Result};
use crate::run::quantile_column;

/// The data on the network's device, or on the CPU if they are scaled anew for each network.
pub(crate) struct Prepared<'a> {
    pub(super) learner: &'a Learner,
    pub(super) data: Dataset,
    device: Device,
}

/// The data of a network, on its device.
pub(super) struct Scaled {
    /// What is trained on: features and targets, scaled.
    pub(super) train: Dataset,
    /// What is tested on: the features scaled, the targets as they are.
    pub(super) test: Dataset,
    pub(super) features: Option<Scaling>,
    pub(super) targets: Option<Scaling>,
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
        let is_fitted = learner.preparation != Preparation::None;
        let data = data.to_device(if is_fitted { &Device::Cpu } else { device })?;
        Ok(Self { learner, data, device: device.clone() })
    }

    /// The data with the scaling that is fitted on `rows` and on no others.
    pub(super) fn scale(&self, rows: &[u32]) -> Result<Scaled> {
        let data = &self.data;
        let (features, targets) = match self.learner.preparation {
            Preparation::Standardise => {
                let targets = Scaling::standard(data.y(), rows)?;
                (Scaling::standard_features(data, rows)?, Some(targets))
            }
            Preparation::None if data.origins().is_none() => {
                let (train, test) = (data.rounded()?, data.clone());
                return Ok(Scaled { train, test, features: None, targets: None });
            }
            Preparation::Fill | Preparation::None => (Scaling::filling_features(data, rows)?, None),
        };
        let test = Dataset::new(features.apply(data.x())?, data.y().clone())?
            .with_target_names(data.target_names().to_vec())?
            .to_device(&self.device)?;
        let train = match &targets {
            Some(scaling) => {
                let y = scaling.apply(data.y())?.to_device(&self.device)?;
                Dataset::new(test.x().clone(), y)?.rounded()?
            }
            None => test.rounded()?,
        };
        Ok(Scaled { train, test, features: Some(features), targets })
    }
}
