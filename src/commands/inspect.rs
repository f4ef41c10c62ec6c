//! `taper inspect`.

use std::path::Path;

use anyhow::Result;
use serde::Serialize;
use taper::model::ModelSummary;
use taper::{Error, Model};

use super::print;
use crate::cli::InspectArgs;

/// What the file says and what is in it.
#[derive(Serialize)]
struct Inspected<'a> {
    file: String,
    checksum: &'a str,
    #[serde(flatten)]
    summary: ModelSummary,
}

pub(crate) fn inspect(args: &InspectArgs) -> Result<()> {
    let summary = load_model(&args.model, "MODEL")?.summary()?;
    let file = args.model.display().to_string();
    if args.json {
        return print(&serde_json::to_string_pretty(&Inspected { file, checksum: "matches", summary })?);
    }
    print(&format!("{file}: a model of taper, whole by its checksum\n{summary}"))
}

/// Loads the model in the file that the argument `name` says. That there is none is a wrong call.
pub(super) fn load_model(path: &Path, name: &str) -> Result<Model, Error> {
    Model::load(path).map_err(|error| match error {
        Error::File { path, reason, .. } => {
            Error::Settings(format!("{name} is {}, which cannot be read: {reason}", path.display()))
        }
        error => error,
    })
}
