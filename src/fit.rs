//! The training and the test of one network, with its data scaled, its epochs recorded and its checkpoints
//! kept.

mod keeper;
mod prepared;
mod trials;

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::Instant;

use candle_core::{Tensor, Var};
use candle_nn::{VarBuilder, VarMap};
use tracing::field::Empty;
use tracing::{Span, debug, info, info_span, trace};

use crate::config::{Learner, TargetTransform};
use crate::course::Next;
use crate::data::{Dataset, Fold, PiecewiseLinear, Scaling, Transform};
use crate::error::{Error, Result};
use crate::evaluate::{Evaluation, Readout, RowPrediction, evaluate_each, mean_loss};
use crate::nn::{DynamicNet, DynamicNetSpec, seeded_builder};
use crate::ops::Loss;
use crate::random::{Stream, generator};
use crate::results::Validation;
use crate::run::{Checkpoint, EpochRecord, Predictions, RunOptions};
use crate::stop::Stop;
use crate::telemetry::PROGRESS;
use crate::train::Trainer;
use crate::validation::Split;
use keeper::Keeper;
pub(crate) use prepared::Prepared;
use prepared::{Candidate, Scaled};
use trials::Trials;

/// A trained network and its results.
#[derive(Debug)]
pub struct Fitted {
    /// The network, whose features and targets are scaled.
    pub net: DynamicNet,
    /// The scaling of the features, if they are scaled or their missing values filled in.
    pub features: Option<Scaling>,
    /// The scaling of the targets, if they are scaled.
    pub targets: Option<Scaling>,
    /// The results of each epoch, in the target's own units if there is one target.
    pub epochs: Vec<EpochRecord>,
    /// The number of rows that the network was trained on.
    pub rows: usize,
    /// What the rows that were set aside for validation showed, if there were any.
    pub validation: Option<Validation>,
    /// The errors on the rows to test on, if there are any.
    pub evaluation: Option<Evaluation>,
    /// The predictions of those rows.
    pub predictions: Predictions,
    /// What is suspicious about the training, in sentences that say what to do.
    pub warnings: Vec<String>,
    /// How long it took in seconds, with the earlier parts of a run that was resumed.
    pub seconds: f64,
}

impl Fitted {
    /// The mean loss that training met in each epoch of the training that the network comes of.
    pub fn train_loss(&self) -> Vec<f64> {
        let has_refit = self.epochs.iter().any(|epoch| epoch.refit);
        let tried = self.validation.as_ref().and_then(Validation::chosen).map(|trial| trial.transform);
        let of_it =
            self.epochs.iter().filter(|epoch| epoch.refit == has_refit && epoch.target_transform == tried);
        of_it.map(|epoch| epoch.train_loss).collect()
    }

    /// The transform of each target, or nothing if none has one.
    pub fn transforms(&self) -> Vec<Option<Transform>> {
        let transforms = self.targets.iter().flat_map(Scaling::transforms).collect::<Vec<_>>();
        if transforms.iter().any(Option::is_some) { transforms } else { Vec::new() }
    }

    /// That of the last epoch of the network, after which its training may have gone on.
    pub fn last_train_loss(&self) -> Option<f64> {
        let losses = self.train_loss();
        let epochs = self.validation.as_ref().map_or(losses.len(), |validation| validation.selected);
        losses.get(epochs.checked_sub(1)?).copied()
    }
}

/// Trains network `index` on the training rows of `fold`, without those that are set aside for validation,
/// and tests it on its test rows, of which there may be none, in the current span. It resumes from
/// `checkpoint` if there is one. `stop` is asked after every step.
pub(crate) fn fit(
    prepared: &Prepared,
    index: usize,
    fold: &Fold,
    options: &RunOptions,
    checkpoint: Option<&Checkpoint>,
    stop: &Stop,
) -> Result<Fitted> {
    let start = Instant::now();
    check(stop)?;
    let mut fit = Fit::new(prepared, index, fold, options, checkpoint)?;
    let before = fit.seconds + fit.epochs.iter().map(|epoch| epoch.seconds).sum::<f64>();
    fit.train(stop)?;
    let net = fit.net()?;
    let quantiles = prepared.learner.train.predicted_quantiles();
    let mut predictions = Predictions::new(prepared.data.target_names().to_vec(), net.depths().collect())
        .with_quantiles(quantiles.map(Vec::from).unwrap_or_default())
        .with_exits(net.gate().is_some());
    let has_test = !fold.test.is_empty();
    let evaluation = has_test.then(|| fit.test().evaluate(&net, Some(&mut predictions))).transpose()?;
    let validation = fit.validation();
    let seconds = before + start.elapsed().as_secs_f64();
    if let Some(chosen) = validation.as_ref().and_then(Validation::chosen) {
        let losses: Vec<_> = validation
            .iter()
            .flat_map(|v| &v.trials)
            .map(|trial| (trial.transform.name(), trial.loss))
            .collect();
        info!(transform = chosen.transform.name(), ?losses, "transform of the targets chosen");
    }
    info!(
        mse = evaluation.as_ref().map(|evaluation| evaluation.metrics.mse),
        epochs = validation.as_ref().map(|validation| validation.loss.len()),
        selected = validation.as_ref().map(|validation| validation.selected),
        seconds,
        "fold done"
    );
    let Fit { training: Training { data: Scaled { features, targets, .. }, rows, .. }, epochs, .. } = fit;
    let (rows, warnings) = (rows.len(), Vec::new());
    Ok(Fitted {
        net,
        features,
        targets,
        epochs,
        rows,
        validation,
        evaluation,
        predictions,
        warnings,
        seconds,
    })
}

