//! Rows of checks, and the table that they make.

use std::collections::BTreeMap;
use std::fmt;
use std::iter;

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{ContentArrangement, Table};
use serde::Serialize;

use super::settings::Mode;

/// The verdict on a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The derivatives are right.
    Right,
    /// They are wrong, and nothing says so.
    Wrong,
    /// No gradient arrives although the function depends on the input, and nothing says so: the graph is
    /// severed or an operation returns no gradient.
    Severed,
    /// The function or its backward pass panics.
    Panics,
    /// The backward pass returns an error, or a gradient of the wrong shape, dtype or device.
    Fails,
    /// There is no backward, and an error says so.
    Unsupported,
    /// There is no derivative by design: the output is an integer, or the derivative is zero wherever it
    /// exists.
    NotDifferentiable,
    /// Nothing could be checked: the function fails, or second derivatives are not available.
    Unchecked,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Right => "right",
            Self::Wrong => "wrong",
            Self::Severed => "severed",
            Self::Panics => "panics",
            Self::Fails => "fails",
            Self::Unsupported => "unsupported",
            Self::NotDifferentiable => "not differentiable by design",
            Self::Unchecked => "unchecked",
        })
    }
}

/// A case's row in the table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The case's name.
    pub name: String,
    /// Dtype, shape and layout of every input.
    pub inputs: String,
    /// The mode.
    pub mode: Mode,
    /// 1 for first, 2 for second derivatives.
    pub order: u8,
    /// The verdict.
    pub verdict: Verdict,
    /// The difference of the worst entry, `None` if nothing was compared.
    pub worst: Option<f64>,
    /// What is wrong, empty if nothing is.
    pub detail: String,
    /// The time it took.
    pub seconds: f64,
}

/// Formats rows as a Markdown table, with a column of details if there are any.
pub fn table(rows: &[Row]) -> String {
    built(rows, rows.iter().any(|row| !row.detail.is_empty())).trim_fmt()
}

/// As [`table`] where that fits `width` columns. Or else what does not fit is wrapped, and the details are a
/// list below the table.
pub fn table_within(rows: &[Row], width: usize) -> String {
    let whole = table(rows);
    if whole.lines().all(|line| line.chars().count() <= width) {
        return whole;
    }
    let mut table = built(rows, false);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
    let details = rows.iter().filter(|row| !row.detail.is_empty()).map(|row| {
        let Row { name, inputs, order, .. } = row;
        format!("\n{name}, {inputs}, order {order}: {}", brief(&row.detail))
    });
    iter::once(table.trim_fmt()).chain(details).collect()
}

fn built(rows: &[Row], details: bool) -> Table {
    let columns = if details { 7 } else { 6 };
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    let header = ["function", "inputs", "order", "mode", "worst", "verdict", "detail"];
    table.set_header(&header[..columns]);
    for row in rows {
        let cells = [
            row.name.clone(),
            row.inputs.clone(),
            row.order.to_string(),
            row.mode.to_string(),
            row.worst.map_or_else(String::new, |worst| format!("{worst:.1e}")),
            row.verdict.to_string(),
            brief(&row.detail),
        ];
        table.add_row(&cells[..columns]);
    }
    table
}

/// Counts the verdicts: `16 checks: 5 right, 6 wrong, 5 not differentiable by design`.
pub fn summary(rows: &[Row]) -> String {
    let mut counts = BTreeMap::new();
    for row in rows {
        *counts.entry(row.verdict).or_insert(0) += 1;
    }
    let counts: Vec<_> = counts.into_iter().map(|(verdict, count)| format!("{count} {verdict}")).collect();
    format!("{} checks: {}", rows.len(), counts.join(", "))
}

/// A detail without its advice, its worst entry and what follows its numerical derivative.
fn brief(detail: &str) -> String {
    let parts =
        detail.split("; ").filter(|part| !["worst: ", "look for "].iter().any(|p| part.starts_with(p)));
    let text = parts.collect::<Vec<_>>().join("; ");
    text.split(" (numerical derivative").next().unwrap_or_default().to_string()
}
