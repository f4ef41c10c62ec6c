//! Data sets: rows of features with their targets, where they come from and how they are divided.

mod batches;
mod dataset;
mod kfold;
mod synthetic;

pub use batches::shuffled_batches;
pub use dataset::Dataset;
pub use kfold::{Fold, KFold};
pub use synthetic::synthetic;
