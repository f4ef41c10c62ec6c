//! Differentiable operations for [Candle](candle_core), and cross-validated training of dynamic-depth
//! networks on top of them.
//!
//! **The kit** knows Candle alone, and is all there is without the feature `cli`:
//!
//! - [`ops`]: `mul`, `maximum`, `relu`, `silu`, `mish`, `gelu`, `cos`, `linear`, `cos_linear`, `rms_norm`,
//!   `layer_norm`, `batch_norm`, `softmax`, `dropout` and `mse`, differentiable any number of times;
//! - [`gradcheck`](mod@gradcheck): compares the gradients of any function of Candle tensors with numerical
//!   ones;
//! - [`audit`]: that check over Candle's own operations;
//! - [`nn`]: `Linear`, `CosLinear` and `DynamicNet`, drawn from a seeded stream;
//! - [`optim`]: `AdamW` with a state that can be saved;
//! - [`plan`]: a network's training step and prediction as a list of instructions, on the CPU and on CUDA;
//! - [`random`]: the named random streams of a seed.
//!
//! **The tool** is the feature `cli`, which is on by default; the binary `taper` is a thin layer on it:
//!
//! - [`data`](mod@data): data sets, files, the synthetic generator, scaling, k-fold partitions;
//! - [`config`](mod@config): the settings, their defaults and their validation;
//! - [`train`](mod@train), [`cross_validate()`] and [`train_model()`]: one network on one training set, all
//!   folds side by side, and one network on all rows;
//! - [`model`](mod@model): a trained network with all that it needs to predict the rows of other files;
//! - [`onnx`](mod@onnx): such a model as a graph that other programs run;
//! - [`evaluate`](mod@evaluate), [`metrics`](mod@metrics), [`results`](mod@results) and
//!   [`report`](mod@report): the errors, and what a user reads of them;
//! - [`statistics`](mod@statistics) and [`compare`](mod@compare): whether one learner is better than another;
//! - [`explain`](mod@explain): what the predictions of a network depend on;
//! - [`run`](mod@run): the folder of a run, with checkpoints from which it resumes, and its records;
//! - [`storage`](mod@storage): files that a crash cannot corrupt;
//! - [`telemetry`](mod@telemetry): what the library tells through `tracing`;
//! - [`build_info`](mod@build_info): how the crate was built.
//!
//! Data flows one way through the modules, and nothing imports upward; `tests/house.rs` checks it:
//!
//! ```text
//! data -> folds -> train ( plan -> nn -> ops ; optim ) -> metrics -> report
//! ```
//!
//! [`guide`] explains how to use all this, chapter by chapter.

#![deny(missing_docs)]

pub mod audit;
pub mod gradcheck;
pub mod guide;
pub mod nn;
#[cfg_attr(
    not(feature = "cli"),
    allow(dead_code, unused_imports, reason = "the tool's trainer uses all of it")
)]
pub mod plan;
pub mod random;

#[cfg(feature = "cli")]
mod baseline;
#[cfg(feature = "cli")]
pub mod build_info;
#[cfg(feature = "cli")]
pub mod compare;
#[cfg(feature = "cli")]
pub mod config;
#[cfg(feature = "cli")]
pub mod convergence;
#[cfg(feature = "cli")]
mod course;
#[cfg(feature = "cli")]
mod cross_validate;
#[cfg(feature = "cli")]
pub mod data;
#[cfg(feature = "cli")]
mod error;
#[cfg(feature = "cli")]
pub mod evaluate;
#[cfg(feature = "cli")]
pub mod explain;
#[cfg(feature = "cli")]
mod fit;
#[cfg(feature = "cli")]
pub mod intervals;
#[cfg(feature = "cli")]
mod memory;
#[cfg(feature = "cli")]
pub mod metrics;
#[cfg(feature = "cli")]
pub mod model;
#[cfg(feature = "cli")]
pub mod onnx;
#[cfg(feature = "cli")]
mod parallel;
#[cfg(feature = "cli")]
mod partition;
#[cfg(feature = "cli")]
pub mod report;
#[cfg(feature = "cli")]
pub mod results;
#[cfg(feature = "cli")]
pub mod run;
#[cfg(feature = "cli")]
pub mod statistics;
#[cfg(feature = "cli")]
mod stats;
#[cfg(feature = "cli")]
mod stop;
#[cfg(feature = "cli")]
pub mod storage;
#[cfg(feature = "cli")]
pub mod study;
#[cfg(feature = "cli")]
pub mod telemetry;
#[cfg(feature = "cli")]
pub mod text;
#[cfg(feature = "cli")]
mod time_budget;
#[cfg(feature = "cli")]
pub mod train;
#[cfg(feature = "cli")]
mod train_model;
#[cfg(feature = "cli")]
mod validation;

#[doc(inline)]
pub use taper_kernels::{ops, optim};

#[cfg(feature = "cli")]
pub use baseline::baselines;
#[cfg(feature = "cli")]
pub use cross_validate::{CrossValidated, cross_validate};
#[cfg(feature = "cli")]
pub use error::{Error, Result};
#[cfg(feature = "cli")]
pub use fit::Fitted;
#[cfg(feature = "cli")]
pub use model::Model;
#[cfg(feature = "cli")]
pub use partition::Partition;
#[cfg(feature = "cli")]
pub use stop::{Stop, StopReason};
#[cfg(feature = "cli")]
pub use time_budget::steps_within;
#[cfg(feature = "cli")]
pub use train_model::{hold_out, train_model};
#[cfg(feature = "cli")]
pub use validation::check_validation;
