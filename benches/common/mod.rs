//! The device that the benches run on, and how time is measured there.

use std::env::{self, VarError};
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use candle_core::Device;
use taper::config::DeviceSpec;

/// Where a bench runs.
pub(crate) struct Place {
    pub(crate) device: Device,
}

impl Place {
    /// The device that `TAPER_BENCH_DEVICE` names, as `--device` of the binary does: `auto` (the default: a
    /// GPU if the build and the machine have one, else the CPU), `cpu`, `cuda` or `cuda:N`.
    pub(crate) fn from_env() -> Self {
        const NAME: &str = "TAPER_BENCH_DEVICE";
        let spec = match env::var(NAME) {
            Ok(name) => name.parse().unwrap_or_else(|error| panic!("{NAME} is {name:?}: {error}")),
            Err(VarError::NotPresent) => DeviceSpec::Auto,
            Err(error) => panic!("{NAME}: {error}"),
        };
        let devices =
            spec.open(Some(NonZeroUsize::MIN)).unwrap_or_else(|error| panic!("{NAME}={spec}: {error}"));
        Self { device: devices[0].clone() }
    }

    /// The name of a group of benches here. The device is a part of it, so that criterion never compares one
    /// device with another.
    pub(crate) fn group(&self, name: &str) -> String {
        if self.device.is_cpu() { name.to_owned() } else { format!("cuda/{name}") }
    }

    /// The time that `iterations` of `routine` take, for `Bencher::iter_custom`.
    ///
    /// On a GPU a routine returns when its work is queued, so a clock around each would measure the queueing.
    /// A wait after each would add the way to the GPU and back to every one and leave it idle meanwhile, as
    /// no program does that has other work. So the batch is queued whole and waited for once: what remains
    /// per iteration is the time of the slower side, the queueing or the work, and nothing is subtracted.
    /// Nothing is left in the queue when the clock starts. On the CPU there is nothing to wait for.
    pub(crate) fn time<T>(&self, iterations: u64, mut routine: impl FnMut() -> T) -> Duration {
        self.device.synchronize().unwrap();
        let start = Instant::now();
        for _ in 0..iterations {
            black_box(routine());
        }
        self.device.synchronize().unwrap();
        start.elapsed()
    }
}
