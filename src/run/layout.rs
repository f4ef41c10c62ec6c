//! The names of what is in the folder of a run.

/// What the run is, and which files are its own; the first file that a run writes.
pub(super) const MANIFEST: &str = "run.json";
/// The settings, as a file of settings that gives them again.
pub(super) const CONFIG: &str = "config.toml";
/// What ran where on which data, an [`Environment`](super::Environment).
pub(super) const ENVIRONMENT: &str = "environment.json";
/// The rows of each fold.
pub(super) const FOLDS: &str = "folds.json";
/// A line for each epoch of each fold, an [`EpochRecord`](super::EpochRecord).
pub(super) const METRICS: &str = "metrics.jsonl";
/// The results.
pub(super) const RESULTS: &str = "results.json";
/// The predictions of the rows that were tested on, [`Predictions`](super::Predictions).
pub(super) const PREDICTIONS: &str = "predictions.csv";
/// The report.
pub(super) const REPORT: &str = "report.html";
/// The trained network, where there is one.
pub(super) const MODEL: &str = "model.safetensors";

/// All files that a run writes at the top of its folder beside the manifest.
pub(super) const FILES: [&str; 8] =
    [CONFIG, ENVIRONMENT, FOLDS, METRICS, RESULTS, PREDICTIONS, REPORT, MODEL];

/// The files that a run of `command` writes.
pub(super) fn files_of(command: &str) -> impl Iterator<Item = &'static str> {
    let has_model = command == "train";
    FILES.into_iter().filter(move |name| has_model || *name != MODEL)
}

/// The folder of the checkpoints of all networks.
pub(super) const CHECKPOINTS: &str = "checkpoints";
/// The lock file; its holder owns the folder.
pub(super) const LOCK: &str = ".lock";
