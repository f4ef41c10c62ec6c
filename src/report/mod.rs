//! What a user reads when a run is done: tables, JSON documents and an HTML page.

mod comparison;
mod details_table;
mod errors_table;
mod evaluation;
mod explanation;
mod html;
mod quantile_table;
mod selection;
mod study;
mod train;
mod transforms;
mod worst;

use std::fmt;

use serde::Serialize;

use crate::config::ValidConfig;
use crate::cross_validate::CrossValidated;
use crate::data::DataSummary;
use crate::evaluate::{Evaluation, ExitReport, TargetErrors};
use crate::explain::Explanation;
use crate::metrics::{Details, Intervals, TargetIntervals};
use crate::results::{Baseline, FoldReport};
use crate::run::Predictions;
use crate::text::{list, number, one_line, shorten};

use self::details_table::DetailsTable;
use self::errors_table::{ErrorsTable, Row, WIDTH};
use self::explanation::ImportanceTables;
use self::quantile_table::QuantileTable;
use self::selection::selected;
use self::transforms::transforms;
pub use comparison::ComparisonReport;
pub use evaluation::EvaluationReport;
pub use explanation::ExplanationReport;
pub use html::{comparison_html, html, importance_html, study_html};
pub use study::StudyReport;
pub use train::TrainReport;
pub use worst::{WorstRow, WorstRows};

/// The result of a cross-validation. Its `Display` is a table that fits the width asked for, as in
/// `format!("{report:120}")`, or else 80 columns, and with `#` a second one of further errors; its
/// `Serialize` is one JSON document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CvReport {
    /// The settings that made it.
    pub config: ValidConfig,
    /// What there is in the data; nothing of synthetic ones.
    pub data: Option<DataSummary>,
    /// What is suspicious about the folds or the training.
    pub warnings: Vec<String>,
    /// The result of each fold.
    pub folds: Vec<FoldReport>,
    /// The mean over the folds.
    pub mean: Evaluation,
    /// The sample standard deviation over the folds.
    pub std: Evaluation,
    /// The errors of all tested rows together, each predicted by networks that have not seen it.
    pub pooled: Evaluation,
    /// How well intervals of the predictions cover the truths, each by the errors in the other folds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intervals: Option<Intervals>,
    /// The rows with the largest errors of each target, if the predictions were
    /// [given](Self::with_predictions).
    pub worst: Vec<WorstRows>,
    /// What simple models reach on the same folds; none where nobody asked.
    pub baselines: Vec<Baseline>,
    /// What the predictions depend on, where it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
    /// How long it all took.
    pub seconds: f64,
}

impl CvReport {
    /// Reports `results` of these settings.
    pub fn new(config: ValidConfig, data: Option<DataSummary>, results: CrossValidated) -> Self {
        let CrossValidated { folds, mean, std, pooled, intervals, explanation, warnings, seconds, .. } =
            results;
        let (baselines, worst) = (Vec::new(), Vec::new());
        Self {
            config,
            data,
            warnings,
            folds,
            mean,
            std,
            pooled,
            intervals,
            worst,
            baselines,
            explanation,
            seconds,
        }
    }

    /// The mean over the folds of each repetition.
    fn repeats(&self) -> Vec<Evaluation> {
        self.folds.chunks(self.config.folds.max(1)).map(Evaluation::mean_over).collect()
    }

    /// The report with the rows whose predictions are the furthest off.
    #[must_use]
    pub fn with_predictions(self, predictions: &Predictions) -> Self {
        Self { worst: worst::worst(predictions), ..self }
    }

    /// The report with what simple models reach.
    #[must_use]
    pub fn with_baselines(self, baselines: Vec<Baseline>) -> Self {
        Self { baselines, ..self }
    }
}

