//! K-fold cross-validation, folds side by side.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use candle_nn::VarMap;
use tracing::field::Empty;
use tracing::{Span, debug, info, info_span};

use crate::config::ValidConfig;
use crate::data::{Dataset, Fold, KFold};
use crate::error::{Error, Result};
use crate::evaluate::evaluate;
use crate::nn::{DynamicNet, seeded_builder};
use crate::random::{Stream, generator};
use crate::report::{CvReport, FoldReport};
use crate::telemetry::Progress;
use crate::train::Trainer;

/// Trains a network on each of `config.folds` training sets of `data` and tests it on the rest, `jobs` folds at a
/// time.
///
/// Every fold draws from streams of its own, so the result is the same to the bit for every number of jobs. The run
/// logs in the spans `cv`, `fold` and `epoch`.
///
/// # Errors
///
/// Fails with [`Error::Fold`] for the first fold that fails, in the order of the folds and not of time; later folds
/// are given up.
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
/// config.train.epochs = 2;
/// let config = config.validate()?;
///
/// let rng = generator(config.seed, Stream::Data, 0);
/// let data = synthetic(200, 4, 0.1, rng, DType::F32, &Device::Cpu)?;
/// let report = taper::cross_validate(&config, &data, 2)?;
/// assert_eq!(report.folds.len(), 4);
/// # Ok::<(), taper::Error>(())
/// ```
pub fn cross_validate(config: &ValidConfig, data: &Dataset, jobs: usize) -> Result<CvReport> {
    let start = Instant::now();
    let span = info_span!("cv", folds = config.folds, rows = data.rows(), features = data.features());
    let _entered = span.enter();
    let folds = KFold::new(data.rows(), config.folds, &mut generator(config.seed, Stream::Folds, 0))?;
    let reports = in_order(config.folds, jobs, |i, cancelled| {
        let span = info_span!(parent: &span, "fold", fold = i, indicatif.pb_show = Empty);
        let _entered = span.enter();
        let fold = folds.fold(i).ok_or(Error::Cancelled)?;
        run_fold(config, data, i, &fold, cancelled)
            .map_err(|source| Error::Fold { fold: i, source: Box::new(source) })
    })?;
    let report = CvReport::new(config.clone(), reports, start.elapsed().as_secs_f64());
    info!(seconds = report.seconds, "cross-validation done");
    Ok(report)
}

/// Trains and tests one fold in the current span; `cancelled` is asked after every epoch.
fn run_fold(
    config: &ValidConfig,
    data: &Dataset,
    index: usize,
    fold: &Fold,
    cancelled: &dyn Fn() -> bool,
) -> Result<FoldReport> {
    let start = Instant::now();
    let progress = Progress::start(&Span::current(), index, config.train.epochs);
    let vars = VarMap::new();
    let init = generator(config.seed, Stream::Init, index);
    let vb = seeded_builder(&vars, init, data.x().dtype(), data.x().device());
    let net = DynamicNet::new(&config.model.network(data.features(), data.targets()), vb)?;
    let mut trainer = Trainer::new(net, &vars, &config.train, config.seed, index)?;

    let mut rows = fold.train.clone();
    let mut train_mse = Vec::new();
    for epoch in 0..config.train.epochs {
        let start = Instant::now();
        let span = info_span!("epoch", epoch, train_mse = Empty, seconds = Empty);
        let _entered = span.enter();
        let mse = trainer.epoch(data, &mut rows)?;
        span.record("train_mse", mse).record("seconds", start.elapsed().as_secs_f64());
        debug!("epoch done");
        progress.epoch(mse);
        train_mse.push(mse);
        if cancelled() {
            return Err(Error::Cancelled);
        }
    }
    let evaluation = evaluate(trainer.net(), data, &fold.test)?;
    let seconds = start.elapsed().as_secs_f64();
    info!(mse = evaluation.mean.mse, seconds, "fold done");
    Ok(FoldReport::new(index, evaluation, train_mse, seconds))
}

/// Calls `task(i, cancelled)` for i in 0..n on `jobs` threads and returns the results in order, or the error of the
/// lowest i that fails.
///
/// Tasks start in order. `cancelled()` turns true for a task as soon as one before it has failed: its result would
/// not be seen.
fn in_order<T: Send>(
    n: usize,
    jobs: usize,
    task: impl Fn(usize, &dyn Fn() -> bool) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let next = AtomicUsize::new(0);
    let first_failed = AtomicUsize::new(n);
    let results: Mutex<Vec<Option<Result<T>>>> = Mutex::new((0..n).map(|_| None).collect());
    let work = || {
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let cancelled = || first_failed.load(Ordering::Relaxed) < i;
            if i >= n || cancelled() {
                return;
            }
            let result = task(i, &cancelled);
            if result.is_err() {
                first_failed.fetch_min(i, Ordering::Relaxed);
            }
            results.lock().unwrap_or_else(PoisonError::into_inner)[i] = Some(result);
        }
    };
    thread::scope(|scope| {
        for _ in 1..jobs.min(n) {
            // Where the system grants no more threads, those that there are do all the work.
            if thread::Builder::new().spawn_scoped(scope, work).is_err() {
                break;
            }
        }
        work();
    });
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.into_iter().map(|result| result.unwrap_or(Err(Error::Cancelled))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order() {
        for jobs in [1, 2, 7, 100] {
            assert_eq!(
                in_order(20, jobs, |i, _| Ok(i * i)).unwrap(),
                (0..20).map(|i| i * i).collect::<Vec<_>>()
            );
        }
    }

    #[test]
    fn the_lowest_failure_is_reported_however_many_jobs_there_are() {
        for jobs in [1, 2, 7] {
            let error = in_order(20, jobs, |i, cancelled| match i {
                0 => Ok(()),
                1 => {
                    // The failure of a later task does not cancel this one.
                    assert!(!cancelled());
                    Err(Error::config("first", "failed"))
                }
                _ => Err(Error::config("later", "failed")),
            })
            .unwrap_err();
            assert_eq!(error.to_string(), "first failed");
        }
    }
}
