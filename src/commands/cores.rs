//! How the commands use the cores of the machine.

use std::env;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::thread;

use candle_core::utils::barrier_pool;
use rayon::ThreadPoolBuilder;

/// How many threads compute a product of matrices, and how many an operation of Candle on many elements,
/// which by default are as many.
const PRODUCTS: &str = "RAYON_NUM_THREADS";
const ELEMENTS: &str = "CANDLE_NUM_THREADS";

/// Divides the cores among `jobs` folds, and starts the threads that help them.
///
/// Candle 0.11 asks how many threads to use at every matrix product, and without the variable it parses
/// /proc/cpuinfo each time. Here a default run takes 1.8 s with the variable and 5.7 s without.
///
/// The pools of these threads start when they are first used, and panic where the system grants no threads.
/// So they are started here; where that fails each fold computes on its own thread alone, for which there is
/// no pool.
pub(super) fn share_cores(jobs: usize) {
    set_default(PRODUCTS, &(cores() / jobs.max(1)).max(1).to_string());
    // More threads than that are a mistake, and the machine may have no room for them.
    let most = 16 * cores();
    let number = |variable: &str| {
        let number: usize = env::var(variable).ok()?.parse().ok().filter(|number| *number > 0)?;
        if number > most {
            set(variable, &most.to_string());
        }
        Some(number.min(most))
    };
    let products = number(PRODUCTS).unwrap_or(1);
    let elements = number(ELEMENTS).unwrap_or(products);
    if products.max(elements) > 1 && !start_pools(products, elements) {
        set(PRODUCTS, "1");
        set(ELEMENTS, "1");
    }
}

/// Starts the threads of both pools, or none if there are too few for them and for a fold.
fn start_pools(products: usize, elements: usize) -> bool {
    // Of the elements one part is computed by the thread that asks.
    if !can_start(products.saturating_add(elements)) {
        return false;
    }
    if products > 1 && ThreadPoolBuilder::new().num_threads(products).build_global().is_err() {
        return false;
    }
    barrier_pool();
    true
}

/// Whether the system lets this process have `count` more threads at a time.
pub(super) fn can_start(count: usize) -> bool {
    let gate = Mutex::new(());
    let closed = gate.lock();
    thread::scope(|scope| {
        let wait = || drop(gate.lock());
        let all = (0..count).all(|_| thread::Builder::new().spawn_scoped(scope, wait).is_ok());
        drop(closed);
        all
    })
}

pub(super) fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Sets an environment variable that the user has not set.
pub(super) fn set_default(variable: &str, value: &str) {
    if env::var_os(variable).is_none() {
        set(variable, value);
    }
}

/// Sets an environment variable. Only for the time before the threads of the command are started.
fn set(variable: &str, value: &str) {
    // SAFETY: no other thread is running that could read the environment at the same time.
    #[allow(unsafe_code)]
    unsafe {
        env::set_var(variable, value);
    }
}
