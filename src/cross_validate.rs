//! K-fold cross-validation, folds side by side.

use std::fmt::Debug;
use std::time::Instant;

use candle_core::{DType, Device};
use tracing::field::Empty;
use tracing::{info, info_span};

use crate::config::{CvConfig, ValidConfig, device_names};
use crate::data::{Dataset, KFold};
use crate::error::{Error, Result};
use crate::evaluate::Evaluation;
use crate::fit::{Fitted, Prepared, fit};
use crate::parallel::in_order;
use crate::random::{Stream, generator};
use crate::report::{CvReport, FoldReport};
use crate::run::{EpochRecord, FOLDS, Predictions, RunOptions};

/// Trains a network on each of `config.folds` training sets of `data` and tests it on the rest, one fold at a time on
/// each of `devices`.
///
/// The CPU may be there more than once; a GPU on which several folds run side by side has to be opened for each of them,
/// as [`DeviceSpec::open`](crate::config::DeviceSpec::open) does. The data are copied to each device
/// once. Every fold draws from streams of its own, so the result is the same to the bit for every number of equal
/// devices. Where `config.data` says so, features and targets are scaled and missing features filled in by what is fitted on
/// the training rows of each fold alone; errors are in the targets' own units. Rows of one group of `data` are in one fold.
/// The run logs in the spans `cv`, `fold` and `epoch`.
///
/// # Errors
///
/// Fails with [`Error::Config`] when `data` has not the rows, features and dtype that `config` says, when there is no
/// device or one opened GPU twice, and with [`Error::Fold`] for the first fold that fails, in the order of the folds and not of time; later folds are given up.
///
/// # Examples
///
/// ```
/// use candle_core::{DType, Device};
/// use taper::config::CvConfig;
/// use taper::data::synthetic;
/// use taper::random::{Stream, generator};
///
/// let mut config = CvConfig::default();
/// (config.data.rows, config.data.features, config.train.epochs) = (200, 4, 2);
/// let config = config.validate()?;
///
/// let rng = generator(config.seed, Stream::Data, 0);
/// let data = synthetic(200, 4, 0.1, rng, DType::F32, &Device::Cpu)?;
/// let report = taper::cross_validate(&config, &data, &[Device::Cpu, Device::Cpu])?;
/// assert_eq!(report.folds.len(), 4);
/// # Ok::<(), taper::Error>(())
/// ```
pub fn cross_validate(config: &ValidConfig, data: &Dataset, devices: &[Device]) -> Result<CvReport> {
    Ok(cross_validate_with(config, data, devices, &RunOptions::default())?.0)
}

/// As [`cross_validate`], in a run that keeps checkpoints and can be stopped; returns the predictions of all rows, too, each
/// by the network that has not seen it, in the order of the rows.
///
/// A run that is kept goes on from the checkpoints in its folder, to the bit as if it had not been interrupted; there it writes
/// `folds.json` and, epoch by epoch, `metrics.jsonl`, which at the end is in the order of the folds.
///
/// # Errors
///
/// As [`cross_validate`]; with [`Error::Stopped`] within [`Error::Fold`] when it was stopped, with [`Error::Config`] of the
/// key `resume` when the folder has checkpoints of another run, and with [`Error::File`] when it cannot be written.
pub fn cross_validate_with(
    config: &ValidConfig,
    data: &Dataset,
    devices: &[Device],
    options: &RunOptions,
) -> Result<(CvReport, Predictions)> {
    let start = Instant::now();
    check_data(config, data)?;
    check_devices(devices)?;
    // The folds' threads must not read what this one is still writing.
    data.x().device().synchronize()?;
    let on = device_names(devices);
    let span = info_span!("cv", folds = config.folds, rows = data.rows(), features = data.features(), on);
    let _entered = span.enter();
    let folds = folds(config, data)?;
    let checkpoints = match options.keep {
        Some((directory, identity)) => {
            let rows: Vec<_> = folds.iter().map(|fold| fold.test).collect();
            directory.write_json(FOLDS, &serde_json::json!({ "folds": rows }))?;
            directory.restore(identity, config.folds)?
        }
        None => vec![None; config.folds],
    };
    let prepare = |device: &Device| Prepared::new(config, data, device);
    let fitted = in_order(config.folds, devices, prepare, |i, data, cancelled| {
        let span = info_span!(parent: &span, "fold", fold = i, indicatif.pb_show = Empty);
        let _entered = span.enter();
        let fold = folds.fold(i).ok_or(Error::Cancelled)?;
        let fitted = fit(data, i, &fold, options, checkpoints[i].as_ref(), cancelled);
        // The network is used no more, and its memory may be needed by the next fold.
        fitted.map(Outcome::from).map_err(|source| Error::Fold { fold: i, source: Box::new(source) })
    })?;
    report(config, options, fitted, start.elapsed().as_secs_f64())
}

