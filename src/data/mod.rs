//! Data sets: rows of features with their targets, read from files or synthetic, split into folds and scaled.

mod dataset;
mod file;
mod kfold;
mod piecewise;
mod scaling;
mod summary;
mod synthetic;
mod table;
mod transform;

pub use dataset::Dataset;
pub(crate) use dataset::target_names;
pub use file::DataFile;
pub use kfold::{Fold, KFold};
pub(crate) use piecewise::PiecewiseLinear;
pub use scaling::Scaling;
pub use summary::{ColumnKind, ColumnSummary, DataSummary, Role};
pub use synthetic::synthetic;
pub(crate) use table::missing_texts;
pub use table::{Block, Column, MAX_CATEGORIES, RowOptions, RowReader, Table, Unknown, read, read_relative};
pub use transform::Transform;
pub(crate) use transform::{Limited, skewness};
