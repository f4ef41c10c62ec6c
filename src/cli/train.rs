//! The flags of `taper train`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::cv::SettingArgs;
use crate::cli::run::{OutputArgs, RunArgs};

/// What `taper train` can be told.
#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// File to write the model to [default: model.safetensors, in the folder of --out if there is one]
    #[arg(long, value_name = "FILE", conflicts_with = "folder", help_heading = "Run")]
    pub(crate) model: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}
