//! `taper inspect`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use taper::model::ModelSummary;
use taper::{Error, Model};

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
    model: PathBuf,
    /// Print one JSON document instead of tables
    #[arg(long)]
    json: bool,
}

/// What the file says and what is in it.
#[derive(Serialize)]
struct Inspected<'a> {
    file: String,
    checksum: &'a str,
    #[serde(flatten)]
    summary: ModelSummary,
}

impl InspectArgs {
    /// What is in the model.
    ///
    /// # Errors
    ///
    /// Fails when the model cannot be loaded.
    pub(crate) fn text(&self) -> anyhow::Result<String> {
        let summary = load(&self.model, "MODEL")?.summary()?;
        let file = self.model.display().to_string();
        if self.json {
            return Ok(serde_json::to_string_pretty(&Inspected { file, checksum: "matches", summary })?);
        }
        Ok(format!("{file}: a model of taper, whole by its checksum\n{summary}"))
    }
}

/// Loads the model in the file that the argument `name` says. That there is none is a wrong call.
pub(super) fn load(path: &Path, name: &str) -> Result<Model, Error> {
    Model::load(path).map_err(|error| match error {
        Error::File { path, reason, .. } => {
            Error::Settings(format!("{name} is {}, which cannot be read: {reason}", path.display()))
        }
        error => error,
    })
}