/// The learner with the members and the epochs that its steps allow on `rows` rows, which is logged where
/// they are fewer.
pub(crate) fn within_steps(learner: &Learner, rows: usize) -> Learner {
    let within = learner.for_rows(rows);
    if within != *learner {
        let (members, epochs, max_steps) =
            (within.model.members, within.train.epochs, within.train.max_steps);
        info!(members, epochs, max_steps, "as many as the steps allow");
    }
    within
}

/// Fails where `stop` says so.
fn check(stop: &Stop) -> Result<()> {
    stop.reason().map_or(Ok(()), |reason| Err(Error::Stopped(reason)))
}

/// The rows to test on.
struct Test<'a> {
    data: &'a Dataset,
    rows: &'a [u32],
    readout: Readout<'a>,
    index: usize,
}

impl Test<'_> {
    /// The errors on the rows; with details if their predictions are added to `predictions`.
    fn evaluate(&self, net: &DynamicNet, mut predictions: Option<&mut Predictions>) -> Result<Evaluation> {
        let has_details = predictions.is_some();
        evaluate_each(net, self.data, self.rows, self.readout, has_details, |row| {
            let RowPrediction { row, truth, mean, by_depth, quantiles, exit } = row;
            let numbers = [truth, mean, by_depth, quantiles];
            predictions.as_mut().map_or(Ok(()), |to| to.push_all(row as usize, self.index, numbers, exit))
        })
    }
}

/// A network in training.
struct Fit<'a> {
    prepared: &'a Prepared<'a>,
    index: usize,
    fold: &'a Fold,
    split: Split,
    max_rows: Option<usize>,
    keeper: Option<Keeper<'a>>,
    trials: Trials<'a>,
    training: Training,
    /// The parameters after the best epoch and the statistics of a batch norm, where these are to be taken.
    best: BTreeMap<String, Tensor>,
    epochs: Vec<EpochRecord>,
    /// The seconds that the current epoch has taken so far.
    seconds: f64,
}

/// What is trained on some rows: of a network the first time, or all over again.
struct Training {
    data: Scaled,
    trainer: Trainer,
    rows: Vec<u32>,
    /// By what a loss of scaled targets is multiplied.
    unit: f64,
    /// By what one of targets that are scaled but not transformed is.
    own_unit: f64,
}

impl Training {
    fn new(
        prepared: &Prepared,
        index: usize,
        rows: &[u32],
        candidate: &Candidate,
        max_rows: Option<usize>,
    ) -> Result<Self> {
        let (learner, data) = (prepared.learner, prepared.scale(rows, candidate)?);
        let (vars, init) = (VarMap::new(), generator(learner.seed, Stream::Init, index));
        let x = data.train.x();
        let vb = seeded_builder(&vars, init, x.dtype(), x.device());
        let outputs = data.train.targets() * learner.train.loss().outputs();
        let encoded = encode(&vars, &data.train, rows, learner.model.bins)?;
        let spec = learner.model.network(data.train.features(), outputs);
        let spec = DynamicNetSpec { encoded, ..spec };
        let trainer = Trainer::new(DynamicNet::new(&spec, vb)?, &vars, &learner.train, learner.seed, index)?;
        let rows = rows[..max_rows.unwrap_or(rows.len()).min(rows.len())].to_vec();
        let [unit, own_unit] = match &data.untransformed {
            // It is no unit that a transformed target has.
            Some(untransformed) => [1., unit(learner.train.loss(), Some(untransformed))],
            None => [unit(learner.train.loss(), data.targets.as_ref()); 2],
        };
        Ok(Self { data, trainer, rows, unit, own_unit })
    }

