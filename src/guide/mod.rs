//! The guide, chapter by chapter: documentation without code.
//!
//! The chapters are the Markdown files in `src/guide/`. Their examples in Rust are tested.
//!
//! For users of the tool (with the feature `cli`):
//!
//! - [`command_line`]: the commands, how to read their results, logs and exit codes;
//! - [`configuration`]: settings from files and flags;
//! - [`data`]: the files that can be learnt, and how missing values, text and groups are handled;
//! - [`training`]: losses, blocks, schedules and recipes, and what they are worth;
//! - [`theory`]: why drawing the depth works, and what theory says of rates and of the mean over depths;
//! - [`runs`]: run folders, checkpoints, and how to resume a run;
//! - [`models`]: training a network to keep, and predicting with it;
//! - [`studies`]: whether a setting helps, how sure that is, and on many machines.
//!
//! For users of the library:
//!
//! - [`operations`]: the differentiable operations, and how to add one.
//!
//! For both:
//!
//! - [`gpu`]: building for CUDA, and what runs there.

#[cfg(feature = "cli")]
#[doc = include_str!("command_line.md")]
pub mod command_line {}

#[cfg(feature = "cli")]
#[doc = include_str!("configuration.md")]
pub mod configuration {}

#[cfg(feature = "cli")]
#[doc = include_str!("data.md")]
pub mod data {}

#[doc = include_str!("gpu.md")]
pub mod gpu {}

#[cfg(feature = "cli")]
#[doc = include_str!("models.md")]
pub mod models {}

#[doc = include_str!("operations.md")]
pub mod operations {}

#[cfg(feature = "cli")]
#[doc = include_str!("runs.md")]
pub mod runs {}

#[cfg(feature = "cli")]
#[doc = include_str!("studies.md")]
pub mod studies {}

#[cfg(feature = "cli")]
#[doc = include_str!("theory.md")]
pub mod theory {}

#[cfg(feature = "cli")]
#[doc = include_str!("training.md")]
pub mod training {}

/// Tests the examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
