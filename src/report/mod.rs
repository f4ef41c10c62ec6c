//! What a user reads when a run is done: tables, JSON documents and an HTML page.

mod html;
mod train;

use std::collections::BTreeMap;
use std::fmt;

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;

use crate::config::ValidConfig;
use crate::metrics::Metrics;
use crate::results::{FoldReport, Summary};
use crate::text::number;

pub use html::html;
pub use train::TrainReport;

/// The result of a cross-validation. Its `Display` is a table, its `Serialize` one JSON document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CvReport {
    /// The settings that made it.
    pub config: ValidConfig,
    /// The result of each fold.
    pub folds: Vec<FoldReport>,
    /// The mean over the folds.
    pub mean: Summary,
    /// The sample standard deviation over the folds.
    pub std: Summary,
    /// How long it all took.
    pub seconds: f64,
}

impl CvReport {
    /// Puts the results of the folds together.
    pub fn new(config: ValidConfig, folds: Vec<FoldReport>, seconds: f64) -> Self {
        let (mean, std) = (Summary::mean(&folds), Summary::std(&folds));
        Self { config, folds, mean, std, seconds }
    }
}

impl fmt::Display for CvReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |name: &str, summary: &Summary| {
            row(name.to_owned(), &summary.metrics, &summary.mse_by_depth, Some(String::new()))
        };
        let folds = self.folds.iter().map(|fold| {
            let seconds = format!("{:.2}", fold.seconds);
            row(fold.fold.to_string(), &fold.metrics, &fold.mse_by_depth, Some(seconds))
        });
        let rows = folds.chain([of("mean", &self.mean), of("std", &self.std)]);
        writeln!(f, "{}", table("fold", self.mean.mse_by_depth.keys(), rows))?;
        write!(
            f,
            "mean squared error {} ± {} over {} folds, {:.2} s",
            number(self.mean.metrics.mse),
            number(self.std.metrics.mse),
            self.folds.len(),
            self.seconds
        )
    }
}

/// A table of [`row`]s, the first column of which is called `first`.
fn table<'a>(
    first: &str,
    depths: impl Iterator<Item = &'a usize>,
    rows: impl IntoIterator<Item = Vec<String>>,
) -> Table {
    let header = [first, "mse", "rmse", "mae", "r2"].map(str::to_owned).into_iter();
    let header: Vec<_> = header.chain(depths.map(|depth| format!("mse d={depth}"))).collect();
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    for row in rows {
        // The seconds come last, where there are such.
        let seconds = (row.len() > header.len()).then(|| "seconds".to_owned());
        table.set_header(header.iter().cloned().chain(seconds));
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn row(
    name: String,
    metrics: &Metrics,
    by_depth: &BTreeMap<usize, f64>,
    seconds: Option<String>,
) -> Vec<String> {
    let errors = [metrics.mse, metrics.rmse, metrics.mae].map(number);
    // Near 1 the digits after the point count, far from it only the magnitude does.
    let r2 =
        metrics.r2.map_or("-".to_owned(), |r2| if r2.abs() < 10. { format!("{r2:.5}") } else { number(r2) });
    let depths = by_depth.values().map(|mse| number(*mse));
    [name].into_iter().chain(errors).chain([r2]).chain(depths).chain(seconds).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CvConfig;

    fn report() -> CvReport {
        let config = CvConfig::default().validate().unwrap();
        CvReport::new(config, vec![FoldReport::made_up(0, 1.), FoldReport::made_up(1, 3.)], 1.)
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
        assert!(json["std"]["mse"].is_number() && json["seconds"].is_number());
    }

    #[test]
    fn the_table_has_a_row_for_each_fold_and_two_more() {
        let table = report().to_string();
        assert!(table.contains("mse d=2") && table.contains("mean") && table.contains("std"), "{table}");
        assert!(table.contains("mean squared error 2.000 ± 1.414 over 2 folds"), "{table}");
    }
}
