//! The table of further errors.

use std::fmt;

use super::errors_table::{r2_text, small_table};
use crate::metrics::Details;
use crate::text::number;

/// A row for each name with its details, without the columns that all of them lack.
pub(super) struct DetailsTable<'a> {
    pub(super) first: &'a str,
    pub(super) rows: Vec<(String, &'a Details)>,
}

/// A column: its title, its number, and that as text.
type Column = (&'static str, fn(&Details) -> Option<f64>, fn(f64) -> String);

const COLUMNS: [Column; 4] = [
    ("median ae", |details| details.median_ae, number),
    ("mape", |details| details.mape, number),
    ("explained variance", |details| details.explained_variance, share),
    ("spearman", |details| details.spearman, share),
];

/// A number that is read as R² is.
fn share(x: f64) -> String {
    r2_text(x, 4)
}

impl DetailsTable<'_> {
    /// Whether nothing is known, as of runs of earlier versions.
    pub(super) fn is_empty(&self) -> bool {
        self.columns().next().is_none()
    }

    fn columns(&self) -> impl Iterator<Item = Column> {
        let is_known =
            |(_, number, _): &Column| self.rows.iter().any(|(_, details)| number(details).is_some());
        COLUMNS.into_iter().filter(is_known)
    }

    /// The titles of the columns.
    pub(super) fn header(&self) -> Vec<String> {
        [self.first].into_iter().chain(self.columns().map(|column| column.0)).map(str::to_owned).collect()
    }

    /// The cells of each row.
    pub(super) fn cells(&self) -> Vec<Vec<String>> {
        let row = |(name, details): &(String, &Details)| {
            let cell = |(_, number, text): Column| number(details).map_or("-".to_owned(), text);
            [name.clone()].into_iter().chain(self.columns().map(cell)).collect()
        };
        self.rows.iter().map(row).collect()
    }
}

impl fmt::Display for DetailsTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&small_table(self.header(), self.cells(), 2).join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_row_has_is_left_out() {
        let details = Details::of(&[1., 2., 4.], &[1.5, 2., 3.]);
        let none = Details::default();
        let table = |rows| DetailsTable { first: "fold", rows };
        assert!(table(vec![("mean".to_owned(), &none)]).is_empty());
        let text = table(vec![("mean".to_owned(), &details), ("-".to_owned(), &none)]).to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "fold  median ae    mape  explained variance  spearman");
        assert_eq!(lines[2].split_whitespace().collect::<Vec<_>>(), ["-"; 5]);
        let one_row = Details::of(&[1.], &[0.]);
        let text = table(vec![("1".to_owned(), &one_row)]).to_string();
        assert_eq!(text, "fold  median ae\n   1      1.000");
    }
}
