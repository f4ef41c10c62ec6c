//! What can end a run before its time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Tells a run to stop at its next step: a signal that has come, or a time that is over.
///
/// # Examples
///
/// ```
/// use std::sync::atomic::Ordering;
/// use taper::run::{Stop, StopReason};
///
/// let stop = Stop::default();
/// assert_eq!(stop.reason(), None);
/// stop.signal().store(2, Ordering::Relaxed);
/// assert_eq!(stop.reason(), Some(StopReason::Signal(2)));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Stop {
    signal: Arc<AtomicUsize>,
    deadline: Option<Instant>,
}

/// Why a run stopped before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// A signal of this number came.
    Signal(usize),
    /// The time was over.
    Time,
}

impl Stop {
    /// Stops a run when `time` is over, too.
    #[must_use]
    pub fn after(self, time: Duration) -> Self {
        Self { deadline: Instant::now().checked_add(time), ..self }
    }

    /// Where a signal's handler writes its number; 0 is none.
    pub fn signal(&self) -> &Arc<AtomicUsize> {
        &self.signal
    }

    /// Why to stop, if there is a reason.
    pub fn reason(&self) -> Option<StopReason> {
        match self.signal.load(Ordering::Relaxed) {
            0 => self.deadline.is_some_and(|end| Instant::now() >= end).then_some(StopReason::Time),
            signal => Some(StopReason::Signal(signal)),
        }
    }
}
