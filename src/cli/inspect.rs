//! The flags of `taper inspect`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

/// What `taper inspect` can be told.
#[derive(Debug, Args)]
#[command(
    long_about = "Print what is in a trained model\n\nIts network, the columns and categories that it was trained on, \
                  how they are scaled, its targets, facts about its training, and its tensors with their ranges. A file \
                  that is damaged, cut off or no model is refused with what is wrong, and exit code 1.",
    after_help = "Examples:\n  taper inspect model.safetensors\n  taper inspect model.safetensors --json\n  \
                  taper inspect model.safetensors --plan --rows 256"
)]
pub(crate) struct InspectArgs {
    /// Model that `taper train` has written
    #[arg(value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// Print the network as instructions instead: a training step at each depth, and the prediction, with what they cost
    #[arg(long)]
    pub(crate) plan: bool,
    /// Rows of the batch that --plan counts for
    #[arg(long, value_name = "N", default_value = "64", requires = "plan", value_parser = rows)]
    pub(crate) rows: NonZeroUsize,
    /// Print one JSON document instead of tables
    #[arg(long)]
    pub(crate) json: bool,
}

/// A number of rows.
fn rows(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "expected a whole number of 1 or more".to_owned())
}
