//! The flags of `taper report`.

use std::path::PathBuf;

use clap::Args;

/// What `taper report` can be told.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Folder of a run, as --out made it
    #[arg(value_name = "DIR")]
    pub(crate) run: PathBuf,
}
