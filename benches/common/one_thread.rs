//! Criterion with Candle's products on one thread.

use std::env;

use criterion::Criterion;

/// The `main` of a bench; for the time before any other thread is started.
pub(crate) fn run(benches: impl FnOnce(&mut Criterion)) {
    // Without this Candle 0.11 parses /proc/cpuinfo at every matrix product, and that would be most of the time.
    // SAFETY: no other thread has been started.
    #[allow(unsafe_code)]
    unsafe {
        env::set_var("RAYON_NUM_THREADS", "1");
    }
    let mut criterion = Criterion::default().configure_from_args();
    benches(&mut criterion);
    criterion.final_summary();
}
