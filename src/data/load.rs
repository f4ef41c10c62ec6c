//! The data that settings ask for.

use candle_core::Device;

use super::{Table, read, read_relative, synthetic};
use crate::config::{CvConfig, DataConfig};
use crate::error::Result;
use crate::random::{Stream, generator};

/// The data that `config` asks for, on the CPU: those of its file, or synthetic ones.
///
/// # Errors
///
/// Fails when the file cannot be read or learnt from, or when there is no memory for the data.
pub fn load(config: &CvConfig) -> Result<Table> {
    let DataConfig { rows, features, noise, file, .. } = &config.data;
    if let Some(file) = file {
        return if config.data.is_scaled() {
            read_relative(file, config.dtype)
        } else {
            read(file, config.dtype)
        };
    }
    let rng = generator(config.seed, Stream::Data, 0);
    Ok(Table::unnamed(synthetic(*rows, *features, *noise, rng, config.dtype.into(), &Device::Cpu)?))
}
