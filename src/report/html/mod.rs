//! The reports of a run and of a comparison as HTML pages.

mod axis;
mod bins;
mod comparison;
mod curves;
mod data;
mod depth;
mod explanation;
mod fit;
mod importance;
mod intervals;
mod numbers;
mod page;
mod picture;
mod results;
mod study;
mod text;
mod weights;

use crate::run::RunRecord;
pub use comparison::comparison_html;
pub use importance::importance_html;
use page::Page;
pub use study::study_html;

/// The report of a run: one self-contained HTML page with its results, settings and plots.
///
/// The same record gives the same bytes. However long the run and however many its rows, the page stays
/// small: lines are thinned, and many rows are shown as a density.
///
/// # Examples
///
/// ```
/// use taper::config::CvConfig;
/// use taper::report::html;
/// use taper::run::{EpochRecord, Predictions, RunRecord};
///
/// let epoch = |epoch, train_loss| {
///     EpochRecord { epoch, train_loss, lr: 1e-3, seconds: 0.1, ..EpochRecord::default() }
/// };
/// let run = RunRecord {
///     command: "train".to_owned(),
///     config: CvConfig::default(),
///     environment: vec![("device".to_owned(), "cpu".to_owned())],
///     data: None,
///     warnings: Vec::new(),
///     folds: Vec::new(),
///     pooled: None,
///     intervals: None,
///     baselines: Vec::new(),
///     explanation: None,
///     epochs: vec![epoch(0, 1.), epoch(1, 0.5)],
///     predictions: Predictions::default(),
///     weights: Vec::new(),
///     seconds: Some(0.25),
/// };
/// let page = html(&run);
/// assert!(page.starts_with("<!DOCTYPE html>") && page.contains("<svg"));
/// ```
pub fn html(run: &RunRecord) -> String {
    let mut page = Page::default();
    results::head(&mut page, run);
    data::warnings(&mut page, run);
    page.section("Results");
    results::table(&mut page, run);
    results::worst_rows(&mut page, &run.predictions);
    if let Some(summary) = &run.data {
        page.section("Data");
        data::data(&mut page, summary);
    }
    page.section("Settings");
    results::settings(&mut page, run);
    let targets = run.predictions.targets();
    for (heading, figures) in [
        ("Learning curves", curves::learning(run)),
        ("Predictions", fit::fit(&run.predictions)),
        ("Intervals", run.intervals.iter().map(intervals::intervals).collect()),
        ("Importance", run.explanation.as_ref().map(explanation::importance).unwrap_or_default()),
        ("Partial dependence", run.explanation.as_ref().map(explanation::dependence).unwrap_or_default()),
        ("Depth", depth::depth(&run.folds, targets).into_iter().chain(depth::exits(&run.folds)).collect()),
        ("Weights", weights::weights(&run.weights, run.config.model.layer)),
        ("Timing", curves::timing(run)),
    ] {
        if !figures.is_empty() {
            page.section(heading);
            page.figures(&figures);
        }
    }
    page.document(&format!("taper {}: report", run.command))
}
