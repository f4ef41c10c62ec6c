//! What a model's predictions of a file depend on, as a page of its own.

use super::explanation::{dependence, importance};
use super::numbers::{counted, number};
use super::page::{Page, Row};
use super::text::short;
use crate::explain::TargetExplanation;
use crate::report::explanation::ExplanationReport;

/// The most targets with a tile, and the most columns with a row.
const MOST_TARGETS: usize = 12;
const MOST_COLUMNS: usize = 200;

/// The importance of the columns of a file as one self-contained HTML page: bars with intervals, the numbers,
/// and the partial dependence on the most important columns, as they are in the [page](super::html) of a run.
///
/// The same report gives the same bytes.
///
/// # Examples
///
/// ```
/// use taper::explain::{ErrorKind, Explanation, Importance, Interval, TargetExplanation};
/// use taper::report::{ExplanationReport, importance_html};
///
/// let size = Importance { column: "size".to_owned(), increase: 2., low: 1.5, high: 2.5 };
/// let price = TargetExplanation {
///     target: "price".to_owned(),
///     error: 3.,
///     columns: vec![size],
///     dependence: Vec::new(),
/// };
/// let explanation = Explanation {
///     error: ErrorKind::Rmse,
///     repeats: 5,
///     networks: 1,
///     interval: Interval::Shuffles,
///     targets: vec![price],
/// };
/// let (model, data) = ("houses.safetensors".into(), "may.csv".into());
/// let page = importance_html(&ExplanationReport { model, data, rows: 100, left_out: 0, explanation });
/// assert!(page.starts_with("<!DOCTYPE html>") && page.contains("What price depends on"));
/// ```
pub fn importance_html(report: &ExplanationReport) -> String {
    let ExplanationReport { model, data, rows, left_out, explanation } = report;
    let mut page = Page::default();
    let mut facts = vec![counted(*rows, "row", "rows")];
    if *left_out > 0 {
        facts.push(format!("{} left out, since a value is missing", counted(*left_out, "row", "rows")));
    }
    facts.push(format!("{} of each column", counted(explanation.repeats, "shuffle", "shuffles")));
    let error = explanation.error.name().to_uppercase();
    let tile = |target: &TargetExplanation| {
        let of = if explanation.targets.len() > 1 {
            format!(" of {}", short(&target.target))
        } else {
            String::new()
        };
        (format!("{error}{of}"), number(target.error))
    };
    let tiles: Vec<_> = explanation.targets.iter().take(MOST_TARGETS).map(tile).collect();
    page.head("importance", &facts, &tiles);
    page.section("Importance");
    page.figures(&importance(explanation));
    for target in explanation.targets.iter().take(MOST_TARGETS) {
        columns(&mut page, target, &error);
    }
    let curves = dependence(explanation);
    if !curves.is_empty() {
        page.section("Partial dependence");
        page.figures(&curves);
    }
    page.section("Files");
    page.list(
        &[("model", model), ("data", data)].map(|(name, path)| (name.to_owned(), path.display().to_string())),
    );
    page.document("taper importance: report")
}

/// The numbers of the columns of a target.
fn columns(page: &mut Page, target: &TargetExplanation, error: &str) {
    let header =
        ["column".to_owned(), format!("increase of the {error}"), "from".to_owned(), "to".to_owned()];
    let columns = target.columns.iter().take(MOST_COLUMNS);
    let rows: Vec<Row> = columns
        .map(|of| vec![short(&of.column), number(of.increase), number(of.low), number(of.high)])
        .collect();
    page.table(&format!("The columns for {}", short(&target.target)), &header, &rows, &[]);
}
