//! What a user reads when a run is done.

mod html;
mod train;

use std::collections::BTreeMap;
use std::fmt;

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};
use serde::{Deserialize, Serialize};

use crate::config::ValidConfig;
use crate::error::{Error, Result};
use crate::evaluate::Evaluation;
use crate::metrics::Metrics;
use crate::stats;

pub use html::html;
pub use train::TrainReport;

/// The result of a cross-validation. Its `Display` is a table, its `Serialize` the document of `--json`.
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

/// The result of a fold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoldReport {
    /// The fold, counted from 0.
    pub fold: usize,
    /// The errors of the prediction on the fold's test rows.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// The mean squared error of the output at each depth on the fold's test rows.
    pub mse_by_depth: BTreeMap<usize, f64>,
    /// The mean squared error that training met in each epoch; of several targets that are scaled, it is that of the scaled
    /// ones.
    pub train_mse: Vec<f64>,
    /// How long the fold took.
    pub seconds: f64,
}

/// A statistic over the folds of every number that a fold has.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Of the errors of the prediction.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// Of the mean squared error at each depth.
    pub mse_by_depth: BTreeMap<usize, f64>,
}

impl FoldReport {
    /// Puts the results of fold `fold` together.
    pub fn new(fold: usize, evaluation: Evaluation, train_mse: Vec<f64>, seconds: f64) -> Self {
        let Evaluation { mean, mse_by_depth } = evaluation;
        Self { fold, metrics: mean, mse_by_depth, train_mse, seconds }
    }
}

impl CvReport {
    /// Puts the results of the folds together.
    pub fn new(config: ValidConfig, folds: Vec<FoldReport>, seconds: f64) -> Self {
        let (mean, std) = (Summary::mean(&folds), Summary::std(&folds));
        Self { config, folds, mean, std, seconds }
    }

    /// Refuses a report with a number that cannot be printed.
    pub(crate) fn check_finite(&self) -> Result<()> {
        let of = |metrics: &Metrics| [metrics.mse, metrics.rmse, metrics.mae, metrics.r2.unwrap_or(0.)];
        let finite = |summary: &Summary| {
            let numbers = of(&summary.metrics).into_iter().chain(summary.mse_by_depth.values().copied());
            numbers.into_iter().all(f64::is_finite)
        };
        if finite(&self.mean) && finite(&self.std) {
            return Ok(());
        }
        Err(Error::NotFiniteResult("the mean or the standard deviation over the folds"))
    }
}

impl Summary {
    /// The mean over `folds`.
    fn mean(folds: &[FoldReport]) -> Self {
        Self::new(folds, stats::mean)
    }

    /// The sample standard deviation over `folds`.
    fn std(folds: &[FoldReport]) -> Self {
        Self::new(folds, stats::sample_std)
    }

    fn new(folds: &[FoldReport], statistic: fn(&[f64]) -> f64) -> Self {
        let over =
            |number: &dyn Fn(&FoldReport) -> f64| statistic(&folds.iter().map(number).collect::<Vec<_>>());
        let r2: Option<Vec<f64>> = folds.iter().map(|fold| fold.metrics.r2).collect();
        let metrics = Metrics {
            mse: over(&|fold| fold.metrics.mse),
            rmse: over(&|fold| fold.metrics.rmse),
            mae: over(&|fold| fold.metrics.mae),
            r2: r2.map(|r2| statistic(&r2)),
        };
        let depths = folds.first().into_iter().flat_map(|fold| fold.mse_by_depth.keys());
        let mse_by_depth = depths.map(|depth| (*depth, over(&|fold| fold.mse_by_depth[depth]))).collect();
        Self { metrics, mse_by_depth }
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

/// `x` with four significant digits, in scientific notation where that is shorter to read.
pub(crate) fn number(x: f64) -> String {
    match x.abs() {
        0. => "0".to_owned(),
        1e-4..1e5 => {
            let decimals = (3 - x.abs().log10().floor() as i32).max(0);
            format!("{x:.*}", decimals.unsigned_abs() as usize)
        }
        _ => format!("{x:.3e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CvConfig;

    #[test]
    fn numbers_have_four_digits() {
        for (x, text) in [
            (0., "0"),
            (0.018_712_3, "0.01871"),
            (1., "1.000"),
            (99_999.4, "99999"),
            (123_456.7, "1.235e5"),
            (0.000_012_3, "1.230e-5"),
            (-0.5, "-0.5000"),
        ] {
            assert_eq!(number(x), text);
        }
    }

    fn fold(index: usize, mse: f64) -> FoldReport {
        let metrics = Metrics { mse, rmse: mse.sqrt(), mae: mse, r2: Some(1. - mse) };
        let mse_by_depth = BTreeMap::from([(1, mse), (2, 2. * mse)]);
        FoldReport { fold: index, metrics, mse_by_depth, train_mse: vec![1., mse], seconds: 0.5 }
    }

    fn report() -> CvReport {
        let config = CvConfig::default().validate().unwrap();
        CvReport::new(config, vec![fold(0, 1.), fold(1, 3.)], 1.)
    }

    #[test]
    fn mean_and_sample_standard_deviation() {
        let report = report();
        assert_eq!((report.mean.metrics.mse, report.std.metrics.mse), (2., 2f64.sqrt()));
        assert_eq!(report.mean.mse_by_depth[&2], 4.);
        assert_eq!(report.mean.metrics.r2, Some(-1.));
        assert_eq!(report.mean.metrics.rmse, f64::midpoint(1., 3f64.sqrt()));
        assert_eq!(report.mean.metrics.mae, 2.);
        report.check_finite().unwrap();
    }

    #[test]
    fn large_errors_do_not_overflow_and_infinite_ones_are_refused() {
        let config = CvConfig::default().validate().unwrap();
        let of = |folds: [f64; 2]| {
            CvReport::new(config.clone(), folds.into_iter().map(|mse| fold(0, mse)).collect(), 1.)
        };
        let large = of([1e300, 3e300]);
        large.check_finite().unwrap();
        assert!((large.std.metrics.mse / 2e300 - 0.5f64.sqrt()).abs() <= 1e-15, "{}", large.std.metrics.mse);
        assert!(of([1., f64::INFINITY]).check_finite().is_err());
        assert!(of([1., f64::NAN]).check_finite().is_err());
    }

    #[test]
    fn the_document_has_the_promised_keys() {
        let json = serde_json::to_value(report()).unwrap();
        assert_eq!(json["config"]["train"]["batch_size"], 64);
        let fold = &json["folds"][1];
        assert_eq!((fold["fold"].as_u64(), fold["mse"].as_f64()), (Some(1), Some(3.)));
        assert_eq!(fold["mse_by_depth"]["2"], 6.);
        assert_eq!(fold["train_mse"][1], 3.);
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
