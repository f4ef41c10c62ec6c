//! What a user reads when a model is trained.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::{row, table, target_table, too_few_for_r2};
use crate::config::ValidConfig;
use crate::evaluate::Evaluation;
use crate::results::FoldReport;
use crate::text::number;

/// The result of the training of a model. Its `Display` is a table, its `Serialize` one JSON document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrainReport {
    /// The settings that made it.
    pub config: ValidConfig,
    /// The mean loss that training met in each epoch; of several targets that are scaled, it is that of the
    /// scaled ones.
    pub train_loss: Vec<f64>,
    /// The errors on the rows that were held out, if there are such.
    pub holdout: Option<FoldReport>,
    /// The file of the model, if it was kept.
    pub model: Option<PathBuf>,
    /// How long it all took.
    pub seconds: f64,
}

impl TrainReport {
    /// Puts the results of a training together: the error of each epoch, the number of rows that were held out
    /// with the errors on them, the time in seconds, and the file that the model was written to.
    pub fn new(
        config: ValidConfig,
        train_loss: Vec<f64>,
        holdout: Option<(usize, Evaluation)>,
        seconds: f64,
        model: Option<PathBuf>,
    ) -> Self {
        let holdout =
            holdout.map(|(rows, errors)| FoldReport::new(0, rows, errors, train_loss.clone(), seconds));
        Self { config, train_loss, holdout, model, seconds }
    }
}

impl fmt::Display for TrainReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(holdout) = &self.holdout {
            let row = row("holdout".to_owned(), &holdout.metrics, &holdout.mse_by_depth, None);
            writeln!(f, "{}", table("rows", holdout.mse_by_depth.keys(), [row]))?;
            if let [_, _, ..] = holdout.targets.as_slice() {
                writeln!(f, "\n{}\n", target_table(&holdout.targets))?;
            }
            if let Some(note) = too_few_for_r2(holdout) {
                writeln!(f, "{note}")?;
            }
        }
        let last = self.train_loss.last().copied().map_or("-".to_owned(), number);
        let epochs = self.train_loss.len();
        let plural = if epochs == 1 { "" } else { "s" };
        write!(f, "training loss {last} after {epochs} epoch{plural}, {:.2} s", self.seconds)?;
        match &self.model {
            Some(model) => write!(f, "; model: {}", model.display()),
            None => Ok(()),
        }
    }
}
