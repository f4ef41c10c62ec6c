//! What ends a run before its time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Tells work to stop at its next step: a signal has arrived, its time is over, or it was cancelled.
///
/// Clones are one token. What stops a token stops its [children](Self::child), and not the other way round.
///
/// # Examples
///
/// ```
/// use taper::{Stop, StopReason};
///
/// let run = Stop::default();
/// let [first, second] = [run.child(), run.child()];
/// first.cancel();
/// assert_eq!(first.reason(), Some(StopReason::Cancelled));
/// assert_eq!(second.reason(), None);
///
/// run.signal(2);
/// assert_eq!(second.reason(), Some(StopReason::Signal(2)));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<Token>);

#[derive(Debug, Default)]
struct Token {
    parent: Option<Stop>,
    /// The number of the signal; 0 is none.
    signal: AtomicUsize,
    deadline: Option<Instant>,
    cancelled: AtomicBool,
}

/// Why work stops before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// A signal of this number arrived.
    Signal(usize),
    /// The time was over.
    Time,
    /// The result is no longer needed, since an earlier fold failed.
    Cancelled,
}

impl Stop {
    /// A token that stops when this one does, or when it is cancelled itself.
    #[must_use]
    pub fn child(&self) -> Self {
        Self(Arc::new(Token { parent: Some(self.clone()), ..Token::default() }))
    }

    /// A child that also stops when `time` is over.
    #[must_use]
    pub fn after(&self, time: Duration) -> Self {
        let deadline = Instant::now().checked_add(time);
        Self(Arc::new(Token { parent: Some(self.clone()), deadline, ..Token::default() }))
    }

    /// Stops this token and its children because the signal of this number, which is not 0, has arrived.
    pub fn signal(&self, number: usize) {
        self.0.signal.store(number, Ordering::Relaxed);
    }

    /// Stops this token and its children.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Relaxed);
    }

    /// Why to stop, if there is a reason.
    pub fn reason(&self) -> Option<StopReason> {
        let Token { parent, signal, deadline, cancelled } = &*self.0;
        match signal.load(Ordering::Relaxed) {
            0 if deadline.is_some_and(|end| Instant::now() >= end) => Some(StopReason::Time),
            0 if cancelled.load(Ordering::Relaxed) => Some(StopReason::Cancelled),
            0 => parent.as_ref()?.reason(),
            signal => Some(StopReason::Signal(signal)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_reaches_all_that_is_below() {
        let run = Stop::default();
        let timed = run.after(Duration::ZERO);
        let fold = timed.child();
        assert_eq!((run.reason(), fold.reason()), (None, Some(StopReason::Time)));
        fold.cancel();
        assert_eq!((timed.reason(), fold.reason()), (Some(StopReason::Time), Some(StopReason::Cancelled)));
        run.signal(15);
        assert_eq!(run.clone().child().reason(), Some(StopReason::Signal(15)));
    }
}