    /// The network that is to predict as things stand; a batch norm has the statistics of the rows that it is
    /// trained on.
    fn predicting_net(&self) -> Result<DynamicNet> {
        let rows_of = |range| Ok(self.data.train.select(&self.rows[range])?.0);
        self.trainer.predicting_net()?.with_statistics_of::<Error>(self.rows.len(), rows_of)
    }
}

/// Fits the encoding of the features of `data` with up to `bins` bins over `rows`, if there are any, and
/// makes it variables of the network that is to be; returns the number of its columns.
fn encode(vars: &VarMap, data: &Dataset, rows: &[u32], bins: usize) -> Result<usize> {
    if bins == 0 {
        return Ok(0);
    }
    let (encoding, x) = (PiecewiseLinear::fit(data, rows, bins)?, data.x());
    let mut vars = vars.data().lock().unwrap_or_else(PoisonError::into_inner);
    for (name, numbers) in encoding.named() {
        let numbers = Tensor::new(numbers, x.device())?.to_dtype(x.dtype())?;
        vars.insert(format!("encoding.{name}"), Var::from_tensor(&numbers)?);
    }
    Ok(encoding.columns())
}

impl<'a> Fit<'a> {
    /// Begins, or resumes from `checkpoint`.
    fn new(
        prepared: &'a Prepared,
        index: usize,
        fold: &'a Fold,
        options: &'a RunOptions,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<Self> {
        let (learner, max_rows) = (prepared.learner, options.max_rows);
        let split = Split::new(&prepared.data, learner, &fold.train, index)?;
        let epochs = checkpoint.map_or_else(Vec::new, |checkpoint| checkpoint.epochs.clone());
        let candidates = prepared.candidates(&fold.train)?;
        let mut trials =
            Trials::new(candidates, &learner.train, learner.model.halting, split.validation.len());
        for epoch in &epochs {
            trials.push(epoch.validation_loss);
        }
        let rows = if trials.course().is_refit() { &fold.train } else { &split.train };
        let mut training = Training::new(prepared, index, rows, trials.candidate(), max_rows)?;
        let (mut best, mut seconds) = (BTreeMap::new(), 0.);
        if let Some(checkpoint) = checkpoint {
            training.trainer.load_state(&checkpoint.trainer)?;
            training.rows.clone_from(&checkpoint.rows);
            best.clone_from(&checkpoint.best);
            seconds = checkpoint.seconds;
        }
        let keeper = options.keep.map(|(directory, identity)| Keeper::new(directory, identity, index));
        Ok(Self { prepared, index, fold, split, max_rows, keeper, trials, training, best, epochs, seconds })
    }

    /// Makes the epochs that are left, or as many steps of them as there is time for.
    fn train(&mut self, stop: &Stop) -> Result<()> {
        let (expected, fold) = (self.prepared.learner.train.epochs, Span::current());
        trace!(target: PROGRESS, delta = self.epochs.len().min(expected));
        while let Some(next) = self.trials.next() {
            let Next { epoch, is_refit } = next;
            let refit = is_refit.then_some(true);
            let span = info_span!(
                "epoch",
                epoch,
                refit,
                train_loss = Empty,
                validation_loss = Empty,
                seconds = Empty
            );
            let _entered = span.enter();
            if let Some(loss) = self.advance(stop)? {
                let (record, net) = self.record(next, loss)?;
                let EpochRecord { train_loss, validation_loss, seconds, .. } = record;
                span.record("train_loss", train_loss).record("seconds", seconds);
                span.record("validation_loss", validation_loss);
                debug!("epoch done");
                let delta = usize::from(self.epochs.len() < expected);
                trace!(target: PROGRESS, parent: &fold, delta, train_loss);
                self.push(record, net.as_ref())?;
            }
            let stopped = check(stop);
            let is_done = self.trials.next().is_none();
            if stopped.is_err() || is_done || self.keeper.as_ref().is_some_and(Keeper::is_due) {
                self.save()?;
            }
            stopped?;
        }
        trace!(target: PROGRESS, delta = expected.saturating_sub(self.epochs.len()));
        Ok(())
    }

    /// Trains until the end of the epoch, and returns its mean loss, or until there is something else to do.
    fn advance(&mut self, stop: &Stop) -> Result<Option<f64>> {
        let Self { training: Training { data, trainer, rows, .. }, trials, keeper, .. } = self;
        let start = Instant::now();
        let mut pause = || stop.reason().is_some() || keeper.as_ref().is_some_and(Keeper::is_due);
        trainer.scale_rate(trials.course().rate_factor());
        let loss = trainer.advance(&data.train, rows, &mut pause)?;
        self.seconds += start.elapsed().as_secs_f64();
        Ok(loss)
    }

