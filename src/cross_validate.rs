//! K-fold cross-validation, folds side by side.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::Instant;

use candle_core::{DType, Device, DeviceLocation};
use candle_nn::VarMap;
use tracing::field::Empty;
use tracing::{Span, debug, info, info_span};

use crate::config::ValidConfig;
use crate::data::{Dataset, Fold, KFold, Scaling};
use crate::error::{Error, Result};
use crate::evaluate::evaluate_scaled;
use crate::nn::{DynamicNet, seeded_builder};
use crate::parallel::in_order;
use crate::random::{Stream, generator};
use crate::report::{CvReport, FoldReport};
use crate::telemetry::Progress;
use crate::train::Trainer;

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
/// use candle_core::{DType, Device, DeviceLocation};
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
    let start = Instant::now();
    check_data(config, data)?;
    if devices.is_empty() {
        return Err(Error::config("device", "is none, expected at least one"));
    }
    // Threads that share a GPU that was opened once share cuBLAS's memory for its work, too.
    let again = |i: usize| devices[i].is_cuda() && devices[..i].iter().any(|d| d.same_device(&devices[i]));
    if (0..devices.len()).any(again) {
        return Err(Error::config("device", "has a GPU more than once, expected one opened for each"));
    }
    // The folds' threads must not read what this one is still writing.
    data.x().device().synchronize()?;
    let on = names(devices);
    let span = info_span!("cv", folds = config.folds, rows = data.rows(), features = data.features(), on);
    let _entered = span.enter();
    let mut rng = generator(config.seed, Stream::Folds, 0);
    let folds = match data.groups() {
        Some(groups) => KFold::grouped(groups, config.folds, &mut rng)?,
        None => KFold::new(data.rows(), config.folds, &mut rng)?,
    };
    let prepare = |device: &Device| Prepared::new(config, data, device);
    let reports = in_order(config.folds, devices, prepare, |i, data, cancelled| {
        let span = info_span!(parent: &span, "fold", fold = i, indicatif.pb_show = Empty);
        let _entered = span.enter();
        let fold = folds.fold(i).ok_or(Error::Cancelled)?;
        run_fold(data, i, &fold, cancelled)
            .map_err(|source| Error::Fold { fold: i, source: Box::new(source) })
    })?;
    let report = CvReport::new(config.clone(), reports, start.elapsed().as_secs_f64());
    report.check_finite()?;
    info!(seconds = report.seconds, "cross-validation done");
    Ok(report)
}

/// The names of the devices, each once.
fn names(devices: &[Device]) -> String {
    let name = |device: &Device| match device.location() {
        DeviceLocation::Cpu => "cpu".to_owned(),
        DeviceLocation::Cuda { gpu_id } => format!("cuda:{gpu_id}"),
        DeviceLocation::Metal { gpu_id } => format!("metal:{gpu_id}"),
    };
    let names: BTreeSet<_> = devices.iter().map(name).collect();
    names.into_iter().collect::<Vec<_>>().join(",")
}

/// The data on a fold's device, or where they have to be scaled for each fold anew, on the CPU.
struct Prepared<'a> {
    config: &'a ValidConfig,
    data: Dataset,
    device: Device,
}

/// The data of a fold, on its device.
struct FoldData {
    /// What is trained on: features and targets, scaled.
    train: Dataset,
    /// What is tested on: the features scaled, the targets as they are.
    test: Dataset,
    /// The scaling of the targets.
    targets: Option<Scaling>,
}

impl<'a> Prepared<'a> {
    fn new(config: &'a ValidConfig, data: &Dataset, device: &Device) -> Result<Self> {
        let is_fitted = config.data.is_scaled() || config.data.is_filled();
        let data = data.to_device(if is_fitted { &Device::Cpu } else { device })?;
        Ok(Self { config, data, device: device.clone() })
    }

    /// The data with the scaling that is fitted on the training rows of `fold` and on no others.
    fn fold(&self, fold: &Fold) -> Result<FoldData> {
        let (config, data) = (&self.config.data, &self.data);
        let (fit, targets): (fn(&_, &_) -> _, _) = match (config.is_scaled(), config.is_filled()) {
            (true, _) => (Scaling::standard, Some(Scaling::standard(data.y(), &fold.train)?)),
            (false, true) => (Scaling::filling, None),
            (false, false) => {
                return Ok(FoldData { train: data.clone(), test: data.clone(), targets: None });
            }
        };
        let x = fit(data.x(), &fold.train)?.apply(data.x())?;
        let test = Dataset::new(x, data.y().clone())?.to_device(&self.device)?;
        let train = match &targets {
            Some(scaling) => {
                let y = scaling.apply(data.y())?.to_device(&self.device)?;
                Dataset::new(test.x().clone(), y)?
            }
            None => test.clone(),
        };
        Ok(FoldData { train, test, targets })
    }
}

/// The report quotes the settings of the data, so they must be those of `data`.
fn check_data(config: &ValidConfig, data: &Dataset) -> Result<()> {
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

/// Trains and tests one fold in the current span; `cancelled` is asked after every epoch.
fn run_fold(
    prepared: &Prepared,
    index: usize,
    fold: &Fold,
    cancelled: &dyn Fn() -> bool,
) -> Result<FoldReport> {
    let start = Instant::now();
    let config = prepared.config;
    let FoldData { train: data, test, targets } = prepared.fold(fold)?;
    let progress = Progress::start(&Span::current(), index, config.train.epochs);
    let vars = VarMap::new();
    let init = generator(config.seed, Stream::Init, index);
    let vb = seeded_builder(&vars, init, data.x().dtype(), data.x().device());
    let net = DynamicNet::new(&config.model.network(data.features(), data.targets()), vb)?;
    let mut trainer = Trainer::new(net, &vars, &config.train, config.seed, index)?;

    let mut rows = fold.train.clone();
    let mut train_mse = Vec::new();
    let unit = squared_unit(targets.as_ref());
    for epoch in 0..config.train.epochs {
        let start = Instant::now();
        let span = info_span!("epoch", epoch, train_mse = Empty, seconds = Empty);
        let _entered = span.enter();
        let mse = trainer.epoch(&data, &mut rows)? * unit;
        span.record("train_mse", mse).record("seconds", start.elapsed().as_secs_f64());
        debug!("epoch done");
        progress.epoch(mse);
        train_mse.push(mse);
        if cancelled() {
            return Err(Error::Cancelled);
        }
    }
    let evaluation = evaluate_scaled(trainer.net(), &test, &fold.test, targets.as_ref())?;
    let seconds = start.elapsed().as_secs_f64();
    info!(mse = evaluation.mean.mse, seconds, "fold done");
    Ok(FoldReport::new(index, evaluation, train_mse, seconds))
}

/// By what a mean squared error of scaled targets is multiplied to be in the target's own units; 1 for several targets,
/// each of which has its own.
fn squared_unit(scaling: Option<&Scaling>) -> f64 {
    let scales: Vec<_> = scaling.into_iter().flat_map(Scaling::scales).collect();
    match scales[..] {
        [scale] => scale * scale,
        _ => 1.,
    }
}
