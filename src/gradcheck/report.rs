//! What a check found.

use std::fmt;

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use serde::Serialize;

use super::compare::severity;
use super::names::Names;
use super::wording::Named;
use super::{Failure, Mode};

/// A matrix of `f64` in row-major order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Matrix {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub columns: usize,
    /// The elements; in JSON one that is not finite is null.
    pub data: Vec<f64>,
}

impl Matrix {
    pub(super) fn zeros(rows: usize, columns: usize) -> Self {
        Self { rows, columns, data: vec![0.0; rows * columns] }
    }

    /// Element (`row`, `column`), or `None` outside of the matrix.
    pub fn get(&self, row: usize, column: usize) -> Option<f64> {
        (column < self.columns).then(|| self.data.get(row * self.columns + column).copied()).flatten()
    }

    /// The largest absolute value: NaN if there is one, 0 if there are no elements.
    pub fn largest(&self) -> f64 {
        largest(self.data.iter().copied())
    }
}

/// The largest absolute value: NaN if there is one, 0 if there are no elements.
pub(super) fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values.map(f64::abs).fold(0.0, |most, value| if value <= most || most.is_nan() { most } else { value })
}

/// One entry of a Jacobian, as both sides have it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// The output.
    pub output: usize,
    /// The input.
    pub input: usize,
    /// Index into the output; empty for a scalar and in fast mode.
    pub output_index: Vec<usize>,
    /// Index into the input; empty for a scalar and in fast mode.
    pub input_index: Vec<usize>,
    /// The derivative by central differences.
    pub numerical: f64,
    /// The derivative by `backward`.
    pub analytical: f64,
    /// |numerical - analytical|.
    pub absolute: f64,
    /// |numerical - analytical| / |numerical|.
    pub relative: f64,
    /// The largest `absolute` that passes.
    pub tolerance: f64,
}

impl Entry {
    /// Whether the two sides agree; NaN never does.
    pub fn agrees(&self) -> bool {
        self.absolute <= self.tolerance
    }

    /// How far from agreement the entry is: above 1 it does not agree, NaN is furthest.
    pub(super) fn severity(&self) -> f64 {
        severity(self.absolute, self.tolerance)
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Named(self, &Names::default()).fmt(f)
    }
}

/// What became of the gradient from an output to an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Gradient {
    /// It arrived.
    Present,
    /// None arrived, and the numerical derivative is zero as well.
    Independent,
    /// None arrived, although the numerical derivative is not zero.
    Absent,
}

/// The Jacobian of one output by one input, from both sides.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pair {
    /// The output.
    pub output: usize,
    /// The input.
    pub input: usize,
    /// What became of the gradient.
    pub gradient: Gradient,
    /// By central differences: a row an output element, a column an input element; in fast mode its
    /// components along up to four random vectors of either.
    pub numerical: Matrix,
    /// By `backward`, of the same shape.
    pub analytical: Matrix,
    /// The entry that differs most, `None` if there are no entries.
    pub worst: Option<Entry>,
}

/// What a check found; an error if it failed.
///
/// Displayed, it is a verdict, every failure, a table with a row for each output and input, and both sides of
/// the small Jacobians that do not hold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// 1 for first derivatives, 2 for derivatives of the backward itself.
    ///
    /// At order 2 the outputs are the gradients of the differentiated inputs, in their order, and the inputs
    /// are followed by one upstream gradient for each float output of the function.
    pub order: u8,
    /// How it was checked; slow if fast mode failed and slow mode was run to say where.
    pub mode: Mode,
    /// The step of the central differences, larger where an input is so large that it would be lost to rounding.
    pub eps: f64,
    /// The absolute tolerance.
    pub atol: f64,
    /// The relative tolerance.
    pub rtol: f64,
    /// The Jacobians.
    pub pairs: Vec<Pair>,
    /// What is wrong, the most telling first; empty if the check passed.
    pub failures: Vec<Failure>,
    /// What a reader should know besides.
    pub notes: Vec<String>,
    #[serde(skip)]
    pub(super) names: Names,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }

    /// The entry that is furthest from agreement of all, `None` if there are no entries.
    pub fn worst(&self) -> Option<&Entry> {
        let entries = self.pairs.iter().filter_map(|pair| pair.worst.as_ref());
        entries.max_by(|a, b| a.severity().total_cmp(&b.severity()))
    }

    /// The first failure in words, empty if there is none.
    pub(super) fn first_failure(&self) -> String {
        self.failures.first().map_or_else(String::new, |failure| Named(failure, &self.names).to_string())
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(NOTHING);
        table.set_header([
            "output",
            "input",
            "entries",
            "gradient",
            "numerical",
            "backward",
            "off by",
            "tolerance",
        ]);
        for pair in &self.pairs {
            let gradient = match pair.gradient {
                Gradient::Present => "present",
                Gradient::Independent => "none, and none is due",
                Gradient::Absent => "none",
            };
            let entries = format!("{} x {}", pair.numerical.rows, pair.numerical.columns);
            let mut row = vec![
                self.names.output(pair.output),
                self.names.input(pair.input),
                entries,
                gradient.to_string(),
            ];
            if let Some(worst) = &pair.worst {
                row.extend([worst.numerical, worst.analytical].map(|value| format!("{value:.6e}")));
                row.extend([worst.absolute, worst.tolerance].map(|value| format!("{value:.3e}")));
            }
            table.add_row(row);
        }
        table
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = if self.order == 1 { "gradcheck" } else { "gradgradcheck" };
        let verdict = if self.passed() { "passed" } else { "failed" };
        writeln!(
            f,
            "{order} {verdict} ({} mode, eps {:e}, atol {:e}, rtol {:e})",
            self.mode, self.eps, self.atol, self.rtol
        )?;
        for failure in &self.failures {
            writeln!(f, "  {}", Named(failure, &self.names))?;
        }
        for note in &self.notes {
            writeln!(f, "  note: {note}")?;
        }
        write!(f, "{}", self.table().trim_fmt())?;
        let wrong = |pair: &&Pair| pair.worst.as_ref().is_some_and(|worst| !worst.agrees());
        self.pairs.iter().filter(wrong).try_for_each(|pair| pair.write_small(&self.names, f))
    }
}

impl Pair {
    /// Both Jacobians side by side, unless they are too large to take in.
    fn write_small(&self, names: &Names, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LARGEST: usize = 6;
        let Matrix { rows, columns, .. } = self.numerical;
        if rows > LARGEST || columns > LARGEST {
            return Ok(());
        }
        write!(f, "\n{} by {}, numerical | backward:", names.output(self.output), names.input(self.input))?;
        let line = |matrix: &Matrix, row: usize| -> String {
            let entries = (0..columns).filter_map(|column| matrix.get(row, column));
            entries.map(|entry| format!("{entry:>12.6}")).collect::<Vec<_>>().join(" ")
        };
        (0..rows).try_for_each(|row| {
            write!(f, "\n{} | {}", line(&self.numerical, row), line(&self.analytical, row))
        })
    }
}
