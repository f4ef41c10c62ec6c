//! The table of the quantiles that are predicted.

use std::fmt;

use super::errors_table::small_table;
use crate::evaluate::TargetErrors;
use crate::metrics::QuantileErrors;
use crate::text::{number, one_line, shorten};

/// A row for each quantile of each target, with the names of the targets where there are several; nothing
/// where no quantiles are predicted.
pub(super) struct QuantileTable<'a>(pub(super) &'a [TargetErrors]);

impl QuantileTable<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|target| target.details.quantiles.is_empty())
    }

    /// The titles of the columns.
    pub(super) fn header(&self) -> Vec<String> {
        let target = (self.0.len() > 1).then_some("target");
        target.into_iter().chain(["quantile", "pinball", "coverage"]).map(str::to_owned).collect()
    }

    /// The cells of each row.
    pub(super) fn rows(&self) -> Vec<Vec<String>> {
        let of_target = |target: &TargetErrors| -> Vec<_> {
            let name = (self.0.len() > 1).then(|| shorten(&one_line(&target.target)));
            let row = |errors: &QuantileErrors| {
                let numbers = [errors.quantile.to_string(), number(errors.pinball), number(errors.coverage)];
                name.clone().into_iter().chain(numbers).collect()
            };
            target.details.quantiles.iter().map(row).collect()
        };
        self.0.iter().flat_map(of_target).collect()
    }
}

impl fmt::Display for QuantileTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&small_table(self.header(), self.rows(), 2).join("\n"))
    }
}
