//! Files that are damaged or made to do harm: each is read or refused, in little time and memory, and never
//! panics.
//!
//! The files are valid ones with some changes, all drawn from a seed. `cargo test` tries a few; many more are
//! tried by `TAPER_FUZZ_CASES=100000 cargo test --test allocations fuzz`, which is the number for each test,
//! from the case `TAPER_FUZZ_FIRST` on. A test that fails tells its case.

mod mutate;
mod runs;
mod sealed;
mod settings;
mod tables;
mod wide;

use std::ops::Range;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;
use std::{env, thread};

use rand_chacha::ChaCha8Rng;
use taper::random::{Stream, generator};

use crate::Count;

/// How long a case may take; most take a millisecond.
const LONGEST: Duration = Duration::from_secs(60);
/// How much memory a case may take. The files have some kilobytes, and the buffers for them are no larger.
const MOST_BYTES: isize = 64 << 20;

/// Tries `cases` changes, or as many as the environment says.
fn fuzz(cases: usize, case: impl FnMut(usize, &mut ChaCha8Rng) -> bool + Send + 'static) {
    let number = |name, default| env::var(name).map_or(default, |text| text.parse().unwrap());
    let (first, cases) = (number("TAPER_FUZZ_FIRST", 0), number("TAPER_FUZZ_CASES", cases));
    run(first..first + cases, case);
}

/// Tries `case` with each of `numbers` and a generator of its own. It returns whether what it made was
/// accepted.
fn run(numbers: Range<usize>, mut case: impl FnMut(usize, &mut ChaCha8Rng) -> bool + Send + 'static) {
    let cases = numbers.len();
    let (done, each) = mpsc::channel();
    let all = numbers.clone();
    let worker = thread::spawn(move || {
        for i in all {
            Count::reset_peak();
            let before = Count::of_thread().peak;
            let is_accepted = case(i, &mut generator(1, Stream::Data, i));
            if done.send((is_accepted, Count::of_thread().peak - before)).is_err() {
                return;
            }
        }
    });
    let (mut accepted, mut most) = (0, 0);
    for i in numbers {
        match each.recv_timeout(LONGEST) {
            Ok((is_accepted, bytes)) => {
                accepted += usize::from(is_accepted);
                most = most.max(bytes);
                assert!(bytes <= MOST_BYTES, "case {i} takes {bytes} bytes");
            }
            Err(RecvTimeoutError::Timeout) => panic!("case {i} takes more than {LONGEST:?}"),
            Err(RecvTimeoutError::Disconnected) => panic!("case {i} panicked"),
        }
    }
    worker.join().unwrap();
    println!("{cases} cases, {accepted} of them accepted, at most {most} bytes");
}
