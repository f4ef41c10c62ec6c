//! K-fold cross-validation, folds side by side.

use std::mem;
use std::time::Instant;

use candle_core::Device;
use tracing::{info, info_span};

use crate::config::{Learner, device_names};
use crate::convergence::too_short;
use crate::data::{Dataset, Transform};
use crate::error::{Error, Result};
use crate::evaluate::{Evaluation, TargetErrors};
use crate::explain::{self, Explained, Explanation, Grids};
use crate::fit::{Fitted, Prepared, ask, fit, within_steps};
use crate::intervals::{check_columns, out_of_fold};
use crate::metrics::{Accumulator, Details, Intervals, Kept, check_level};
use crate::parallel::run_ordered;
use crate::partition::Partition;
use crate::results::{FoldReport, Validation, watched};
use crate::run::{EpochRecord, Predicted, Predictions, RunOptions};
use crate::text::list;
use crate::validation::check_validation;

/// Of fewer rows the errors of a fold say little.
const FEW_ROWS: usize = 10;

/// The results of a cross-validation.
#[derive(Debug, Clone, PartialEq)]
pub struct CrossValidated {
    /// The errors of each fold.
    pub folds: Vec<FoldReport>,
    /// Their mean.
    pub mean: Evaluation,
    /// Their sample standard deviation.
    pub std: Evaluation,
    /// The errors of all tested rows together, each predicted by networks that have not seen it.
    pub pooled: Evaluation,
    /// The predictions of the tested rows in order, each by the network that has not seen it, once in each
    /// repetition.
    pub predictions: Predictions,
    /// How well intervals of the predictions cover the truths, if there are to be intervals.
    pub intervals: Option<Intervals>,
    /// What the predictions depend on, where `options` ask.
    pub explanation: Option<Explanation>,
    /// What is suspicious about the folds or the training, in sentences that say what to do.
    pub warnings: Vec<String>,
    /// How long it took in seconds.
    pub seconds: f64,
}

