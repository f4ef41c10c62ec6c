//! The training of one network to be used.

use std::collections::BTreeSet;
use std::mem;
use std::slice;

use candle_core::Device;
use tracing::info_span;

use crate::config::{Learner, device_names};
use crate::convergence::too_short;
use crate::data::{Dataset, Fold, KFold};
use crate::error::{Error, Result};
use crate::fit::{Fitted, Prepared, fit, within_steps};
use crate::intervals::{check_columns, of_model};
use crate::metrics::check_level;
use crate::parallel::run_ordered;
use crate::random::{Stream, generator};
use crate::results::watched;
use crate::run::RunOptions;
use crate::validation::{Split, check_validation};

/// Trains one network on all rows of `data` but the share `holdout`, from 0 to below 1, on which it is
/// tested.
///
/// The data are prepared as in [`cross_validate`](crate::cross_validate()), by what is fitted on the rows to
/// train on. Rows of one group are on one side; of rows in time the last are held out. Rows for validation are
/// a part of those that are left. A run that is kept
/// resumes from the checkpoint in its folder, bit for bit as if it had not been interrupted.
///
/// # Errors
///
/// Fails with [`Error::Config`] when a setting of `learner` is not valid or the holdout or the validation
/// leaves nothing to train on; with [`Error::NotFinite`] when training explodes; and with [`Error::Stopped`] when it was
/// stopped.
///
/// # Examples
///
/// ```
/// use candle_core::{DType, Device};
/// use taper::config::{Learner, TrainConfig};
/// use taper::data::synthetic;
/// use taper::random::{Stream, generator};
/// use taper::run::RunOptions;
///
/// let data = synthetic(200, 4, 0.1, generator(1, Stream::Data, 0), DType::F32, &Device::Cpu)?;
/// let train = TrainConfig { epochs: 2, ..TrainConfig::default() };
/// let learner = Learner { train, ..Learner::default() };
/// let fitted = taper::train_model(&data, &learner, 0.25, &Device::Cpu, &RunOptions::default())?;
/// assert_eq!(fitted.predictions.len(), 50);
/// # Ok::<(), taper::Error>(())
/// ```
pub fn train_model(
    data: &Dataset,
    learner: &Learner,
    holdout: f64,
    device: &Device,
    options: &RunOptions,
) -> Result<Fitted> {
    learner.check()?;
    data.x().device().synchronize()?;
    let fold = hold_out(data, holdout, learner.seed)?;
    let learner = &within_steps(learner, fold.train.len());
    check_validation(data, learner, [fold.clone()])?;
    if let Some(level) = options.interval {
        check_columns(data.target_names())?;
        let members = if learner.train.is_bagged() { learner.model.members } else { 1 };
        let of_member = |member| Ok(Split::new(data, learner, &fold.train, 0, member)?.validation);
        let validated = (0..members).map(of_member).collect::<Result<Vec<_>>>()?.concat();
        let rows = validated.into_iter().collect::<BTreeSet<_>>().len();
        if rows == 0 {
            let problem = format!(
                "is {level}, which needs rows for validation whose errors say how wide intervals are; `train.validation=0.2` \
                 sets a fifth aside"
            );
            return Err(Error::config("interval", problem));
        }
        check_level(level, rows, "for validation")?;
    }
    let checkpoint = match options.keep {
        Some((directory, identity)) => directory.restore(identity, 1)?.pop().flatten(),
        None => None,
    };
    let devices = slice::from_ref(device);
    let (rows, features, on) = (fold.train.len(), data.features(), device_names(devices));
    let span = info_span!("train", rows, features, on, epochs = learner.train.epochs);
    // On a thread of its own, whose stack a deep network needs.
    let prepare = |device: &Device| Prepared::new(learner, data, device);
    let mut fitted = run_ordered(1, devices, &options.stop, prepare, |i, data, stop| {
        let _entered = span.enter();
        fit(data, i, &fold, options, checkpoint.as_ref(), stop)
    })?;
    let mut fitted = fitted.pop().ok_or(Error::NoRows)?;
    if let (Some(level), Some(residuals)) = (options.interval, &fitted.residuals)
        && !fitted.predictions.is_empty()
    {
        let (intervals, predictions) = of_model(mem::take(&mut fitted.predictions), residuals, level)?;
        (fitted.intervals, fitted.predictions) = (Some(intervals), predictions);
    }
    if options.max_rows.is_none() {
        let train_loss = fitted.train_loss();
        let losses: Vec<_> =
            watched(&train_loss, fitted.validation.as_ref()).map(<[f64]>::to_vec).into_iter().collect();
        fitted.warnings.extend(too_short(&losses, rows, &learner.train));
    }
    if let Some((directory, _)) = options.keep {
        directory.write_metrics(&fitted.epochs)?;
    }
    Ok(fitted)
}

/// The rows on which [`train_model`] trains, and the share that it holds out.
///
/// # Errors
///
/// Fails with [`Error::Config`] when the share leaves nothing to train on.
pub fn hold_out(data: &Dataset, share: f64, seed: u64) -> Result<Fold> {
    if let Some(order) = data.order() {
        return KFold::latest(order, share);
    }
    let mut rng = generator(seed, Stream::Holdout, 0);
    KFold::holdout(data.rows(), data.groups(), share, &mut rng)
}
