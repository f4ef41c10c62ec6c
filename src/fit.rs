//! The training and the test of one network, with its data scaled, its epochs recorded and its checkpoints
//! kept.

use std::time::{Duration, Instant};

use candle_core::Device;
use candle_nn::VarMap;
use tracing::field::Empty;
use tracing::{Span, debug, info, info_span, trace};

use crate::config::{Learner, Preparation};
use crate::data::{Dataset, Fold, Scaling};
use crate::error::{Error, Result};
use crate::evaluate::{Evaluation, evaluate_each};
use crate::nn::{DynamicNet, seeded_builder};
use crate::ops::Loss;
use crate::random::{Stream, generator};
use crate::run::{Checkpoint, Checkpoints, EpochRecord, Identity, Predictions, RunDirectory, RunOptions};
use crate::stop::Stop;
use crate::telemetry::PROGRESS;
use crate::train::Trainer;

/// The data on the network's device, or on the CPU if they are scaled anew for each network.
pub(crate) struct Prepared<'a> {
    learner: &'a Learner,
    data: Dataset,
    device: Device,
}

/// The data of a network, on its device.
struct Scaled {
    /// What is trained on: features and targets, scaled.
    train: Dataset,
    /// What is tested on: the features scaled, the targets as they are.
    test: Dataset,
    features: Option<Scaling>,
    targets: Option<Scaling>,
}

impl<'a> Prepared<'a> {
    pub(crate) fn new(learner: &'a Learner, data: &Dataset, device: &Device) -> Result<Self> {
        let is_fitted = learner.preparation != Preparation::None;
        let data = data.to_device(if is_fitted { &Device::Cpu } else { device })?;
        Ok(Self { learner, data, device: device.clone() })
    }

    /// The data with the scaling that is fitted on the training rows of `fold` and on no others.
    fn scale(&self, fold: &Fold) -> Result<Scaled> {
        let data = &self.data;
        let (features, targets) = match self.learner.preparation {
            Preparation::Standardise => {
                let targets = Scaling::standard(data.y(), &fold.train)?;
                (Scaling::standard_features(data, &fold.train)?, Some(targets))
            }
            Preparation::None if data.origins().is_none() => {
                let (train, test) = (data.rounded()?, data.clone());
                return Ok(Scaled { train, test, features: None, targets: None });
            }
            Preparation::Fill | Preparation::None => (Scaling::filling_features(data, &fold.train)?, None),
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
    /// The errors on the rows to test on, if there are any.
    pub evaluation: Option<Evaluation>,
    /// The predictions of those rows.
    pub predictions: Predictions,
    /// What is suspicious about the training, in sentences that say what to do.
    pub warnings: Vec<String>,
    /// How long it took in seconds, with the earlier parts of a run that was resumed.
    pub seconds: f64,
}

/// Trains network `index` on the training rows of `fold` and tests it on its test rows, of which there may be
/// none, in the current span. It resumes from `checkpoint` if there is one. `stop` is asked after every step.
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
    let Scaled { train, test, features, targets } = prepared.scale(fold)?;
    let mut fit = Fit::new(prepared.learner, index, fold, options, &train)?;
    fit.unit = unit(prepared.learner.train.loss(), targets.as_ref());
    let before = checkpoint.map_or(Ok(0.), |checkpoint| fit.restore(checkpoint))?;
    let test = Test { data: &test, rows: &fold.test, scaling: targets.as_ref(), index };
    fit.train(&train, &test, stop)?;
    let depths = fit.trainer.net().depths().collect();
    let mut predictions = Predictions::new(prepared.data.target_names().to_vec(), depths);
    let net = fit.trainer.predicting_net()?;
    let has_test = !fold.test.is_empty();
    let evaluation = has_test.then(|| test.evaluate(&net, Some(&mut predictions))).transpose()?;
    let seconds = before + start.elapsed().as_secs_f64();
    info!(mse = evaluation.as_ref().map(|evaluation| evaluation.metrics.mse), seconds, "fold done");
    let (epochs, warnings) = (fit.epochs, Vec::new());
    Ok(Fitted { net, features, targets, epochs, evaluation, predictions, warnings, seconds })
}

/// Fails where `stop` says so.
fn check(stop: &Stop) -> Result<()> {
    stop.reason().map_or(Ok(()), |reason| Err(Error::Stopped(reason)))
}

/// The rows to test on.
struct Test<'a> {
    data: &'a Dataset,
    rows: &'a [u32],
    scaling: Option<&'a Scaling>,
    index: usize,
}

impl Test<'_> {
    /// The errors on the rows, whose predictions are added to `predictions`.
    fn evaluate(&self, net: &DynamicNet, mut predictions: Option<&mut Predictions>) -> Result<Evaluation> {
        evaluate_each(net, self.data, self.rows, self.scaling, |row| match predictions.as_mut() {
            Some(to) => to.push(row.row as usize, self.index, row.truth, row.mean, row.by_depth),
            None => Ok(()),
        })
    }
}

/// A network in training.
struct Fit<'a> {
    learner: &'a Learner,
    index: usize,
    keeper: Option<Keeper<'a>>,
    trainer: Trainer,
    rows: Vec<u32>,
    epochs: Vec<EpochRecord>,
    /// The seconds that the current epoch has taken so far.
    seconds: f64,
    /// By what a loss of scaled targets is multiplied.
    unit: f64,
}

