//! The names of devices, and how they are opened.

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::thread;

use candle_core::utils::cuda_is_available;
use candle_core::{Device, DeviceLocation};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::error::{Error, Result};

/// The devices of a run: `auto`, `cpu`, `cuda`, `cuda:N` or `cuda:N,M,...`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DeviceSpec {
    /// The first GPU if the build and the machine have one, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The GPUs of these numbers, at least one and each once.
    Cuda(Vec<usize>),
}

impl DeviceSpec {
    /// Opens the devices for `jobs` tasks side by side, one for each task; by default as many as there are
    /// cores on the CPU, and one for each GPU.
    ///
    /// Tasks that share a GPU get it as devices of their own, so that none waits for the work of another.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::NoGpu`] when a GPU is asked for and the build or the machine has none that can be
    /// used.
    pub fn open(&self, jobs: Option<NonZeroUsize>) -> Result<Vec<Device>> {
        let jobs_or = |default| jobs.map_or(default, NonZeroUsize::get);
        let on_cpu =
            || vec![Device::Cpu; jobs_or(thread::available_parallelism().map_or(1, NonZeroUsize::get))];
        let on_gpus = |numbers: &[usize]| -> Result<Vec<Device>> {
            let numbers = numbers.iter().cycle().take(jobs_or(numbers.len()));
            numbers.map(|&number| open_gpu(number)).collect()
        };
        match self {
            Self::Cpu => Ok(on_cpu()),
            Self::Cuda(numbers) => on_gpus(numbers),
            Self::Auto if !cuda_is_available() => Ok(on_cpu()),
            Self::Auto => on_gpus(&[0]).or_else(|error| match error {
                Error::NoGpu { number, reason } => {
                    warn!("GPU {number} cannot be used, computing on the CPU: {reason}");
                    Ok(on_cpu())
                }
                error => Err(error),
            }),
        }
    }
}

/// The names of `devices`, each once: `cpu`, `cuda:0`.
pub(crate) fn device_names(devices: &[Device]) -> String {
    let name = |device: &Device| match device.location() {
        DeviceLocation::Cpu => "cpu".to_owned(),
        DeviceLocation::Cuda { gpu_id } => format!("cuda:{gpu_id}"),
        DeviceLocation::Metal { gpu_id } => format!("metal:{gpu_id}"),
    };
    let names: BTreeSet<_> = devices.iter().map(name).collect();
    names.into_iter().collect::<Vec<_>>().join(",")
}

fn open_gpu(number: usize) -> Result<Device> {
    if !cuda_is_available() {
        return Err(Error::NoGpu {
            number,
            reason: "this build has no CUDA, `cargo build --release --features cuda` makes one that has"
                .to_owned(),
        });
    }
    // With RUST_BACKTRACE Candle appends a trace to what the driver said.
    Device::new_cuda(number).map_err(|error| {
        let reason = error.to_string().lines().next().unwrap_or_default().to_owned();
        Error::NoGpu { number, reason }
    })
}

impl fmt::Display for DeviceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(numbers) => {
                let numbers: Vec<_> = numbers.iter().map(usize::to_string).collect();
                write!(f, "cuda:{}", numbers.join(","))
            }
        }
    }
}

impl FromStr for DeviceSpec {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let gpus = |list: &str| {
            // Far more than a machine has, and the driver's own numbers are not longer than 31 bits.
            let number = |text: &str| text.parse::<u16>().map(usize::from);
            let numbers: Vec<_> = list.split(',').map(number).collect::<Result<_, _>>().ok()?;
            let each_once = (1..numbers.len()).all(|i| !numbers[..i].contains(&numbers[i]));
            each_once.then_some(Self::Cuda(numbers))
        };
        match name {
            "auto" => Some(Self::Auto),
            "cpu" => Some(Self::Cpu),
            "cuda" => Some(Self::Cuda(vec![0])),
            _ => name.strip_prefix("cuda:").and_then(gpus),
        }
        .ok_or_else(|| "expected auto, cpu, cuda, cuda:N or cuda:N,M with each GPU once".to_owned())
    }
}

impl TryFrom<String> for DeviceSpec {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

impl From<DeviceSpec> for String {
    fn from(device: DeviceSpec) -> Self {
        device.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        for (name, device) in [
            ("auto", DeviceSpec::Auto),
            ("cpu", DeviceSpec::Cpu),
            ("cuda:0", DeviceSpec::Cuda(vec![0])),
            ("cuda:12", DeviceSpec::Cuda(vec![12])),
            ("cuda:1,0,3", DeviceSpec::Cuda(vec![1, 0, 3])),
        ] {
            assert_eq!(device.to_string(), name);
            assert_eq!(name.parse(), Ok(device));
        }
        assert_eq!("cuda".parse(), Ok(DeviceSpec::Cuda(vec![0])));
        for name in [
            "",
            "gpu",
            "cuda:",
            "cuda:x",
            "cuda:-1",
            "CPU",
            "cuda:0,",
            "cuda:0,0",
            "cuda:0 1",
            "cuda:4294967296",
        ] {
            assert!(name.parse::<DeviceSpec>().is_err(), "{name}");
        }
    }

    #[test]
    fn the_cpu_is_opened_once_for_each_job() {
        assert_eq!(DeviceSpec::Cpu.open(NonZeroUsize::new(3)).unwrap().len(), 3);
        assert!(!DeviceSpec::Cpu.open(None).unwrap().is_empty());
    }

    #[test]
    fn a_build_without_cuda_says_how_to_get_one() {
        if !cuda_is_available() {
            let error = DeviceSpec::Cuda(vec![0]).open(None).unwrap_err().to_string();
            assert!(error.contains("cargo build --release --features cuda"), "{error}");
        }
    }
}
