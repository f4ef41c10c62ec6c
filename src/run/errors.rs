//! The errors of a finished cross-validation.

use std::path::Path;

use serde::Deserialize;

use super::environment::Environment;
use super::layout::RESULTS;
use super::predictions::Predictions;
use super::read::Opened;
use crate::config::CvConfig;
use crate::error::{Error, Result};
use crate::results::FoldReport;

/// What the folder of a cross-validation says of its errors: all that it takes to compare them with those of
/// another.
#[derive(Debug, Clone)]
pub struct RunErrors {
    /// The settings.
    pub config: CvConfig,
    /// What ran where on which data.
    pub environment: Environment,
    /// The errors of each fold.
    pub folds: Vec<FoldReport>,
    /// The predictions of the tested rows, with their truths.
    pub predictions: Predictions,
}

#[derive(Deserialize)]
struct Results {
    #[serde(default)]
    folds: Vec<FoldReport>,
}

impl RunErrors {
    /// Reads the folder of a finished cross-validation.
    ///
    /// # Errors
    ///
    /// Fails as [`RunRecord::read`](super::RunRecord::read), and with [`Error::Settings`] for the training of
    /// a model, which has no folds.
    pub fn read(folder: &Path) -> Result<Self> {
        let Opened { files, config, environment } = Opened::read(folder)?;
        if environment.command != "cv" {
            let (folder, command) = (folder.display(), &environment.command);
            return Err(Error::settings(format!(
                "{folder} is a run of `taper {command}`, expected one of `taper cv`"
            )));
        }
        let Results { folds } = files.read_json(RESULTS)?;
        Ok(Self { folds, predictions: files.predictions()?, config, environment })
    }
}
