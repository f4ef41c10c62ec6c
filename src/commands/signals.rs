//! What signals do to a command that writes files.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator;
use taper::Stop;

/// Watches for SIGINT, SIGTERM and SIGHUP.
///
/// Before the training they end the process, with a line and without what it was writing. A run they stop at
/// its next step, where it has a checkpoint: only a second SIGINT ends it at once, since schedulers send
/// SIGTERM more than once, and terminals SIGHUP when they close.
#[derive(Debug, Clone, Default)]
pub(super) struct Signals(Arc<Mutex<Action>>);

/// What a signal does.
#[derive(Debug)]
enum Action {
    /// It ends the process, without the file that is being written.
    End(Option<PathBuf>),
    /// It stops the run; whether SIGINT has arrived.
    Stop(Stop, bool),
}

impl Default for Action {
    fn default() -> Self {
        Self::End(None)
    }
}

impl Signals {
    /// Watches from now on.
    ///
    /// # Errors
    ///
    /// Fails when the system has no thread or no pipe for it.
    pub(super) fn watch() -> io::Result<Self> {
        let watched = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !is_ignored(*signal));
        let mut arriving = iterator::Signals::new(watched)?;
        let signals = Self::default();
        let watched = signals.clone();
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || arriving.forever().for_each(|signal| watched.act(signal)))?;
        Ok(signals)
    }

    /// Signals stop the run from now on.
    pub(super) fn stop(&self, stop: &Stop) {
        self.set(Action::Stop(stop.clone(), false));
    }

    /// Signals remove the file `partial` that is being written.
    pub(super) fn remove(&self, partial: &Path) {
        self.set(Action::End(Some(partial.to_owned())));
    }

    fn set(&self, action: Action) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = action;
    }

    fn act(&self, signal: i32) {
        match &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Action::Stop(_, true) if signal == SIGINT => end(signal, "at once, without a checkpoint"),
            Action::Stop(stop, interrupted) => {
                *interrupted |= signal == SIGINT;
                stop.signal(signal.unsigned_abs() as usize);
            }
            Action::End(partial) => {
                if let Some(partial) = partial {
                    // It may be complete by now and have its name.
                    let _ = fs::remove_file(partial);
                }
                end(signal, "before it had written anything");
            }
        }
    }
}

/// Whether whoever started the process lets it ignore `signal`, as `nohup` and shells do for commands in the
/// background of a script. Only Linux says so.
fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask & (1 << (signal - 1)) != 0
}

/// The name of a signal that is watched.
pub(super) fn name_of(signal: usize) -> &'static str {
    match signal {
        2 => "SIGINT",
        1 => "SIGHUP",
        _ => "SIGTERM",
    }
}

/// Ends the process as `signal` would.
fn end(signal: i32, when: &str) -> ! {
    let _ = writeln!(io::stderr(), "stopped by {} {when}", name_of(signal.unsigned_abs() as usize));
    process::exit(128 + signal)
}
