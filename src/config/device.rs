//! The name of a device.

use std::fmt;
use std::str::FromStr;

use candle_core::Device;
use candle_core::utils::cuda_is_available;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The name of a device: `auto`, `cpu`, `cuda` or `cuda:N`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DeviceSpec {
    /// The first GPU if the build and the machine have one, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The GPU of this number.
    Cuda(usize),
}

impl DeviceSpec {
    /// Opens the device.
    ///
    /// # Errors
    ///
    /// Fails when the device is a GPU and the build or the machine has none.
    pub fn open(self) -> Result<Device> {
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Auto => Ok(Device::cuda_if_available(0).unwrap_or(Device::Cpu)),
            Self::Cuda(_) if !cuda_is_available() => Err(Error::config(
                "device",
                format!(
                    "is {self}, but this build has no CUDA; build it with `cargo build --release --features cuda`"
                ),
            )),
            Self::Cuda(index) => Ok(Device::new_cuda(index)?),
        }
    }
}

impl fmt::Display for DeviceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

impl FromStr for DeviceSpec {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let index = |number: &str| number.parse().ok().map(Self::Cuda);
        match name {
            "auto" => Some(Self::Auto),
            "cpu" => Some(Self::Cpu),
            "cuda" => Some(Self::Cuda(0)),
            _ => name.strip_prefix("cuda:").and_then(index),
        }
        .ok_or_else(|| "expected auto, cpu, cuda or cuda:N".to_owned())
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
            ("cuda:0", DeviceSpec::Cuda(0)),
            ("cuda:12", DeviceSpec::Cuda(12)),
        ] {
            assert_eq!(name.parse(), Ok(device));
            assert_eq!(device.to_string(), name);
        }
        assert_eq!("cuda".parse(), Ok(DeviceSpec::Cuda(0)));
        for name in ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "CPU"] {
            assert!(name.parse::<DeviceSpec>().is_err(), "{name}");
        }
    }

    #[test]
    fn a_build_without_cuda_says_how_to_get_one() {
        if !cuda_is_available() {
            let error = DeviceSpec::Cuda(0).open().unwrap_err().to_string();
            assert!(error.contains("cargo build --release --features cuda"), "{error}");
        }
    }
}
