//! What a user reads when a model is evaluated.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::errors_table::{ErrorsTable, Row, WIDTH};
use super::worst::{WorstRows, lines, worst};
use super::{target_table, write_details, write_exits, write_intervals, write_quantiles};
use crate::evaluate::Evaluation;
use crate::metrics::Intervals;
use crate::model::FileEvaluation;

/// The errors of a model on a file. Its `Display` is a table as that of [`CvReport`](super::CvReport), its
/// `Serialize` one JSON document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvaluationReport {
    /// The file of the model.
    pub model: PathBuf,
    /// The file of the data.
    pub data: PathBuf,
    /// The rows that it was evaluated on.
    pub rows: usize,
    /// The rows that were left out.
    pub left_out: usize,
    /// The errors.
    #[serde(flatten)]
    pub evaluation: Evaluation,
    /// How well intervals of the predictions cover the truths, if these were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intervals: Option<Intervals>,
    /// The rows with the largest errors of each target.
    pub worst: Vec<WorstRows>,
}

impl EvaluationReport {
    /// Reports what the model in the file `model` was found to do on the rows of `data`.
    pub fn new(model: PathBuf, data: PathBuf, found: &FileEvaluation) -> Self {
        let FileEvaluation { evaluation, predictions, intervals, left_out } = found;
        Self {
            model,
            data,
            rows: predictions.len(),
            left_out: *left_out,
            evaluation: evaluation.clone(),
            intervals: intervals.clone(),
            worst: worst(predictions),
        }
    }
}

impl fmt::Display for EvaluationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = f.width().unwrap_or(WIDTH);
        let row = Row::of(&self.rows.to_string(), &self.evaluation);
        writeln!(f, "{:width$}", ErrorsTable { first: "rows", rows: vec![row] })?;
        if let [_, _, ..] = self.evaluation.targets.as_slice() {
            writeln!(f, "\n{:width$}\n", target_table(&self.evaluation.targets))?;
        }
        let together = vec![(self.rows.to_string(), &self.evaluation.details)];
        write_details(f, "rows", together, &self.evaluation.targets)?;
        write_quantiles(f, &self.evaluation.targets)?;
        write_exits(f, self.evaluation.exits.as_ref())?;
        write_intervals(f, self.intervals.as_ref())?;
        lines(&self.worst, width).try_for_each(|line| writeln!(f, "{line}"))?;
        write!(f, "{} on {}", self.model.display(), self.data.display())?;
        match self.left_out {
            0 => Ok(()),
            left_out => write!(f, ", without {left_out} that lack a value"),
        }
    }
}