/// Trains a network on the training rows of each of `folds` and tests it on its test rows, one fold at a time
/// on each of `devices`.
///
/// The CPU may be listed more than once; a GPU on which several folds run side by side has to be opened for
/// each of them, as [`DeviceSpec::open`](crate::config::DeviceSpec::open) does. The data are copied to each
/// device once. Every fold draws from streams of its own, so the result is the same bit for bit for every
/// number of equal devices. What prepares the data is fitted on the training rows of each fold alone; errors
/// are in the targets' own units. Rows of one group of `data` are in one fold. Rows for validation are a part
/// of the training rows of each fold.
///
/// A run that is kept, as `options` says, resumes from the checkpoints in its folder, bit for bit as if it
/// had not been interrupted.
///
/// # Errors
///
/// Fails with [`Error::Config`] when a setting of `learner` is not valid, the folds are not of these data, a
/// share for validation leaves a network nothing to train on, there is no device, one opened GPU is listed
/// twice, or (the key `resume`) the folder has checkpoints of another run; with [`Error::Fold`] for the first
/// fold that fails, in the order of the folds and not of time; within it, with [`Error::Stopped`] when the
/// run was stopped; and with [`Error::File`] when its folder cannot be written. What `options` ask about
/// other columns than those of `data` is refused.
///
/// # Examples
///
/// ```
/// use candle_core::{DType, Device};
/// use taper::Partition;
/// use taper::config::{Learner, TrainConfig};
/// use taper::data::synthetic;
/// use taper::random::{Stream, generator};
/// use taper::run::RunOptions;
///
/// let data = synthetic(200, 4, 0.1, generator(1, Stream::Data, 0), DType::F32, &Device::Cpu)?;
/// let train = TrainConfig { epochs: 2, ..TrainConfig::default() };
/// let learner = Learner { train, ..Learner::default() };
/// let devices = [Device::Cpu, Device::Cpu];
/// let folds = Partition::new(&data, 4, 1, learner.seed)?;
/// let results = taper::cross_validate(&data, &learner, &folds, &devices, &RunOptions::default())?;
/// assert_eq!((results.folds.len(), results.predictions.len()), (4, 200));
/// # Ok::<(), taper::Error>(())
/// ```
pub fn cross_validate(
    data: &Dataset,
    learner: &Learner,
    folds: &Partition,
    devices: &[Device],
    options: &RunOptions,
) -> Result<CrossValidated> {
    let start = Instant::now();
    learner.check()?;
    options.explain.map_or(Ok(()), |explain| explain.check(data.features()))?;
    check_devices(devices)?;
    folds.check(data)?;
    let most = folds.iter().map(|fold| fold.train.len()).max();
    let learner = &within_steps(learner, most.unwrap_or_default());
    check_validation(data, learner, folds.iter())?;
    if let Some(level) = options.interval {
        check_columns(data.target_names())?;
        // Those of the first repetition are as many as those of the others.
        let rows: Vec<_> = folds.iter().take(folds.folds()).map(|fold| fold.test.len()).collect();
        let largest = rows.iter().max().copied().unwrap_or_default();
        check_level(level, rows.iter().sum::<usize>() - largest, "outside one of the folds")?;
    }
    // The folds' threads must not read what this one is still writing.
    data.x().device().synchronize()?;
    let on = device_names(devices);
    let span = info_span!(
        "cv",
        folds = folds.count(),
        rows = data.rows(),
        features = data.features(),
        on,
        epochs = learner.train.epochs
    );
    let _entered = span.enter();
    let checkpoints = match options.keep {
        Some((directory, identity)) => {
            let rows: Vec<_> = folds.iter().map(|fold| fold.test).collect();
            directory.write_folds(&rows)?;
            directory.restore(identity, folds.count())?
        }
        None => vec![None; folds.count()],
    };
    // Intervals are made of the errors in all folds, and not of those on rows for validation.
    let of_fold = RunOptions { interval: None, ..options.clone() };
    let epochs = learner.train.epochs;
    let prepare = |device: &Device| Prepared::new(learner, data, device);
    let grids = options.explain.map(|explain| Grids::new(&explain.columns, data.x(), data.origins()));
    let grids = grids.transpose()?;
    let questions = options.explain.zip(grids.as_ref());
    let fitted = run_ordered(folds.count(), devices, &options.stop, prepare, |i, data, stop| {
        let span = info_span!(parent: &span, "fold", fold = i, epochs);
        let _entered = span.enter();
        let fold = folds.fold(i).ok_or(Error::NoRows)?;
        let result = || {
            let fitted = fit(data, i, &fold, &of_fold, checkpoints[i].as_ref(), stop)?;
            let answers = |questions| ask(data, i, &fitted, &fold.test, questions, stop);
            let explained = questions.map(answers).transpose()?;
            // The network is no longer used, and the next fold may need its memory.
            Ok(FoldResult::new(fitted, explained))
        };
        result().map_err(|source| Error::Fold { fold: i, source: Box::new(source) })
    })?;
    if let Some((directory, _)) = options.keep {
        directory.write_metrics(fitted.iter().flat_map(|fold| &fold.epochs))?;
    }
    let explained: Vec<_> = fitted.iter().filter_map(|fold| fold.explained.clone()).collect();
    let mut results = combine(fitted, start)?;
    if let Some(level) = options.interval {
        let predictions = mem::take(&mut results.predictions);
        let (intervals, predictions) = out_of_fold(predictions, folds.folds(), level)?;
        (results.intervals, results.predictions) = (Some(intervals), predictions);
    }
    if let Some((explain, grids)) = questions {
        let rows = folds.iter().map(|fold| [fold.test.len(), fold.train.len()]);
        let [test, train] = rows.fold([0, 0], |sums, of| [sums[0] + of[0], sums[1] + of[1]]);
        let test_per_train = test as f64 / train as f64;
        let names = data.target_names();
        results.explanation = Some(explain::combine(explain, grids, &explained, names, test_per_train));
    }
    // A quick look is not meant to learn.
    if options.max_rows.is_none() {
        let losses =
            results.folds.iter().filter_map(|fold| watched(&fold.train_loss, fold.validation.as_ref()));
        let losses: Vec<_> = losses.map(<[f64]>::to_vec).collect();
        let rows = folds.fold(folds.count() - 1).map_or(0, |fold| fold.train.len());
        results.warnings.extend(too_short(&losses, rows, &learner.train));
    }
    Ok(results)
}

/// A fold's results, without its network.
struct FoldResult {
    evaluation: Option<Evaluation>,
    epochs: Vec<EpochRecord>,
    train_loss: Vec<f64>,
    validation: Option<Validation>,
    predictions: Predictions,
    transforms: Vec<Option<Transform>>,
    explained: Option<Explained>,
    seconds: f64,
}

