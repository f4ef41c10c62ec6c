//! Data sets: rows of features with their targets, read from files or synthetic, split into folds and scaled.

mod category_means;
mod dataset;
mod feature;
mod file;
mod kfold;
mod load;
mod piecewise;
mod scaling;
mod summary;
mod synthetic;
mod table;
mod transform;

pub use category_means::CategoryMeans;
pub use dataset::Dataset;
pub(crate) use dataset::target_names;
pub use feature::FeatureKind;
pub use file::DataFile;
pub use kfold::{Fold, KFold};
pub use load::load;
pub(crate) use piecewise::FeatureEncoding;
pub use scaling::Scaling;
pub use summary::{ColumnKind, ColumnSummary, DataSummary, Role};
pub use synthetic::synthetic;
pub use table::{
    Block, Column, DateOrder, DatePart, MAX_CATEGORIES, MAX_CODES, RowOptions, RowReader, Table, Unknown,
    read, read_relative,
};
pub(crate) use table::{date_text, days_of, first_of_month, missing_texts, month_number, time_text};
pub use transform::Transform;
pub(crate) use transform::{Limited, skewness};
