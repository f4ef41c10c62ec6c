//! The files that a run writes into its folder, each whole or not at all.

use std::path::PathBuf;

use serde::Serialize;

use super::directory::RunDirectory;
use super::environment::Environment;
use super::layout::{CONFIG, ENVIRONMENT, FOLDS, MODEL, PREDICTIONS, REPORT, RESULTS};
use super::predictions::Predictions;
use crate::error::{Error, Result};
use crate::storage::{AtomicFile, write_exclusive, write_json};

impl RunDirectory {
    /// Writes the settings, a text that [`CvConfig::from_file`](crate::config::CvConfig::from_file) reads.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::File`] when the file cannot be written.
    pub fn write_settings(&self, text: &str) -> Result<()> {
        self.write(CONFIG, text.as_bytes()).map(drop)
    }

    /// Whether the environment has been written.
    pub fn has_environment(&self) -> bool {
        self.path.join(ENVIRONMENT).exists()
    }

    /// Writes what ran where on which data.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::File`] when the file cannot be written.
    pub fn write_environment(&self, environment: &Environment) -> Result<()> {
        write_json(&self.path.join(ENVIRONMENT), environment)
    }

    /// Writes the rows that each fold is tested on.
    pub(crate) fn write_folds(&self, folds: &[Vec<u32>]) -> Result<()> {
        write_json(&self.path.join(FOLDS), &serde_json::json!({ "folds": folds }))
    }

    /// Writes the results, a [`CvReport`](crate::report::CvReport) or a
    /// [`TrainReport`](crate::report::TrainReport).
    ///
    /// # Errors
    ///
    /// Fails with [`Error::File`] when the file cannot be written.
    pub fn write_results(&self, results: &impl Serialize) -> Result<()> {
        write_json(&self.path.join(RESULTS), results)
    }

    /// Writes the predictions of the rows that were tested on.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::File`] when the file cannot be written.
    pub fn write_predictions(&self, predictions: &Predictions) -> Result<()> {
        let path = self.path.join(PREDICTIONS);
        let mut file = AtomicFile::create_exclusive(&path)?;
        predictions.write_csv(&mut file).map_err(|source| Error::cannot_write(&path, source))?;
        file.commit()
    }

    /// Writes the file of a model, and returns its path.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::File`] when the file cannot be written.
    pub fn write_model(&self, model: &[u8]) -> Result<PathBuf> {
        self.write(MODEL, model)
    }

    /// Writes the report, and returns its path.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::File`] when the file cannot be written.
    pub fn write_report(&self, html: &str) -> Result<PathBuf> {
        self.write(REPORT, html.as_bytes())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf> {
        let path = self.path.join(name);
        write_exclusive(&path, bytes)?;
        Ok(path)
    }
}
