//! The report of a run as a page.

mod axis;
mod bins;
mod curves;
mod depth;
mod fit;
mod numbers;
mod page;
mod picture;
mod results;
mod text;
mod weights;

use crate::error::Result;
use crate::run::RunRecord;
use page::Page;

/// The report of a run: one HTML page that needs nothing else, with its results, its settings and pictures.
///
/// The same record gives the same bytes. However long the run was and however many rows it had, the page stays light: lines
/// are thinned, and of many rows the density is shown.
///
/// # Errors
///
/// Fails with [`Error::Picture`](crate::Error::Picture) when a picture cannot be drawn.
///
/// # Examples
///
/// ```
/// use taper::config::CvConfig;
/// use taper::report::html;
/// use taper::run::{EpochRecord, Predictions, RunRecord};
///
/// let epoch = |epoch, train_mse| EpochRecord { fold: 0, epoch, train_mse, validation: None, lr: 1e-3, seconds: 0.1 };
/// let run = RunRecord {
///     command: "train".to_owned(),
///     config: CvConfig::default(),
///     environment: vec![("device".to_owned(), "cpu".to_owned())],
///     folds: Vec::new(),
///     epochs: vec![epoch(0, 1.), epoch(1, 0.5)],
///     predictions: Predictions::default(),
///     weights: Vec::new(),
///     seconds: Some(0.25),
/// };
/// let page = html(&run)?;
/// assert!(page.starts_with("<!DOCTYPE html>") && page.contains("<svg"));
/// # Ok::<(), taper::Error>(())
/// ```
pub fn html(run: &RunRecord) -> Result<String> {
    let mut page = Page::default();
    results::head(&mut page, run);
    page.section("Results");
    results::table(&mut page, run);
    page.section("Settings");
    results::settings(&mut page, run);
    let targets = run.predictions.targets();
    for (heading, figures) in [
        ("Learning curves", curves::learning(run)),
        ("Predictions", fit::fit(&run.predictions)),
        ("Depth", depth::depth(&run.folds, targets).into_iter().collect()),
        ("Weights", weights::weights(&run.weights, run.config.model.layer)),
        ("Timing", curves::timing(run)),
    ] {
        if !figures.is_empty() {
            page.section(heading);
            page.figures(&figures)?;
        }
    }
    Ok(page.document(&format!("taper {}: report", run.command)))
}
