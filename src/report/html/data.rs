//! The data, and what is suspicious about them and about the training.

use super::numbers::{count, number};
use super::page::{Page, Row};
use super::text::short;
use crate::data::{ColumnKind, ColumnSummary, DataSummary, Role};
use crate::run::RunRecord;

/// The most columns in the table.
const MOST_COLUMNS: usize = 200;

/// The warnings, if there are any.
pub(super) fn warnings(page: &mut Page, run: &RunRecord) {
    let of_data = run.data.iter().flat_map(|data| &data.warnings);
    let warnings: Vec<_> = of_data.chain(&run.warnings).collect();
    if warnings.is_empty() {
        return;
    }
    page.section("Warnings");
    page.bullets(&warnings);
}

/// The rows and the columns.
pub(super) fn data(page: &mut Page, data: &DataSummary) {
    page.paragraph(&format!("{data}."));
    let header = ["column", "role", "kind", "missing", "min", "mean", "max", "different"].map(str::to_owned);
    let rows: Vec<Row> = data.columns.iter().take(MOST_COLUMNS).map(row).collect();
    page.table("The columns", &header, &rows, &[]);
    if data.columns.len() > MOST_COLUMNS {
        page.paragraph(&format!(
            "The first {MOST_COLUMNS} of {} columns are shown.",
            count(data.columns.len())
        ));
    }
}

fn row(column: &ColumnSummary) -> Row {
    let role = match column.role {
        Role::Feature => "feature",
        Role::Target => "target",
        Role::Group => "group",
        Role::Order => "order",
        Role::LeftOut => "left out",
    };
    let kind = match column.kind {
        Some(ColumnKind::Number) => "number",
        Some(ColumnKind::Text) => "text",
        Some(ColumnKind::Dates) => "dates",
        None => "",
    };
    let missing = if column.role == Role::LeftOut { String::new() } else { count(column.missing) };
    let numbers = [column.min, column.mean, column.max].map(|x| x.map_or(String::new(), number));
    let [min, mean, max] = numbers;
    let (min, max) = (column.first.clone().unwrap_or(min), column.last.clone().unwrap_or(max));
    let different = column.categories.map_or(String::new(), count);
    vec![short(&column.name), role.to_owned(), kind.to_owned(), missing, min, mean, max, different]
}
