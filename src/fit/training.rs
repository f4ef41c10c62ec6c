//! One of the trainings of a network, on some rows.

use std::sync::PoisonError;

use candle_core::{DType, Device, Tensor, Var};
use candle_nn::VarMap;
use rand::Rng;

use super::prepared::{Prepared, Scaled};
use super::trainings::{Stage, Trainings};
use crate::config::Learner;
use crate::data::{FeatureEncoding, Fold, Scaling};
use crate::error::{Error, Result};
use crate::nn::{DynamicNet, DynamicNetSpec, ModelConfig, seeded_builder};
use crate::ops::Loss;
use crate::random::{Stream, generator};
use crate::train::Trainer;
use crate::validation::Split;

/// What is to be trained: network `index`, on the training rows of `fold`.
#[derive(Clone, Copy)]
pub(super) struct Task<'a> {
    pub(super) prepared: &'a Prepared<'a>,
    pub(super) index: usize,
    pub(super) fold: &'a Fold,
    /// The most rows that it is trained on.
    pub(super) max_rows: Option<usize>,
}

/// What is trained on some rows: of a network the first time, or all over again, or a member of a bag.
pub(super) struct Training {
    pub(super) data: Scaled,
    pub(super) trainer: Trainer,
    pub(super) rows: Vec<u32>,
    /// By what a loss of scaled targets is multiplied.
    pub(super) unit: f64,
    /// By what one of targets that are scaled but not transformed is.
    pub(super) own_unit: f64,
}

impl Task<'_> {
    /// The rows of the first trainings, of a bag those of `member`.
    pub(super) fn split(&self, member: usize) -> Result<Split> {
        let Self { prepared, index, fold, .. } = self;
        Split::new(&prepared.data, prepared.learner, &fold.train, *index, member)
    }

    /// Begins the training that is next of `trainings`, whose rows are divided by `split`. The members of a
    /// bag are parts of one network and take the same features: so they have the data of the member `before`,
    /// and these are scaled by all training rows.
    pub(super) fn begin(
        &self,
        trainings: &Trainings,
        split: &Split,
        before: Option<Scaled>,
    ) -> Result<Training> {
        let (Stage { member, is_refit, .. }, learner) = (trainings.stage(), self.prepared.learner);
        let is_bagged = trainings.members() > 1;
        let rows = if is_refit { &self.fold.train } else { &split.train };
        let fitted_on = if is_bagged { &self.fold.train } else { rows };
        let scale = || self.prepared.scale(self.index, fitted_on, trainings.candidate());
        let data = before.filter(|_| is_bagged).map_or_else(scale, Ok)?;
        let rows = &rows[..self.max_rows.unwrap_or(rows.len()).min(rows.len())];
        if !is_bagged {
            return Training::new(learner, self.index, rows, data);
        }
        let mut seeds = generator(learner.seed, Stream::Members, self.index);
        let seed = (0..member).fold(seeds.random(), |_, _| seeds.random());
        let model = ModelConfig { members: 1, ..learner.model.clone() };
        Training::new(&Learner { model, seed, ..learner.clone() }, self.index, rows, data)
    }
}

impl Training {
    /// Prepares the training of network `index` by `learner` on `rows` of `data`.
    fn new(learner: &Learner, index: usize, rows: &[u32], data: Scaled) -> Result<Self> {
        let (vars, init) = (VarMap::new(), generator(learner.seed, Stream::Init, index));
        let (dtype, device) = (data.train.x().dtype(), data.train.device());
        let vb = seeded_builder(&vars, init, dtype, device);
        let outputs = data.train.targets() * learner.train.loss().outputs();
        let encoded = encode(&vars, data.encoding.as_ref(), dtype, device)?;
        let spec = learner.model.network(data.train.features(), outputs);
        let spec = DynamicNetSpec { encoded, ..spec };
        let trainer = Trainer::new(DynamicNet::new(&spec, vb)?, &vars, &learner.train, learner.seed, index)?;
        let [unit, own_unit] = match &data.untransformed {
            // It is no unit that a transformed target has.
            Some(untransformed) => [1., unit(learner.train.loss(), Some(untransformed))],
            None => [unit(learner.train.loss(), data.targets.as_ref()); 2],
        };
        Ok(Self { data, trainer, rows: rows.to_vec(), unit, own_unit })
    }

    /// The network that is to predict as things stand; a batch norm has the statistics of the rows that it is
    /// trained on.
    pub(super) fn predicting_net(&self) -> Result<DynamicNet> {
        let rows_of = |range| Ok(self.data.train.select(&self.rows[range])?.0);
        self.trainer.predicting_net()?.with_statistics_of::<Error>(self.rows.len(), rows_of)
    }
}

/// Makes the encoding of the features, if there is one, variables of the network that is to be; returns the
/// number of its columns.
fn encode(vars: &VarMap, encoding: Option<&FeatureEncoding>, dtype: DType, device: &Device) -> Result<usize> {
    let Some(encoding) = encoding else { return Ok(0) };
    let mut vars = vars.data().lock().unwrap_or_else(PoisonError::into_inner);
    for (name, numbers) in encoding.named() {
        let numbers = Tensor::new(numbers, device)?.to_dtype(dtype)?;
        vars.insert(format!("encoding.{name}"), Var::from_tensor(&numbers)?);
    }
    Ok(encoding.columns())
}

/// By what a loss of scaled targets is multiplied to be in the target's own units; 1 for several targets,
/// each of which has its own.
fn unit(loss: Loss, scaling: Option<&Scaling>) -> f64 {
    let scales: Vec<_> = scaling.into_iter().flat_map(Scaling::scales).collect();
    match scales[..] {
        [scale] => loss.unit(scale),
        _ => 1.,
    }
}
