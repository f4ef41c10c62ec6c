//! The training of one network to be used.

use std::slice;

use candle_core::Device;
use tracing::field::Empty;
use tracing::info_span;

use crate::config::{CvConfig, ValidConfig, device_names};
use crate::cross_validate::check_data;
use crate::data::{Dataset, Fold, KFold};
use crate::error::{Error, Result};
use crate::fit::{Fitted, Prepared, fit};
use crate::parallel::in_order;
use crate::random::{Stream, generator};
use crate::run::RunOptions;

/// Trains one network on all rows of `data` but the share that `config.holdout` keeps, on which it is tested.
///
/// Features and targets are scaled as in [`cross_validate`](crate::cross_validate()), by what is fitted on the rows that are
/// trained on. Rows of one group are on one side. A run that is kept goes on from the checkpoint in its folder, to the bit
/// as if it had not been interrupted.
///
/// # Errors
///
/// Fails with [`Error::Config`] when `data` has not the rows, features and dtype that `config` says, or the holdout leaves
/// nothing to train on; with [`Error::NotFinite`] when training explodes; and with [`Error::Stopped`] when it was stopped.
///
/// # Examples
///
/// ```
/// use candle_core::{DType, Device};
/// use taper::config::CvConfig;
/// use taper::data::synthetic;
/// use taper::random::{Stream, generator};
/// use taper::run::RunOptions;
///
/// let mut config = CvConfig { holdout: 0.25, ..CvConfig::default() };
/// (config.data.rows, config.data.features, config.train.epochs) = (200, 4, 2);
/// let config = config.validate()?;
///
/// let rng = generator(config.seed, Stream::Data, 0);
/// let data = synthetic(200, 4, 0.1, rng, DType::F32, &Device::Cpu)?;
/// let fitted = taper::train_model(&config, &data, &Device::Cpu, &RunOptions::default())?;
/// assert_eq!(fitted.predictions.len(), 50);
/// # Ok::<(), taper::Error>(())
/// ```
pub fn train_model(
    config: &ValidConfig,
    data: &Dataset,
    device: &Device,
    options: &RunOptions,
) -> Result<Fitted> {
    check_data(config, data)?;
    data.x().device().synchronize()?;
    let fold = holdout(config, data)?;
    let checkpoint = match options.keep {
        Some((directory, identity)) => directory.restore(identity, 1)?.pop().flatten(),
        None => None,
    };
    let (rows, features, on) = (fold.train.len(), data.features(), device_names(slice::from_ref(device)));
    let span = info_span!("train", rows, features, on, indicatif.pb_show = Empty);
    // On a thread of its own, whose stack a deep network needs.
    let prepare = |device: &Device| Prepared::new(config, data, device);
    let mut fitted = in_order(1, slice::from_ref(device), prepare, |i, data, cancelled| {
        let _entered = span.enter();
        fit(data, i, &fold, options, checkpoint.as_ref(), cancelled)
    })?;
    let fitted = fitted.pop().ok_or(Error::NoRows)?;
    if let Some((directory, _)) = options.keep {
        directory.write_metrics(&fitted.epochs)?;
    }
    Ok(fitted)
}

/// The rows on which [`train_model`] trains, and those that it holds out.
///
/// # Errors
///
/// Fails with [`Error::Config`] when the share of `config` leaves nothing to train on.
pub fn holdout(config: &CvConfig, data: &Dataset) -> Result<Fold> {
    let mut rng = generator(config.seed, Stream::Holdout, 0);
    KFold::holdout(data.rows(), data.groups(), config.holdout, &mut rng)
}
