//! Tasks side by side, with the result of tasks one after the other.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::error::{Error, Result};
use crate::stop::{Stop, StopReason};

/// The stack of a task's thread. Candle walks and drops a graph recursively, so a deep network needs a deep
/// stack: 2 MiB, the usual size, overflow between 1000 and 2000 applications of the hidden layer.
pub(crate) const STACK_BYTES: usize = 32 << 20;

/// Calls `task(i, state, stop)` for i in 0..n, on a thread for each of `workers`, and returns the results in
/// order, or the error of the lowest i that fails.
///
/// Tasks start in order. `start(worker)` makes the state that a thread lends to its tasks, before the first
/// of them; where it fails, that task fails. Each task has a child of `stop`, which is cancelled as soon as a
/// task before it has failed: its result would not be seen. Every task runs on a thread of the same stack
/// size, however many workers there are.
pub(crate) fn run_ordered<W: Sync, S, T: Send>(
    n: usize,
    workers: &[W],
    stop: &Stop,
    start: impl Fn(&W) -> Result<S> + Sync,
    task: impl Fn(usize, &S, &Stop) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let next = AtomicUsize::new(0);
    let stops: Vec<_> = (0..n).map(|_| stop.child()).collect();
    let results: Mutex<Vec<Option<Result<T>>>> = Mutex::new((0..n).map(|_| None).collect());
    let work = |worker: &W| {
        let mut state = None;
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(stop) = stops.get(i) else { return };
            if stop.reason() == Some(StopReason::Cancelled) {
                return;
            }
            let result = match &state {
                Some(state) => task(i, state, stop),
                None => start(worker).and_then(|new| task(i, state.insert(new), stop)),
            };
            if result.is_err() {
                stops[i + 1..].iter().for_each(Stop::cancel);
            }
            results.lock().unwrap_or_else(PoisonError::into_inner)[i] = Some(result);
        }
    };
    thread::scope(|scope| {
        for (started, worker) in workers.iter().take(n).enumerate() {
            match thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, || work(worker)) {
                Ok(_) => {}
                // Where the system grants no more threads, those that there are do all the work.
                Err(_) if started > 0 => break,
                Err(error) => return Err(Error::Thread(error)),
            }
        }
        Ok(())
    })?;
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.into_iter().map(|result| result.unwrap_or(Err(Error::Stopped(StopReason::Cancelled)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    /// Workers without a state.
    fn run<T: Send>(
        n: usize,
        jobs: usize,
        task: impl Fn(usize, &Stop) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        run_ordered(n, &vec![(); jobs], &Stop::default(), |()| Ok(()), |i, (), stop| task(i, stop))
    }

    #[test]
    fn results_come_in_order() {
        for jobs in [1, 2, 7, 100] {
            assert_eq!(run(20, jobs, |i, _| Ok(i * i)).unwrap(), (0..20).map(|i| i * i).collect::<Vec<_>>());
        }
        assert!(run(0, 2, |_, _| Ok(())).unwrap().is_empty());
    }

    #[test]
    fn a_worker_starts_once_and_lends_its_state() {
        let started = AtomicUsize::new(0);
        let start = |worker: &usize| {
            started.fetch_add(1, Ordering::Relaxed);
            Ok(10 * worker)
        };
        let states = run_ordered(20, &[1, 2], &Stop::default(), start, |_, &state, _| Ok(state)).unwrap();
        assert!(states.iter().all(|&state| state == 10 || state == 20), "{states:?}");
        assert!(started.into_inner() <= 2);

        let refuse = |worker: &usize| match worker {
            0 => Err(Error::config("worker", "cannot start")),
            _ => Ok(()),
        };
        let error = run_ordered(1, &[0], &Stop::default(), refuse, |_, (), _| Ok(())).unwrap_err();
        assert_eq!(error.to_string(), "worker cannot start");
    }

    #[test]
    fn one_job_stops_at_the_first_failure() {
        let error = run(20, 1, |i, _| match i {
            0 => Ok(()),
            1 => Err(Error::config("first", "failed")),
            _ => panic!("task {i} is not to be started"),
        });
        assert_eq!(error.unwrap_err().to_string(), "first failed");
    }

    /// The first task waits until the second has failed, is not cancelled by that, and its failure is the one
    /// reported.
    #[test]
    fn the_lowest_failure_is_reported_whichever_comes_first() {
        let (started, failed) = (Barrier::new(2), Mutex::new(false));
        let error = run(2, 2, |i, stop| {
            started.wait();
            if i == 1 {
                *failed.lock().unwrap() = true;
                return Err::<(), _>(Error::config("second", "failed"));
            }
            // The failure is recorded just after the task returns.
            while !*failed.lock().unwrap() {
                thread::yield_now();
            }
            for _ in 0..1000 {
                thread::yield_now();
                assert_eq!(stop.reason(), None);
            }
            Err(Error::config("first", "failed"))
        });
        assert_eq!(error.unwrap_err().to_string(), "first failed");
    }

    /// The second task waits until it is cancelled by the failure of the first.
    #[test]
    fn a_failure_cancels_the_tasks_after_it() {
        let started = Barrier::new(2);
        let error = run(2, 2, |i, stop| {
            started.wait();
            if i == 0 {
                return Err::<(), _>(Error::config("first", "failed"));
            }
            while stop.reason().is_none() {
                thread::yield_now();
            }
            Err(Error::Stopped(StopReason::Cancelled))
        });
        assert_eq!(error.unwrap_err().to_string(), "first failed");
    }
}
