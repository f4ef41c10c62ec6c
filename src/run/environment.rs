//! Where a run was made, and on what.

use std::env::consts::{ARCH, OS};
use std::num::NonZeroUsize;
use std::thread;
use std::time::{Duration, SystemTime};

use candle_core::Device;
use serde::{Deserialize, Serialize};
use sysinfo::System;

use crate::build_info;
use crate::config::device_names;
use crate::data::DataFile;
use crate::ops::instruction_set;
use crate::text::shell_quote;

/// What ran where, when, on which data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// The command, `cv` or `train`.
    pub command: String,
    /// The arguments of the call that began the run.
    pub arguments: Vec<String>,
    /// The version of taper and how it was built.
    pub taper: String,
    /// The operating system.
    pub system: String,
    /// The processor.
    pub processor: String,
    /// The instruction set of the operations; empty in runs of earlier versions.
    #[serde(default)]
    pub instructions: String,
    /// The cores that the process may use.
    pub cores: usize,
    /// The memory of the machine in bytes.
    pub memory: u64,
    /// The devices of the run.
    pub devices: String,
    /// When the run began, in UTC.
    pub started: String,
    /// The files of the data.
    pub data: Vec<DataFile>,
}

impl Environment {
    /// This machine at this moment, for a run of `command` with `arguments` on `devices`.
    pub fn now(command: &str, arguments: Vec<String>, devices: &[Device], data: Vec<DataFile>) -> Self {
        let mut system = System::new();
        system.refresh_memory();
        system.refresh_cpu_list(sysinfo::CpuRefreshKind::nothing());
        let processor = system.cpus().first().map(|cpu| cpu.brand().trim().to_owned());
        let name = System::long_os_version().unwrap_or_else(|| OS.to_owned());
        Self {
            command: command.to_owned(),
            arguments,
            taper: build_info::FACTS.replace('\n', ", "),
            system: format!("{name}, {ARCH}"),
            processor: processor.unwrap_or_default(),
            instructions: instruction_set().to_owned(),
            cores: thread::available_parallelism().map_or(1, NonZeroUsize::get),
            memory: system.total_memory(),
            devices: device_names(devices),
            started: timestamp(SystemTime::now()),
            data,
        }
    }

    /// The facts by name, to be shown in this order.
    pub fn facts(&self) -> Vec<(String, String)> {
        let mut facts = vec![
            ("started", self.started.clone()),
            ("call", self.call()),
            ("taper", self.taper.clone()),
            ("system", self.system.clone()),
            ("processor", format!("{}, {} cores, {}", self.processor, self.cores, self.instructions)),
            ("memory", format!("{:.1} GiB", self.memory as f64 / f64::from(1 << 30))),
            ("devices", self.devices.clone()),
        ];
        for DataFile { file, bytes, sha256, .. } in &self.data {
            facts.push(("data", format!("{}, {bytes} bytes, SHA-256 {sha256}", file.display())));
        }
        facts.into_iter().map(|(name, fact)| (name.to_owned(), fact)).collect()
    }

    /// What differs from `began` in how numbers are computed, so that the last bits of results may differ:
    /// the build, the instruction set or the devices.
    pub fn difference(&self, began: &Self) -> Option<String> {
        let facts = [
            (&self.taper, &began.taper),
            (&self.instructions, &began.instructions),
            (&self.devices, &began.devices),
        ];
        let differs = facts.into_iter().find(|(now, then)| now != then && !then.is_empty());
        differs.map(|(now, then)| format!("the run began with {then}, this is {now}"))
    }

    /// The call as it would be typed.
    fn call(&self) -> String {
        let words: Vec<_> = self.arguments.iter().map(|argument| shell_quote(argument)).collect();
        words.join(" ")
    }
}

/// The time in UTC. A clock that is wrong, before 1970 or after 9999, for which there is no text, counts as
/// one at the nearer end of these years.
fn timestamp(time: SystemTime) -> String {
    const LAST: Duration = Duration::from_secs(253_402_300_799);
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().min(LAST);
    humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + since).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_clock_has_a_time() {
        let epoch = SystemTime::UNIX_EPOCH;
        for (time, text) in [
            (epoch + Duration::from_secs(1_000_000_000), "2001-09-09T01:46:40Z"),
            (epoch - Duration::from_secs(1), "1970-01-01T00:00:00Z"),
            (epoch - Duration::from_secs(1 << 40), "1970-01-01T00:00:00Z"),
            (epoch + Duration::from_secs(253_402_300_799), "9999-12-31T23:59:59Z"),
            (epoch + Duration::from_secs(1 << 40), "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(timestamp(time), text);
        }
    }
}
