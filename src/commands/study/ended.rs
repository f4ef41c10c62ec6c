//! Ends of a command that schedulers tell apart by its exit code.

use std::fmt;

use taper::StopReason;

use crate::commands::signals::name_of;

/// That a command did not do all that it was told, with the code to exit with.
#[derive(Debug)]
pub(crate) struct Ended {
    code: u8,
    message: String,
}

impl Ended {
    /// With `message`, and `code`.
    pub(super) fn new(code: u8, message: String) -> Self {
        Self { code, message }
    }

    /// A fault of the machine or of its file systems, after which another machine may do better:
    /// `EX_TEMPFAIL`.
    pub(super) fn fault(message: impl fmt::Display) -> Self {
        Self::new(75, format!("error: {message}; another attempt may succeed"))
    }

    /// A run that was stopped for `reason`, after which `rest` says what is left.
    pub(super) fn stopped(reason: StopReason, rest: &str) -> Self {
        match reason {
            StopReason::Signal(signal) => {
                Self::new(128 + signal as u8, format!("stopped by {}, {rest}", name_of(signal)))
            }
            StopReason::Time => {
                Self::new(124, format!("stopped since the time of --max-time is over, {rest}"))
            }
            StopReason::Cancelled => {
                Self::new(1, format!("stopped since more tasks failed than --max-failures allows, {rest}"))
            }
        }
    }

    /// The code to exit with.
    pub(crate) fn code(&self) -> u8 {
        self.code
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Ended {}
