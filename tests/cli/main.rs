//! The binary: its calls, settings, runs and reports.

#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub, reason = "test code")]

#[path = "../common/reference.rs"]
#[allow(dead_code, reason = "other tests use more of it")]
mod reference;
#[path = "../common/times.rs"]
mod times;

mod batch_norm;
mod categories;
mod command_line;
mod common;
mod compare;
mod configuration;
mod conventions;
mod dates;
mod errors;
mod evaluate;
mod folds;
mod forgotten;
mod halting;
mod importance;
mod intervals;
#[cfg(target_os = "linux")]
mod limits;
mod missing;
mod offsets;
mod plans;
mod quantiles;
mod report;
mod runs;
mod scales;
mod study;
mod time_budget;
mod warnings;