/// The folds into which [`cross_validate`] divides the rows of `data`.
///
/// # Errors
///
/// Fails with [`Error::Config`] when there cannot be so many.
pub fn folds(config: &CvConfig, data: &Dataset) -> Result<KFold> {
    let mut rng = generator(config.seed, Stream::Folds, 0);
    match data.groups() {
        Some(groups) => KFold::grouped(groups, config.folds, &mut rng),
        None => KFold::new(data.rows(), config.folds, &mut rng),
    }
}

/// What is left of a fold.
struct Outcome {
    evaluation: Option<Evaluation>,
    epochs: Vec<EpochRecord>,
    predictions: Predictions,
    seconds: f64,
}

impl From<Fitted> for Outcome {
    fn from(fitted: Fitted) -> Self {
        let Fitted { evaluation, epochs, predictions, seconds, .. } = fitted;
        Self { evaluation, epochs, predictions, seconds }
    }
}

/// The folds' results put together.
fn report(
    config: &ValidConfig,
    options: &RunOptions,
    folds: Vec<Outcome>,
    seconds: f64,
) -> Result<(CvReport, Predictions)> {
    if let Some((directory, _)) = options.keep {
        directory.write_metrics(folds.iter().flat_map(|fold| &fold.epochs))?;
    }
    let (mut reports, mut predictions) = (Vec::new(), None::<Predictions>);
    for (i, fold) in folds.into_iter().enumerate() {
        let train_mse = fold.epochs.iter().map(|epoch| epoch.train_mse).collect();
        let evaluation = fold.evaluation.ok_or(Error::NoRows)?;
        reports.push(FoldReport::new(i, evaluation, train_mse, fold.seconds));
        match &mut predictions {
            Some(all) => all.append(fold.predictions)?,
            None => predictions = Some(fold.predictions),
        }
    }
    let report = CvReport::new(config.clone(), reports, seconds);
    report.check_finite()?;
    info!(seconds = report.seconds, "cross-validation done");
    let mut predictions = predictions.unwrap_or_default();
    predictions.sort();
    Ok((report, predictions))
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

/// The report quotes the settings of the data, so they must be those of `data`.
pub(crate) fn check_data(config: &ValidConfig, data: &Dataset) -> Result<()> {
    let differs = |key, expected: &dyn Debug, actual: &dyn Debug| {
        Err(Error::config(key, format!("is {expected:?}, but the data has {actual:?}")))
    };
    // What is said of a file is not its size.
    let is_made_up = config.data.file.is_none();
    if is_made_up && config.data.rows != data.rows() {
        return differs("data.rows", &config.data.rows, &data.rows());
    }
    if is_made_up && config.data.features != data.features() {
        return differs("data.features", &config.data.features, &data.features());
    }
    let dtype = DType::from(config.dtype);
    if dtype != data.x().dtype() {
        return differs("dtype", &dtype, &data.x().dtype());
    }
    Ok(())
}
