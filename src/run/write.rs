//! The files that a run writes into its folder, each whole or not at all.

use std::path::PathBuf;

use serde::Serialize;

use super::directory::{ReportFolder, RunDirectory};
use super::environment::Environment;
use super::layout::{CONFIG, ENVIRONMENT, FOLDS, MODEL, PREDICTIONS, REPORT, RESULTS};
use super::manifest::{FileSum, Manifest, Summed};
use super::place::Place;
use super::predictions::Predictions;
use crate::error::{Error, Result};
use crate::storage::{AtomicFile, write_exclusive};

impl RunDirectory {
    /// Writes the settings, a text that [`CvConfig::from_file`](crate::config::CvConfig::from_file) reads.
    pub(super) fn write_settings(&self, text: &str) -> Result<()> {
        self.write(CONFIG, text.as_bytes())?;
        self.save_manifest()
    }

    /// Where the run began; nothing where it was killed before it said that, or where what it said is
    /// damaged.
    pub fn environment(&self) -> Option<Environment> {
        let text = Manifest::read_file(Some(&*self.manifest()), self.path(), ENVIRONMENT);
        text.ok().and_then(|text| serde_json::from_slice(&text).ok())
    }

    /// Writes what ran where on which data.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::File`] when the file cannot be written.
    pub fn write_environment(&self, environment: &Environment) -> Result<()> {
        self.write_json(ENVIRONMENT, environment)?;
        self.save_manifest()
    }

    /// Writes the rows that each fold is tested on.
    pub(crate) fn write_folds(&self, folds: &[Vec<u32>]) -> Result<()> {
        self.write_json(FOLDS, &serde_json::json!({ "folds": folds }))
    }

    /// Writes the results, a [`CvReport`](crate::report::CvReport) or a
    /// [`TrainReport`](crate::report::TrainReport).
    ///
    /// # Errors
    ///
    /// Fails with [`Error::File`] when the file cannot be written.
    pub fn write_results(&self, results: &impl Serialize) -> Result<()> {
        self.write_json(RESULTS, results)
    }

    /// Writes the predictions of the rows that were tested on.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::File`] when the file cannot be written.
    pub fn write_predictions(&self, predictions: &Predictions) -> Result<()> {
        let path = self.place.check()?.join(PREDICTIONS);
        let mut file = Summed::new(AtomicFile::create_exclusive(&path)?);
        predictions.write_csv(&mut file).map_err(|source| Error::cannot_write(&path, source))?;
        let (file, sum) = file.finish();
        self.announce(PREDICTIONS, &sum)?;
        file.commit()?;
        self.manifest().note(PREDICTIONS, sum);
        Ok(())
    }

    /// Writes the file of a model, and returns its path.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::File`] when the file cannot be written.
    pub fn write_model(&self, model: &[u8]) -> Result<PathBuf> {
        self.write(MODEL, model)
    }

    /// Notes that the run is finished: that all its files are written but the report.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::File`] when that cannot be written.
    pub fn finish(&self) -> Result<()> {
        self.save_manifest()
    }

    /// Writes the report, and returns its path.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::File`] when the file cannot be written.
    pub fn write_report(&self, html: &str) -> Result<PathBuf> {
        write_report(&self.place, html)
    }

    fn write_json(&self, name: &str, value: &impl Serialize) -> Result<()> {
        let mut text = serde_json::to_vec_pretty(value).map_err(candle_core::Error::wrap)?;
        text.push(b'\n');
        self.write(name, &text).map(drop)
    }

    /// Says that the file `name` is about to have the sum `sum`, so that at no moment it is another than the
    /// manifest says.
    fn announce(&self, name: &str, sum: &FileSum) -> Result<()> {
        if self.manifest().rewrite(name, sum) { self.save_manifest() } else { Ok(()) }
    }

    /// Writes the file `name`, whose sum the manifest says when it is saved.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf> {
        let (path, sum) = (self.place.check()?.join(name), FileSum::of(bytes));
        self.announce(name, &sum)?;
        write_exclusive(&path, bytes)?;
        self.manifest().note(name, sum);
        Ok(path)
    }
}

impl ReportFolder {
    /// Writes the report, and returns its path.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::File`] when the file cannot be written.
    pub fn write_report(&self, html: &str) -> Result<PathBuf> {
        write_report(self.place(), html)
    }
}

fn write_report(place: &Place, html: &str) -> Result<PathBuf> {
    let path = place.check()?.join(REPORT);
    write_exclusive(&path, html.as_bytes())?;
    Ok(path)
}