    /// The results of the epoch that is done, and the network that they are of, if there are any. Only a run
    /// that is kept is tested after each.
    fn record(
        &mut self,
        Next { epoch, is_refit: refit }: Next,
        loss: f64,
    ) -> Result<(EpochRecord, Option<DynamicNet>)> {
        let Training { data, trainer, rows, unit, own_unit } = &self.training;
        let (train, validation) = (&self.prepared.learner.train, &self.split.validation);
        let is_validated = !refit && !validation.is_empty();
        let is_tested = self.keeper.is_some() && !self.fold.test.is_empty();
        let net = (is_validated || is_tested).then(|| self.training.predicting_net()).transpose()?;
        let validation_loss = (net.as_ref().filter(|_| is_validated))
            .map(|net| match (&data.targets, &data.untransformed) {
                (Some(targets), Some(own)) => {
                    mean_loss(net, train.loss(), &data.test, validation, Some([targets, own]))
                }
                _ => mean_loss(net, train.loss(), &data.train, validation, None),
            })
            .transpose()?
            .map(|loss| loss * own_unit);
        let of_test = net.as_ref().filter(|_| is_tested);
        let test = of_test.map(|net| self.test().evaluate(net, None)).transpose()?;
        let steps = (epoch as u64 + 1).saturating_mul(train.steps(rows.len()));
        let record = EpochRecord {
            fold: self.index,
            epoch,
            refit,
            target_transform: self.tried(),
            train_loss: loss * unit,
            validation_loss,
            test: test.map(|test| test.metrics),
            lr: trainer.rate(steps.saturating_sub(1), rows.len()),
            seconds: self.seconds,
        };
        self.seconds = 0.;
        if let Some(keeper) = &self.keeper {
            keeper.directory.add_epoch(&record)?;
        }
        Ok((record, net))
    }

    /// Takes note of the results of an epoch, and keeps the parameters of their network or begins the second
    /// training where they say so.
    fn push(&mut self, record: EpochRecord, net: Option<&DynamicNet>) -> Result<()> {
        let stage = |trials: &Trials| (trials.current(), trials.course().is_refit());
        let before = stage(&self.trials);
        let is_kept = self.trials.push(record.validation_loss);
        if let Some(net) = net.filter(|_| is_kept) {
            self.best = net.named_tensors()?;
        }
        let (current, is_refit) = stage(&self.trials);
        if (current, is_refit) != before {
            let rows = if is_refit { &self.fold.train } else { &self.split.train };
            let candidate = self.trials.candidate();
            self.training = Training::new(self.prepared, self.index, rows, candidate, self.max_rows)?;
        }
        self.epochs.push(record);
        Ok(())
    }

    /// What the targets become in the training of now, if several transforms are tried.
    fn tried(&self) -> Option<TargetTransform> {
        self.trials.are_several().then(|| self.trials.candidate().name)
    }

    /// The network that was chosen: that of the best epoch, where this is wanted, or of the last.
    fn net(&self) -> Result<DynamicNet> {
        if self.best.is_empty() {
            return self.training.predicting_net();
        }
        let net = self.training.trainer.net();
        let best = self.best.iter().map(|(name, tensor)| (name.clone(), tensor.clone())).collect();
        let vb = VarBuilder::from_tensors(best, net.dtype(), net.device());
        Ok(DynamicNet::new(net.spec(), vb)?)
    }

    /// What the rows for validation showed, if there are any.
    fn validation(&self) -> Option<Validation> {
        let rows = self.split.validation.len();
        (rows > 0).then(|| self.trials.validation())
    }

    /// The rows to test on.
    fn test(&self) -> Test<'_> {
        let Scaled { test, targets, .. } = &self.training.data;
        let quantiles = self.prepared.learner.train.predicted_quantiles();
        let readout = Readout { scaling: targets.as_ref(), quantiles };
        Test { data: test, rows: &self.fold.test, readout, index: self.index }
    }

    fn save(&mut self) -> Result<()> {
        let Some(keeper) = &mut self.keeper else { return Ok(()) };
        keeper.last = Instant::now();
        keeper.checkpoints.save(&Checkpoint {
            identity: keeper.identity.clone(),
            trainer: self.training.trainer.state()?,
            rows: self.training.rows.clone(),
            epochs: self.epochs.clone(),
            seconds: self.seconds,
            best: self.best.clone(),
        })
    }
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

#[cfg(test)]
mod tests;