impl FoldResult {
    fn new(fitted: Fitted, explained: Option<Explained>) -> Self {
        let (train_loss, transforms) = (fitted.train_loss(), fitted.transforms());
        let Fitted { evaluation, epochs, validation, predictions, seconds, .. } = fitted;
        Self { evaluation, epochs, train_loss, validation, predictions, transforms, explained, seconds }
    }
}

/// Puts the results of the folds together.
fn combine(results: Vec<FoldResult>, start: Instant) -> Result<CrossValidated> {
    let (mut folds, mut predictions) = (Vec::new(), None::<Predictions>);
    for (i, fold) in results.into_iter().enumerate() {
        let evaluation = fold.evaluation.ok_or(Error::NoRows)?;
        let report = FoldReport::new(i, fold.predictions.len(), evaluation, fold.train_loss, fold.seconds);
        folds.push(report.with_validation(fold.validation).with_transforms(fold.transforms));
        match &mut predictions {
            Some(all) => all.append(fold.predictions)?,
            None => predictions = Some(fold.predictions),
        }
    }
    let (mean, std) = (Evaluation::mean_over(&folds), Evaluation::std_over(&folds));
    mean.check_finite()?;
    std.check_finite()?;
    let seconds = start.elapsed().as_secs_f64();
    info!(seconds, "cross-validation done");
    let mut predictions = predictions.unwrap_or_default();
    predictions.sort();
    let pooled = pooled(&predictions)?;
    let warnings = few_rows(&folds).into_iter().collect();
    let (intervals, explanation) = (None, None);
    Ok(CrossValidated { folds, mean, std, pooled, predictions, intervals, explanation, warnings, seconds })
}

/// What to say where a fold is too small for its errors to say much.
fn few_rows(folds: &[FoldReport]) -> Option<String> {
    let smallest = folds.iter().map(|fold| fold.rows).min().filter(|rows| *rows < FEW_ROWS)?;
    let sizes: Vec<_> = folds.iter().map(|fold| fold.rows.to_string()).collect();
    Some(format!(
        "the smallest fold has {smallest} row{} (the folds have {}), whose errors say little; more rows, fewer folds or \
         smaller groups would help",
        if smallest == 1 { "" } else { "s" },
        list(&sizes)
    ))
}

/// The errors of all rows of `predictions` together.
fn pooled(predictions: &Predictions) -> Result<Evaluation> {
    let of_target = |(target, name): (usize, &String)| {
        let errors = |which| {
            let mut errors = Accumulator::default();
            let pairs = predictions.values(target, which).zip(predictions.values(target, Predicted::Truth));
            pairs.for_each(|(prediction, truth)| errors.push(prediction, truth));
            errors
        };
        let depths = predictions.depths().iter().enumerate();
        let by_depth = depths.map(|(i, depth)| (*depth, errors(Predicted::AtDepth(i))));
        TargetErrors::new(name.clone(), &errors(Predicted::Mean), details(predictions, target), by_depth)
    };
    let targets = predictions.targets().iter().enumerate().map(of_target);
    Evaluation::of_targets(targets.collect::<Result<_>>()?).ok_or(Error::NoRows)
}

/// The details of all rows of `predictions` together, for one target.
fn details(predictions: &Predictions, target: usize) -> Details {
    let values = |which| predictions.values(target, which);
    let levels = predictions.quantiles();
    let mut quantiles: Vec<_> = (0..levels.len()).map(|i| values(Predicted::Quantile(i))).collect();
    let mut kept = Kept::default();
    for (truth, prediction) in values(Predicted::Truth).zip(values(Predicted::Mean)) {
        let quantiles: Vec<_> = quantiles.iter_mut().filter_map(Iterator::next).collect();
        kept.push(truth, prediction, &quantiles);
    }
    kept.details(levels)
}

/// Refuses devices on which nothing can run, or not side by side.
fn check_devices(devices: &[Device]) -> Result<()> {
    if devices.is_empty() {
        return Err(Error::config("device", "is none, expected at least one"));
    }
    // Threads that share a GPU that was opened once share cuBLAS's memory for its work, too.
    let again = |i: usize| devices[i].is_cuda() && devices[..i].iter().any(|d| d.same_device(&devices[i]));
    if (0..devices.len()).any(again) {
        return Err(Error::config("device", "has a GPU more than once, expected one opened for each"));
    }
    Ok(())
}
