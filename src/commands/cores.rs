//! How the commands use the cores of the machine.

use std::env;
use std::num::NonZeroUsize;
use std::thread;

/// Divides the cores among `jobs` folds.
///
/// Candle 0.11 asks how many threads to use at every matrix product, and without the variable it parses
/// /proc/cpuinfo each time. Here a default run takes 1.8 s with the variable and 5.7 s without.
pub(super) fn share_cores(jobs: usize) {
    set_default("RAYON_NUM_THREADS", &(cores() / jobs.max(1)).max(1).to_string());
}

pub(super) fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Sets an environment variable that the user has not set. Only for the time before any other thread is
/// started.
pub(super) fn set_default(variable: &str, value: &str) {
    if env::var_os(variable).is_none() {
        // SAFETY: no other thread has been started that could read the environment at the same time.
        #[allow(unsafe_code)]
        unsafe {
            env::set_var(variable, value);
        }
    }
}