impl fmt::Display for CvReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = f.width().unwrap_or(WIDTH);
        let rows = [Row::of("mean", &self.mean), Row::deviations(&self.std), Row::of("pooled", &self.pooled)];
        let baselines = self.baselines.iter().map(|baseline| Row::of(&baseline.name, &baseline.mean));
        let repeats = self.repeats();
        let parts: Vec<_> = match repeats.len() {
            0 | 1 => self.folds.iter().map(Row::of_fold).collect(),
            _ => repeats.iter().enumerate().map(|(i, errors)| Row::of(&i.to_string(), errors)).collect(),
        };
        let first = if repeats.len() > 1 { "repeat" } else { "fold" };
        let table = ErrorsTable { first, rows: parts.into_iter().chain(rows).chain(baselines).collect() };
        writeln!(f, "{table:width$}")?;
        if let [_, _, ..] = self.mean.targets.as_slice() {
            writeln!(f, "\nThe means over the folds of each target; above, all targets count the same.")?;
            writeln!(f, "{:width$}\n", target_table(&self.mean.targets))?;
        }
        let together = [("mean", &self.mean), ("std", &self.std), ("pooled", &self.pooled)];
        let rows = together.map(|(name, errors)| (name.to_owned(), &errors.details));
        write_details(f, "fold", rows.into(), &self.mean.targets)?;
        write_quantiles(f, &self.mean.targets)?;
        write_exits(f, self.mean.exits.as_ref())?;
        write_intervals(f, self.intervals.as_ref())?;
        let epochs: Vec<_> =
            self.folds.iter().filter_map(|fold| Some(fold.validation.as_ref()?.epochs())).collect();
        if !epochs.is_empty() {
            writeln!(f, "{}", selected(&self.config.train, &epochs))?;
        }
        let networks = self.folds.iter().map(|fold| (fold.validation.as_ref(), &fold.target_transforms[..]));
        if let Some(transforms) = transforms(self.config.train.target_transform, networks) {
            writeln!(f, "{transforms}")?;
        }
        worst::lines(&self.worst, width).try_for_each(|line| writeln!(f, "{line}"))?;
        let small = self.folds.iter().filter(|fold| has_too_few_for_r2(fold));
        let small: Vec<_> = small.map(|fold| fold.fold.to_string()).collect();
        let folds = match small.as_slice() {
            [] => None,
            [fold] => Some(format!("fold {fold} has 1 row")),
            folds => Some(format!("folds {} have 1 row each", list(folds))),
        };
        if let Some(folds) = folds {
            writeln!(f, "{folds}, too few for r2; the pooled r2 is that of all tested rows")?;
        }
        if let [.., last] = self.baselines.as_slice() {
            let linear = if last.name == "ridge" { "; ridge, a linear model" } else { "" };
            writeln!(f, "constant: the mean of the training rows{linear}; means over the same folds")?;
        }
        let times = match repeats.len() {
            0 | 1 => String::new(),
            times => format!(" ({times} times {})", self.folds.len() / times),
        };
        if let Some(explanation) = &self.explanation {
            writeln!(f, "\n{:width$}\n", ImportanceTables(explanation))?;
        }
        write!(
            f,
            "mean squared error {} ± {} over {} folds{times}, {:.2} s",
            number(self.mean.metrics.mse),
            number(self.std.metrics.mse),
            self.folds.len(),
            self.seconds
        )
    }
}

/// A table with a row for each of `targets`.
fn target_table(targets: &[TargetErrors]) -> ErrorsTable<'_> {
    ErrorsTable { first: "target", rows: targets.iter().map(Row::of_target).collect() }
}

/// Writes the table of further errors if `#` asks for it: of all together, and of each of several targets.
fn write_details(
    f: &mut fmt::Formatter<'_>,
    first: &str,
    together: Vec<(String, &Details)>,
    targets: &[TargetErrors],
) -> fmt::Result {
    let each = targets.iter().filter(|_| targets.len() > 1);
    let each = each.map(|target| (shorten(&one_line(&target.target)), &target.details));
    let table = DetailsTable { first, rows: together.into_iter().chain(each).collect() };
    if !f.alternate() || table.is_empty() {
        return Ok(());
    }
    let [before, after] = around(targets);
    writeln!(f, "{before}{table}{after}")
}

