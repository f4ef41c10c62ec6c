//! The training and the test of one network, with its data scaled, its epochs recorded and its checkpoints
//! kept.

mod cost;
mod explained;
mod fitted;
mod keeper;
mod prepared;
mod training;
mod trainings;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use candle_core::Tensor;
use candle_nn::VarBuilder;
use tracing::field::Empty;
use tracing::{Span, debug, info, info_span, trace};

use crate::config::{Learner, TargetTransform};
use crate::course::Next;
use crate::data::{Dataset, Fold};
use crate::error::{Error, Result};
use crate::evaluate::{Evaluation, Readout, RowPrediction, evaluate_each, mean_loss};
use crate::metrics::Residuals;
use crate::nn::DynamicNet;
use crate::results::Validation;
use crate::run::{Checkpoint, EpochRecord, Predictions, RunOptions};
use crate::stop::Stop;
use crate::telemetry::PROGRESS;
use crate::validation::Split;
pub(crate) use cost::operations;
pub(crate) use explained::ask;
pub use fitted::Fitted;
use keeper::Keeper;
pub(crate) use prepared::Prepared;
use prepared::Scaled;
use training::{Task, Training};
use trainings::Trainings;

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
    let count = prepared.data.targets();
    let of_target = |target| {
        let of_member =
            |sizes: &Vec<f64>| sizes.iter().skip(target).step_by(count).copied().collect::<Vec<_>>();
        Residuals::new(fit.residuals.iter().flat_map(of_member).collect())
    };
    let residuals = fit.has_intervals.then(|| (0..count).map(of_target).collect());
    let rows = if fit.trainings.members() > 1 { fold.train.len() } else { fit.training.rows.len() };
    let Fit { training: Training { data: Scaled { means, features, targets, .. }, .. }, epochs, .. } = fit;
    let warnings = Vec::new();
    Ok(Fitted {
        net,
        category_means: means,
        features,
        targets,
        epochs,
        rows,
        validation,
        evaluation,
        predictions,
        intervals: None,
        residuals,
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
    task: Task<'a>,
    split: Split,
    keeper: Option<Keeper<'a>>,
    trainings: Trainings<'a>,
    training: Training,
    /// The parameters after the best epoch and the statistics of a batch norm, where these are to be taken;
    /// of a bag those of all members so far.
    best: BTreeMap<String, Tensor>,
    /// Whether there are to be intervals.
    has_intervals: bool,
    /// Where there are, of each member of a bag so far or of the one network, the sizes of the errors on the
    /// rows for validation after the epoch that is taken as things stand, row-major (rows, targets).
    residuals: Vec<Vec<f64>>,
    epochs: Vec<EpochRecord>,
    /// The seconds that the current epoch has taken so far.
    seconds: f64,
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
        let task = Task { prepared, index, fold, max_rows: options.max_rows };
        let mut split = task.split(0)?;
        let epochs = checkpoint.map_or_else(Vec::new, |checkpoint| checkpoint.epochs.clone());
        let candidates = prepared.candidates(&fold.train)?;
        let mut trainings = Trainings::new(candidates, prepared.learner, split.validation.len());
        for epoch in &epochs {
            trainings.push(epoch.validation_loss);
        }
        if let member @ 1.. = trainings.stage().member {
            split = task.split(member)?;
        }
        let mut training = task.begin(&trainings, &split, None)?;
        let (mut best, mut residuals, mut seconds) = (BTreeMap::new(), Vec::new(), 0.);
        if let Some(checkpoint) = checkpoint {
            training.trainer.load_state(&checkpoint.trainer)?;
            training.rows.clone_from(&checkpoint.rows);
            best.clone_from(&checkpoint.best);
            residuals.clone_from(&checkpoint.residuals);
            seconds = checkpoint.seconds;
        }
        let keeper = options.keep.map(|(directory, identity)| Keeper::new(directory, identity, index));
        let has_intervals = options.interval.is_some();
        Ok(Self { task, split, keeper, trainings, training, best, has_intervals, residuals, epochs, seconds })
    }

    /// Makes the epochs that are left, or as many steps of them as there is time for.
    fn train(&mut self, stop: &Stop) -> Result<()> {
        let (expected, fold) = (self.trainings.epochs(), Span::current());
        trace!(target: PROGRESS, delta = self.epochs.len().min(expected));
        while let Some(next) = self.trainings.next() {
            let Next { epoch, is_refit } = next;
            let (member, refit) = (self.member(), is_refit.then_some(true));
            let span = info_span!(
                "epoch",
                epoch,
                member,
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
            let is_done = self.trainings.next().is_none();
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
        let Self { training: Training { data, trainer, rows, .. }, trainings, keeper, .. } = self;
        let start = Instant::now();
        let mut pause = || stop.reason().is_some() || keeper.as_ref().is_some_and(Keeper::is_due);
        trainer.scale_rate(trainings.course().rate_factor());
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
        let Task { prepared, index, fold, .. } = self.task;
        let (train, validation) = (&prepared.learner.train, &self.split.validation);
        let is_validated = !refit && !validation.is_empty();
        let is_tested = self.keeper.is_some() && !fold.test.is_empty();
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
            fold: index,
            epoch,
            member: self.member(),
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
        let before = self.trainings.stage();
        let is_taken = self.trainings.push(record.validation_loss);
        if let Some(net) = net.filter(|_| is_taken && self.has_intervals) {
            let sizes = self.sizes_of_errors(net, before.member)?;
            self.residuals.resize(before.member + 1, Vec::new());
            self.residuals[before.member] = sizes;
        }
        if let Some(net) = net.filter(|_| is_taken && self.trainings.keeps_networks()) {
            let tensors = net.named_tensors()?;
            match self.trainings.members() {
                1 => self.best = tensors,
                _ => self.best.extend(member_tensors(before.member, tensors)),
            }
        }
        let now = self.trainings.stage();
        if now != before {
            let data = (now.candidate == before.candidate).then(|| self.training.data.clone());
            if now.member != before.member {
                self.split = self.task.split(now.member)?;
            }
            self.training = self.task.begin(&self.trainings, &self.split, data)?;
        }
        self.epochs.push(record);
        Ok(())
    }

    /// The sizes of the errors of `net`, which becomes `member`, on the rows for validation, row-major (rows,
    /// targets), without rows that members before it have had: a row counts once.
    fn sizes_of_errors(&self, net: &DynamicNet, member: usize) -> Result<Vec<f64>> {
        let Test { data, readout, .. } = self.test();
        let before = (0..member).map(|member| Ok(self.task.split(member)?.validation));
        let before: BTreeSet<u32> = before.collect::<Result<Vec<_>>>()?.concat().into_iter().collect();
        let rows = self.split.validation.iter().copied().filter(|row| !before.contains(row));
        let (rows, mut sizes) = (rows.collect::<Vec<_>>(), Vec::new());
        if !rows.is_empty() {
            evaluate_each(net, data, &rows, readout, false, |row| {
                sizes.extend(row.truth.iter().zip(row.mean).map(|(truth, mean)| (truth - mean).abs()));
                Ok(())
            })?;
        }
        Ok(sizes)
    }

    /// The member of a bag that is in training.
    fn member(&self) -> Option<usize> {
        (self.trainings.members() > 1).then(|| self.trainings.stage().member)
    }

    /// What the targets become in the training of now, if several transforms are tried.
    fn tried(&self) -> Option<TargetTransform> {
        self.trainings.are_several().then(|| self.trainings.candidate().name)
    }

    /// The network that was chosen: that of the best epoch, where this is wanted, or of the last.
    fn net(&self) -> Result<DynamicNet> {
        if self.best.is_empty() {
            return self.training.predicting_net();
        }
        let net = self.training.trainer.net();
        let best = self.best.iter().map(|(name, tensor)| (name.clone(), tensor.clone())).collect();
        let vb = VarBuilder::from_tensors(best, net.dtype(), net.device());
        let mut spec = net.spec().clone();
        if self.trainings.members() > 1 {
            spec.model.members = self.trainings.members();
        }
        Ok(DynamicNet::new(&spec, vb)?)
    }

    /// What the rows for validation showed, if there are any.
    fn validation(&self) -> Option<Validation> {
        let rows = self.split.validation.len();
        (rows > 0).then(|| self.trainings.validation())
    }

    /// The rows to test on.
    fn test(&self) -> Test<'_> {
        let Scaled { test, targets, .. } = &self.training.data;
        let quantiles = self.task.prepared.learner.train.predicted_quantiles();
        let readout = Readout { scaling: targets.as_ref(), quantiles };
        Test { data: test, rows: &self.task.fold.test, readout, index: self.task.index }
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
            residuals: self.residuals.clone(),
        })
    }
}

/// The tensors of a network that becomes member `member` of another; all take features encoded alike.
fn member_tensors(
    member: usize,
    tensors: BTreeMap<String, Tensor>,
) -> impl Iterator<Item = (String, Tensor)> {
    tensors.into_iter().map(move |(name, tensor)| {
        let is_shared = name.starts_with("encoding.");
        (if is_shared { name } else { format!("members.{member}.{name}") }, tensor)
    })
}

#[cfg(test)]
mod tests;
