//! Differentiable operations for [Candle](candle_core), and cross-validated training of dynamic-depth networks on top
//! of them.
//!
//! Data flows one way through the modules, and nothing imports upward:
//!
//! ```text
//! data -> folds -> train ( nn -> ops ; optim ) -> metrics -> report
//! ```
//!
//! - [`ops`]: `mul`, `maximum`, `relu`, `cos`, `linear`, `cos_linear` and `mse`, differentiable any number of times;
//! - [`gradcheck`](mod@gradcheck): holds the gradients of any function of Candle tensors against numerical ones;
//! - [`audit`]: that check over Candle's own operations;
//! - [`nn`]: `Linear`, `CosLinear` and `DynamicNet`, drawn from a seeded stream;
//! - [`optim`]: `AdamW` with a state that can be saved;
//! - [`plan`]: a network's training step and prediction as a list of instructions;
//! - [`data`]: data sets, files, the synthetic generator, scaling, k-fold partitions;
//! - [`random`]: the named random streams of a seed;
//! - [`config`]: the settings, their defaults and their validation;
//! - [`train`], [`cross_validate()`] and [`train_model()`]: one network on one training set, all folds side by side, and one
//!   network on all rows;
//! - [`model`]: a trained network with all that it needs to predict the rows of other files;
//! - [`evaluate`](mod@evaluate), [`metrics`] and [`report`]: what came of it;
//! - [`run`](mod@run): the folder of a run, with checkpoints from which it goes on, and its records;
//! - [`storage`]: files that a crash cannot spoil;
//! - [`telemetry`]: logs and progress bars;
//! - [`build_info`]: how the crate was built;
//! - [`guide`]: how to use all this, chapter by chapter.
//!
//! The modules `ops`, `gradcheck`, `nn` and `optim` know Candle alone and can be used without the rest.

#![deny(missing_docs)]

pub mod audit;
pub mod build_info;
pub mod config;
mod cross_validate;
pub mod data;
mod error;
pub mod evaluate;
mod fit;
pub mod gradcheck;
pub mod guide;
pub mod metrics;
pub mod model;
pub mod nn;
pub mod ops;
pub mod optim;
mod parallel;
pub mod plan;
pub mod random;
pub mod report;
pub mod run;
mod stats;
pub mod storage;
pub mod telemetry;
pub mod train;
mod train_model;

pub use cross_validate::{cross_validate, cross_validate_with, folds};
pub use error::{Error, Result};
pub use fit::Fitted;
pub use model::Model;
pub use train_model::{holdout, train_model};