/// Writes where rows exit, if the depths are learned.
fn write_exits(f: &mut fmt::Formatter<'_>, exits: Option<&ExitReport>) -> fmt::Result {
    let Some(ExitReport { mean_depth, flops, flops_of_all, spearman, .. }) = exits else { return Ok(()) };
    let share = 100. * flops / flops_of_all;
    writeln!(f, "rows exit at depth {mean_depth:.2} on average, with {share:.0} % of all operations")?;
    match spearman {
        Some(rank) => writeln!(f, "rank correlation of the depth of their exit and their error: {rank:.2}"),
        None => Ok(()),
    }
}

/// Writes what intervals cover, if there are any.
fn write_intervals(f: &mut fmt::Formatter<'_>, intervals: Option<&Intervals>) -> fmt::Result {
    let Some(Intervals { level, targets }) = intervals else { return Ok(()) };
    for TargetIntervals { target, coverage, width, .. } in targets {
        let of =
            if targets.len() > 1 { format!(" of {}", shorten(&one_line(target))) } else { String::new() };
        let (share, width) = (100. * coverage, number(*width));
        writeln!(f, "intervals{of} of level {level} cover {share:.1} % and are {width} wide on average")?;
    }
    Ok(())
}

/// The empty lines around a further table: behind the table of several targets there is one already.
fn around(targets: &[TargetErrors]) -> [&'static str; 2] {
    if targets.len() > 1 { ["", "\n"] } else { ["\n", ""] }
}

/// Writes the table of the quantiles of `targets`, if they are predicted.
fn write_quantiles(f: &mut fmt::Formatter<'_>, targets: &[TargetErrors]) -> fmt::Result {
    let table = QuantileTable(targets);
    if table.is_empty() {
        return Ok(());
    }
    let [before, _] = around(targets);
    writeln!(f, "{before}{table}\n\ncoverage: the share of the truths at or below the predicted quantile")
}

/// Whether a fold has no R² since it has too few rows.
fn has_too_few_for_r2(fold: &FoldReport) -> bool {
    fold.metrics.r2.is_none() && fold.rows == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CvConfig;

    fn report() -> CvReport {
        let config = CvConfig::default().validate().unwrap();
        let folds = vec![FoldReport::made_up(0, 1.), FoldReport::made_up(1, 3.)];
        let [mean, std] = [Evaluation::mean_over(&folds), Evaluation::std_over(&folds)];
        let (pooled, warnings) = (mean.clone(), Vec::new());
        CvReport {
            config,
            data: None,
            warnings,
            folds,
            mean,
            std,
            pooled,
            intervals: None,
            worst: Vec::new(),
            baselines: Vec::new(),
            explanation: None,
            seconds: 1.,
        }
    }

    #[test]
    fn the_document_has_the_promised_keys() {
        let json = serde_json::to_value(report()).unwrap();
        assert_eq!(json["config"]["train"]["batch_size"], 64);
        let fold = &json["folds"][1];
        assert_eq!((fold["fold"].as_u64(), fold["mse"].as_f64()), (Some(1), Some(3.)));
        assert_eq!(fold["mse_by_depth"]["2"], 6.);
        assert_eq!(fold["train_loss"][1], 3.);
        assert_eq!(json["mean"]["mse"], 2.);
        assert_eq!(
            (&json["pooled"]["mse"], &json["mean"]["targets"][0]["target"]),
            (&2.0.into(), &"y".into())
        );
        assert!(json["std"]["mse"].is_number() && json["seconds"].is_number());
    }

    #[test]
    fn the_table_has_a_row_for_each_fold_and_two_more() {
        let table = report().to_string();
        assert!(table.contains("mse d=2") && table.contains("mean") && table.contains("std"), "{table}");
        assert!(table.contains("pooled") && !table.contains("target"), "{table}");
        assert!(table.contains("mean squared error 2.000 ± 1.414 over 2 folds"), "{table}");
    }
}
