//! What a user reads when a model is trained.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::errors_table::{ErrorsTable, Row, WIDTH};
use super::selection::selected;
use super::transforms::transforms;
use super::worst::{WorstRows, lines, worst};
use super::{has_too_few_for_r2, target_table, write_details, write_exits, write_intervals, write_quantiles};
use crate::config::ValidConfig;
use crate::data::{DataSummary, Transform};
use crate::fit::Fitted;
use crate::metrics::Intervals;
use crate::results::{FoldReport, Validation};
use crate::text::number;

/// The result of the training of a model. Its `Display` is a table as that of
/// [`CvReport`](super::CvReport), its `Serialize` one JSON document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrainReport {
    /// The settings that made it.
    pub config: ValidConfig,
    /// What there is in the data; nothing of synthetic ones.
    pub data: Option<DataSummary>,
    /// What is suspicious about the training.
    pub warnings: Vec<String>,
    /// The transform of each target, if any has one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub target_transforms: Vec<Option<Transform>>,
    /// The mean loss that training met in each epoch; of several targets that are scaled, or of transformed
    /// ones, it is that of the scaled ones.
    pub train_loss: Vec<f64>,
    /// What the training rows that were set aside for validation showed, if there were any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<Validation>,
    /// The errors on the rows that were held out, if there are such.
    pub holdout: Option<FoldReport>,
    /// How well intervals of the predictions of these rows cover the truths, by the errors on the rows for
    /// validation, if there are to be intervals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intervals: Option<Intervals>,
    /// The held-out rows with the largest errors of each target.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub worst: Vec<WorstRows>,
    /// The file of the model, if it was kept.
    pub model: Option<PathBuf>,
    /// How long it all took.
    pub seconds: f64,
}

impl TrainReport {
    /// Reports what was `fitted` with these settings, and the file that the model was written to.
    pub fn new(
        config: ValidConfig,
        data: Option<DataSummary>,
        fitted: Fitted,
        model: Option<PathBuf>,
    ) -> Self {
        let (train_loss, target_transforms) = (fitted.train_loss(), fitted.transforms());
        let Fitted { evaluation, validation, predictions, intervals, warnings, seconds, .. } = fitted;
        let worst = worst(&predictions);
        let holdout = evaluation.map(|errors| {
            let report = FoldReport::new(0, predictions.len(), errors, train_loss.clone(), seconds);
            report.with_validation(validation.clone()).with_transforms(target_transforms.clone())
        });
        Self {
            config,
            data,
            warnings,
            target_transforms,
            train_loss,
            validation,
            holdout,
            intervals,
            worst,
            model,
            seconds,
        }
    }
}

impl fmt::Display for TrainReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(holdout) = &self.holdout {
            let width = f.width().unwrap_or(WIDTH);
            let row = Row { name: "holdout".to_owned(), seconds: None, ..Row::of_fold(holdout) };
            writeln!(f, "{:width$}", ErrorsTable { first: "rows", rows: vec![row] })?;
            if let [_, _, ..] = holdout.targets.as_slice() {
                writeln!(f, "\n{:width$}\n", target_table(&holdout.targets))?;
            }
            let together = vec![("holdout".to_owned(), &holdout.details)];
            write_details(f, "rows", together, &holdout.targets)?;
            write_quantiles(f, &holdout.targets)?;
            write_exits(f, holdout.exits.as_ref())?;
            write_intervals(f, self.intervals.as_ref())?;
            lines(&self.worst, width).try_for_each(|line| writeln!(f, "{line}"))?;
            if has_too_few_for_r2(holdout) {
                writeln!(f, "1 row was held out, too few for r2")?;
            }
        }
        if let Some(validation) = &self.validation {
            writeln!(f, "{}", selected(&self.config.train, &[validation.epochs()]))?;
        }
        let network = [(self.validation.as_ref(), &self.target_transforms[..])];
        if let Some(transforms) = transforms(self.config.train.target_transform, network.into_iter()) {
            writeln!(f, "{transforms}")?;
        }
        let epochs = self.validation.as_ref().map_or(self.train_loss.len(), |validation| validation.selected);
        let last = epochs.checked_sub(1).and_then(|last| self.train_loss.get(last));
        let last = last.copied().map_or("-".to_owned(), number);
        let plural = if epochs == 1 { "" } else { "s" };
        write!(f, "training loss {last} after {epochs} epoch{plural}, {:.2} s", self.seconds)?;
        match &self.model {
            Some(model) => write!(f, "; model: {}", model.display()),
            None => Ok(()),
        }
    }
}