impl<'a> Fit<'a> {
    fn new(
        learner: &'a Learner,
        index: usize,
        fold: &Fold,
        options: &'a RunOptions,
        data: &Dataset,
    ) -> Result<Self> {
        let vars = VarMap::new();
        let init = generator(learner.seed, Stream::Init, index);
        let vb = seeded_builder(&vars, init, data.x().dtype(), data.x().device());
        let net = DynamicNet::new(&learner.model.network(data.features(), data.targets()), vb)?;
        let trainer = Trainer::new(net, &vars, &learner.train, learner.seed, index)?;
        let mut rows = fold.train.clone();
        rows.truncate(options.max_rows.unwrap_or(rows.len()));
        let keeper = options.keep.map(|(directory, identity)| Keeper::new(directory, identity, index));
        Ok(Self { learner, index, keeper, trainer, rows, epochs: Vec::new(), seconds: 0., unit: 1. })
    }

    /// Resumes from `checkpoint`, and returns how long training had taken by then.
    fn restore(&mut self, checkpoint: &Checkpoint) -> Result<f64> {
        self.trainer.load_state(&checkpoint.trainer)?;
        self.rows.clone_from(&checkpoint.rows);
        self.epochs.clone_from(&checkpoint.epochs);
        self.seconds = checkpoint.seconds;
        Ok(self.seconds + self.epochs.iter().map(|epoch| epoch.seconds).sum::<f64>())
    }

    /// Makes the epochs that are left, or as many steps of them as there is time for.
    fn train(&mut self, data: &Dataset, test: &Test, stop: &Stop) -> Result<()> {
        let (epochs, fold) = (self.learner.train.epochs, Span::current());
        trace!(target: PROGRESS, delta = self.epochs.len());
        while self.epochs.len() < epochs {
            let span = info_span!("epoch", epoch = self.epochs.len(), train_loss = Empty, seconds = Empty);
            let _entered = span.enter();
            if let Some(loss) = self.advance(data, stop)? {
                let record = self.record(loss * self.unit, test)?;
                span.record("train_loss", record.train_loss).record("seconds", record.seconds);
                debug!("epoch done");
                trace!(target: PROGRESS, parent: &fold, delta = 1, train_loss = record.train_loss);
                self.epochs.push(record);
            }
            let stopped = check(stop);
            let is_done = self.epochs.len() == epochs;
            if stopped.is_err() || is_done || self.keeper.as_ref().is_some_and(Keeper::is_due) {
                self.save()?;
            }
            stopped?;
        }
        Ok(())
    }

    /// Trains until the end of the epoch, and returns its mean squared error, or until there is something
    /// else to do.
    fn advance(&mut self, data: &Dataset, stop: &Stop) -> Result<Option<f64>> {
        let Self { trainer, rows, keeper, .. } = self;
        let start = Instant::now();
        let mut pause = || stop.reason().is_some() || keeper.as_ref().is_some_and(Keeper::is_due);
        let mse = trainer.advance(data, rows, &mut pause)?;
        self.seconds += start.elapsed().as_secs_f64();
        Ok(mse)
    }

    /// The results of the epoch that is done. Only a run that is kept is tested after each.
    fn record(&mut self, train_loss: f64, test: &Test) -> Result<EpochRecord> {
        let validation = match &self.keeper {
            Some(_) if !test.rows.is_empty() => {
                Some(test.evaluate(&self.trainer.predicting_net()?, None)?.metrics)
            }
            _ => None,
        };
        let (epoch, seconds) = (self.epochs.len(), self.seconds);
        let (train, rows) = (&self.learner.train, self.rows.len());
        let lr = train.rate((epoch as u64 + 1).saturating_mul(train.steps(rows)).saturating_sub(1), rows);
        self.seconds = 0.;
        let record = EpochRecord { fold: self.index, epoch, train_loss, validation, lr, seconds };
        if let Some(keeper) = &self.keeper {
            keeper.directory.add_epoch(&record)?;
        }
        Ok(record)
    }

    fn save(&mut self) -> Result<()> {
        let Some(keeper) = &mut self.keeper else { return Ok(()) };
        keeper.last = Instant::now();
        keeper.checkpoints.save(&Checkpoint {
            identity: keeper.identity.clone(),
            trainer: self.trainer.state()?,
            rows: self.rows.clone(),
            epochs: self.epochs.clone(),
            seconds: self.seconds,
        })
    }
}

/// Where a network's checkpoints go, and when.
struct Keeper<'a> {
    directory: &'a RunDirectory,
    identity: &'a Identity,
    checkpoints: Checkpoints,
    every: Duration,
    last: Instant,
}

impl<'a> Keeper<'a> {
    fn new(directory: &'a RunDirectory, identity: &'a Identity, index: usize) -> Self {
        let (checkpoints, every) = (directory.checkpoints(index), directory.checkpoint_time());
        Self { directory, identity, checkpoints, every, last: Instant::now() }
    }

    /// Whether it is time for a checkpoint.
    fn is_due(&self) -> bool {
        self.last.elapsed() >= self.every
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
