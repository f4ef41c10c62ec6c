//! What a user reads of a study.

use std::fmt;

use serde::Serialize;

use super::comparison::ComparisonReport;
use super::errors_table::small_table;
use crate::study::{Cost, Findings};
use crate::text::{number, shorten};

/// The result of a study. Its `Display` is the answer in a sentence and tables that fit the width asked for,
/// 80 columns by default; its `Serialize` is one JSON document.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct StudyReport(pub Findings);

impl fmt::Display for StudyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ComparisonReport(self.0.comparison.clone()).fmt(f)?;
        let (header, rows) = costs_table(&self.0.costs);
        write!(f, "\n\n{}", small_table(header, rows, 2).join("\n"))
    }
}

/// The header and the rows of the table of what arms cost.
pub(super) fn costs_table(costs: &[Cost]) -> (Vec<String>, Vec<Vec<String>>) {
    let header = ["arm", "epochs", "operations", "time"].map(str::to_owned).to_vec();
    let row = |cost: &Cost| {
        let times = |ratio: f64| format!("{} x", number(ratio));
        vec![shorten(&cost.arm), epochs(&cost.epochs), times(cost.operations), times(cost.seconds)]
    };
    (header, costs.iter().map(row).collect())
}

/// The epochs on one data set, or the fewest and the most.
fn epochs(epochs: &[usize]) -> String {
    match (epochs.iter().min(), epochs.iter().max()) {
        (Some(least), Some(most)) if least < most => format!("{least} to {most}"),
        (least, _) => least.copied().unwrap_or_default().to_string(),
    }
}
