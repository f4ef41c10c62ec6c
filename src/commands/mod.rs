//! What the commands do.

mod cv;
mod gradcheck;
mod inspect;
mod output_file;
mod predict;
mod report;
mod run;
mod train;

use std::env;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::thread;

use anyhow::{Context, Result};
use candle_core::Device;
use taper::config::{DataConfig, ValidConfig};
use taper::data::{self, Table};
use taper::random::{Stream, generator};

pub(crate) use cv::cv;
pub(crate) use gradcheck::gradcheck;
pub(crate) use inspect::inspect;
pub(crate) use predict::predict;
pub(crate) use report::report;
pub(crate) use run::Stopped;
pub(crate) use train::train;

/// The data that `config` asks for, on the CPU.
fn load(config: &ValidConfig) -> Result<Table, taper::Error> {
    let DataConfig { rows, features, noise, file, .. } = &config.data;
    if let Some(file) = file {
        return data::read(file, config.dtype);
    }
    let rng = generator(config.seed, Stream::Data, 0);
    Ok(Table::unnamed(data::synthetic(*rows, *features, *noise, rng, config.dtype.into(), &Device::Cpu)?))
}

/// Divides the cores among `jobs` folds.
///
/// Candle 0.11 asks how many threads to use at every matrix product, and without the variable it parses
/// /proc/cpuinfo each time. Here a default run takes 1.8 s with the variable and 5.7 s without.
fn share_cores(jobs: usize) {
    set_default("RAYON_NUM_THREADS", &(cores() / jobs.max(1)).max(1).to_string());
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Sets an environment variable that the user has not set. Only for the time before any other thread is started.
fn set_default(variable: &str, value: &str) {
    if env::var_os(variable).is_none() {
        // SAFETY: no other thread has been started that could read the environment at the same time.
        #[allow(unsafe_code)]
        unsafe {
            env::set_var(variable, value);
        }
    }
}

/// Writes `text` to standard output.
pub(crate) fn print(text: &str) -> Result<()> {
    readable(writeln!(io::stdout(), "{text}"))
}

/// The result of writing to standard output: that a reader such as `head` has gone away is no error.
pub(crate) fn readable(written: io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.context("cannot write to standard output"),
    }
}
