//! Candle's products on one thread.

use std::env;

/// Demands it, for the time before any other thread is started.
pub(crate) fn demand() {
    // Without this Candle 0.11 parses /proc/cpuinfo at every matrix product, and that would be most of the
    // time.
    // SAFETY: no other thread has been started.
    #[allow(unsafe_code)]
    unsafe {
        env::set_var("RAYON_NUM_THREADS", "1");
    }
}
