//! Tables of errors that fit the width of a terminal.

use std::collections::BTreeMap;
use std::fmt;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};

use crate::evaluate::{Evaluation, TargetErrors};
use crate::metrics::Metrics;
use crate::results::FoldReport;
use crate::text::{one_line, shorten, significant};

/// The width where the caller says none: that of most terminals and mails.
pub(super) const WIDTH: usize = 80;

/// A row of a table: what it is called, its errors and, where they are told, its seconds.
pub(super) struct Row<'a> {
    pub(super) name: String,
    pub(super) metrics: &'a Metrics,
    pub(super) by_depth: &'a BTreeMap<usize, f64>,
    pub(super) seconds: Option<f64>,
    /// The most significant digits: a standard deviation is not known to four.
    pub(super) digits: i32,
}

/// How many significant digits an error and a standard deviation have at most.
const DIGITS: [i32; 2] = [4, 2];

/// A table of [`Row`]s, the first column of which is called `first`.
///
/// As many columns as fit the width of the formatter, 80 by default, are shown, with four significant digits
/// or else three. The depths between the first and the last are the first columns to go, and a line says so.
pub(super) struct ErrorsTable<'a> {
    pub(super) first: &'a str,
    pub(super) rows: Vec<Row<'a>>,
}

/// A column of the table.
#[derive(Clone, Copy, PartialEq)]
enum Column {
    Name,
    Mse,
    Rmse,
    Mae,
    R2,
    Depth(usize),
    Seconds,
}

impl fmt::Display for ErrorsTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = f.width().unwrap_or(WIDTH);
        let mut columns = self.columns();
        let mut left_out = Vec::new();
        // Titles alone need more: no table has to be laid out to know that.
        while let Some(at) = expendable(&columns).filter(|_| columns.len() * " r2".len() > width) {
            left_out.push(columns.remove(at));
        }
        loop {
            let layouts = [(2, 4), (1, 4), (1, 3)].map(|(gap, digits)| self.lines(&columns, gap, digits));
            let fitting = layouts.iter().find(|lines| lines.iter().all(|line| line.chars().count() <= width));
            match (fitting, expendable(&columns)) {
                (Some(lines), _) => return self.write(f, lines, &left_out),
                (None, None) => return self.write(f, &layouts[2], &left_out),
                (None, Some(at)) => left_out.push(columns.remove(at)),
            }
        }
    }
}

/// The lines of a table without lines of its own, with so much space between columns.
pub(super) fn small_table(header: Vec<String>, rows: Vec<Vec<String>>, gap: u16) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(header);
    table.add_rows(rows);
    for (i, column) in table.column_iter_mut().enumerate() {
        column.set_cell_alignment(CellAlignment::Right);
        column.set_padding((if i == 0 { 0 } else { gap }, 0));
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect()
}

/// All columns but the seconds.
fn all_columns<'a>(depths: impl Iterator<Item = &'a usize>) -> impl Iterator<Item = Column> {
    let metrics = [Column::Name, Column::Mse, Column::Rmse, Column::Mae, Column::R2];
    metrics.into_iter().chain(depths.map(|&depth| Column::Depth(depth)))
}

/// The place of the column that goes first where there is no room.
fn expendable(columns: &[Column]) -> Option<usize> {
    let is_depth = |column: &Column| matches!(column, Column::Depth(_));
    let last = columns.iter().rposition(is_depth)?;
    let is_between = columns.iter().filter(|column| is_depth(column)).count() > 2;
    Some(if is_between { last - 1 } else { last })
}

impl ErrorsTable<'_> {
    fn columns(&self) -> Vec<Column> {
        let depths = self.rows.first().into_iter().flat_map(|row| row.by_depth.keys());
        let seconds = self.rows.iter().any(|row| row.seconds.is_some()).then_some(Column::Seconds);
        all_columns(depths).chain(seconds).collect()
    }

    /// The lines of the table with so much space between columns and so many significant digits.
    fn lines(&self, columns: &[Column], gap: u16, digits: i32) -> Vec<String> {
        let header = columns.iter().map(|column| self.title(*column));
        let cells = |row: &Row| columns.iter().map(|column| row.cell(*column, digits)).collect();
        small_table(header.collect(), self.rows.iter().map(cells).collect(), gap)
    }

    fn title(&self, column: Column) -> String {
        match column {
            Column::Name => self.first.to_owned(),
            Column::Mse => "mse".to_owned(),
            Column::Rmse => "rmse".to_owned(),
            Column::Mae => "mae".to_owned(),
            Column::R2 => "r2".to_owned(),
            Column::Depth(depth) => format!("mse d={depth}"),
            Column::Seconds => "seconds".to_owned(),
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, lines: &[String], left_out: &[Column]) -> fmt::Result {
        f.write_str(&lines.join("\n"))?;
        let mut left_out: Vec<_> = left_out.to_vec();
        left_out.sort_by_key(|column| if let Column::Depth(depth) = column { *depth } else { 0 });
        match left_out.as_slice() {
            [] => Ok(()),
            [one] => write!(f, "\n{} left out; `json` has it", self.title(*one)),
            [first, .., last] => {
                write!(f, "\n{} to {} left out; `json` has all", self.title(*first), self.title(*last))
            }
        }
    }
}

