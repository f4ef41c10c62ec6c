//! The flags of `taper inspect`.

use std::path::PathBuf;

use clap::Args;

/// What `taper inspect` can be told.
#[derive(Debug, Args)]
#[command(
    long_about = "Print what is in a trained model\n\nIts network, the columns and categories that it was trained on, \
                  how they are scaled, its targets, facts about its training, and its tensors with their ranges. A file \
                  that is damaged, cut off or no model is refused with what is wrong, and exit code 1.",
    after_help = "Examples:\n  taper inspect model.safetensors\n  taper inspect model.safetensors --json"
)]
pub(crate) struct InspectArgs {
    /// Model that `taper train` has written
    #[arg(value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// Print one JSON document instead of tables
    #[arg(long)]
    pub(crate) json: bool,
}