impl<'a> Row<'a> {
    /// The row `name` of `errors`.
    pub(super) fn of(name: &str, errors: &'a Evaluation) -> Self {
        Self {
            name: name.to_owned(),
            metrics: &errors.metrics,
            by_depth: &errors.mse_by_depth,
            seconds: None,
            digits: DIGITS[0],
        }
    }

    /// The row of the standard deviations `errors`.
    pub(super) fn deviations(errors: &'a Evaluation) -> Self {
        Self { digits: DIGITS[1], ..Self::of("std", errors) }
    }

    /// The row of a fold.
    pub(super) fn of_fold(fold: &'a FoldReport) -> Self {
        let FoldReport { fold: number, metrics, mse_by_depth: by_depth, seconds, .. } = fold;
        Self { name: number.to_string(), metrics, by_depth, seconds: Some(*seconds), digits: DIGITS[0] }
    }

    /// The row of a target.
    pub(super) fn of_target(target: &'a TargetErrors) -> Self {
        let TargetErrors { target: name, metrics, mse_by_depth: by_depth, .. } = target;
        Self { name: one_line(name), metrics, by_depth, seconds: None, digits: DIGITS[0] }
    }

    /// The cells of all columns, with the digits for which there is usually room. Where there is no error at
    /// one of the `depths` its cell is empty.
    pub(super) fn cells<'d>(&self, depths: impl Iterator<Item = &'d usize>) -> Vec<String> {
        all_columns(depths).chain([Column::Seconds]).map(|column| self.cell(column, 4)).collect()
    }

    fn cell(&self, column: Column, digits: i32) -> String {
        let digits = digits.min(self.digits);
        let error = |error: f64| significant(error, digits);
        match column {
            Column::Name => shorten(&self.name),
            Column::Mse => error(self.metrics.mse),
            Column::Rmse => error(self.metrics.rmse),
            Column::Mae => error(self.metrics.mae),
            Column::R2 => self.metrics.r2.map_or("-".to_owned(), |r2| r2_text(r2, digits)),
            Column::Depth(depth) => self.by_depth.get(&depth).map_or(String::new(), |mse| error(*mse)),
            Column::Seconds => self.seconds.map_or(String::new(), |seconds| format!("{seconds:.2}")),
        }
    }
}

/// R² as text: near 1 the digits after the point count, far from it and of its small deviations only the
/// magnitude does.
pub(super) fn r2_text(r2: f64, digits: i32) -> String {
    match r2.abs() {
        0. | 1e-3..10. => format!("{r2:.*}", digits.unsigned_abs() as usize + 1),
        _ => significant(r2, digits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_table(depths: usize, test: impl FnOnce(&ErrorsTable)) {
        let metrics = Metrics { mse: 0.012_345_6, rmse: 123.456_7, mae: 1.5e-7, r2: Some(-0.000_995_1) };
        let by_depth = (1..=depths).map(|depth| (depth, 0.023_45)).collect();
        let row = |name: &str, seconds| Row {
            name: name.to_owned(),
            metrics: &metrics,
            by_depth: &by_depth,
            seconds,
            digits: 4,
        };
        test(&ErrorsTable { first: "fold", rows: vec![row("0", Some(0.25)), row("pooled", None)] });
    }

    #[test]
    fn tables_fit_their_width() {
        for depths in [0, 1, 2, 4, 20, 1000] {
            with_table(depths, |table| {
                for width in [200, 100, 80, 60, 50] {
                    let text = format!("{table:width$}");
                    let longest = text.lines().map(|line| line.chars().count()).max().unwrap_or_default();
                    assert!(longest <= width, "{width}: {text}");
                    let is_whole = text.contains(&format!("mse d={depths}")) || depths == 0;
                    assert!(is_whole || width < 80, "{text}");
                }
                // Where there is no room for the rest either, it stays.
                assert!(format!("{table:10}").contains("rmse"));
            });
        }
        with_table(4, |table| {
            assert_eq!(table.to_string().lines().count(), 3);
            let narrow = format!("{table:60}");
            assert!(narrow.ends_with("mse d=2 to mse d=3 left out; `json` has all"), "{narrow}");
        });
    }

    #[test]
    fn what_is_not_zero_is_not_shown_as_zero() {
        for r2 in [1e-4, -1e-9, 9.99e-4, 0.001] {
            let text = r2_text(r2, 4);
            assert!(text.parse::<f64>().unwrap() != 0., "{r2}: {text}");
        }
        assert_eq!((r2_text(0.999_123_4, 4), r2_text(-12.5, 3)), ("0.99912".to_owned(), "-12.5".to_owned()));
    }
}
