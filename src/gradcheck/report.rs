//! The results of a check.

use std::fmt;

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use serde::Serialize;

use super::failure::Failure;
use super::jacobian::{Entry, Matrix};
use super::settings::Mode;
use super::wording::{Named, Names};

/// Whether the gradient from an output reached an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Gradient {
    /// It did.
    Present,
    /// It did not, and the numerical derivative is zero as well.
    Independent,
    /// It did not, although the numerical derivative is not zero.
    Absent,
}

/// The Jacobian of one output with respect to one input, by both methods.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pair {
    /// Number of the output.
    pub output: usize,
    /// Number of the input.
    pub input: usize,
    /// Whether a gradient reached the input.
    pub gradient: Gradient,
    /// By central differences: one row per output element and one column per input element; in fast mode, the
    /// projections onto up to four random vectors on either side.
    pub numerical: Matrix,
    /// By `backward`, of the same shape.
    pub analytical: Matrix,
    /// The entry that is furthest from agreement, `None` if there are no entries.
    pub worst: Option<Entry>,
}

/// The result of a check.
///
/// It displays as a verdict, every failure, a table with a row per output and input, and both Jacobians side
/// by side where they differ and are small.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// 1 for first derivatives, 2 for derivatives of the backward pass itself.
    ///
    /// At order 2 the outputs are the gradients of the differentiated inputs, in their order, and the inputs
    /// are followed by one upstream gradient per float output of the function.
    pub order: u8,
    /// The mode; slow if fast mode failed and slow mode was run to locate the failure.
    pub mode: Mode,
    /// The step of the central differences; inputs so large that it would be lost to rounding got a larger
    /// one.
    pub eps: f64,
    /// The absolute tolerance.
    pub atol: f64,
    /// The relative tolerance.
    pub rtol: f64,
    /// The Jacobians.
    pub pairs: Vec<Pair>,
    /// Everything that is wrong, the most telling first; empty if the check passed.
    pub failures: Vec<Failure>,
    /// What else a reader should know.
    pub notes: Vec<String>,
    #[serde(skip)]
    pub(super) names: Names,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }

    /// The entry of all Jacobians that is furthest from agreement, `None` if there are no entries.
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
                Gradient::Independent => "none (independent)",
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
        let differs = |pair: &&Pair| pair.worst.as_ref().is_some_and(|worst| !worst.agrees());
        self.pairs.iter().filter(differs).try_for_each(|pair| pair.write_if_small(&self.names, f))
    }
}

impl Pair {
    /// Writes both Jacobians side by side, unless they are too large to read.
    fn write_if_small(&self, names: &Names, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LARGEST: usize = 6;
        let Matrix { rows, columns, .. } = self.numerical;
        if rows > LARGEST || columns > LARGEST {
            return Ok(());
        }
        let (y, x) = (names.output(self.output), names.input(self.input));
        write!(f, "\n{y} with respect to {x}, numerical | backward:")?;
        let line = |matrix: &Matrix, row: usize| -> String {
            let entries = (0..columns).filter_map(|column| matrix.get(row, column));
            entries.map(|entry| format!("{entry:>12.6}")).collect::<Vec<_>>().join(" ")
        };
        (0..rows).try_for_each(|row| {
            write!(f, "\n{} | {}", line(&self.numerical, row), line(&self.analytical, row))
        })
    }
}

/// Values and gradients of a function on a device, compared with those on the CPU.
///
/// In the entries, `numerical` is the value on the CPU and `analytical` the value on the device.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Parity {
    /// The device.
    pub device: String,
    /// The worst element of each output; `None` for an empty or integer one.
    pub values: Vec<Option<Entry>>,
    /// The worst element of each gradient, by output and then by input; `None` where there is none to
    /// compare.
    pub gradients: Vec<Option<Entry>>,
    /// Everything else that is wrong, on either device.
    pub failures: Vec<String>,
}

impl Parity {
    /// Whether the devices agree.
    pub fn passed(&self) -> bool {
        let mut entries = self.values.iter().chain(&self.gradients).flatten();
        self.failures.is_empty() && entries.all(Entry::agrees)
    }
}

impl fmt::Display for Parity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.passed() { "agrees" } else { "disagrees" };
        write!(f, "{} {verdict} with the CPU", self.device)?;
        for failure in &self.failures {
            write!(f, "\n  {failure}")?;
        }
        let mut write_entry = |what: String, entry: &Entry| {
            let Entry { numerical, analytical, absolute, tolerance, .. } = entry;
            write!(
                f,
                "\n  {what} is {numerical:.6e} on the CPU and {analytical:.6e} on the device: off by \
                 {absolute:.3e}, tolerance {tolerance:.3e}"
            )
        };
        let differs = |entry: &&Entry| !entry.agrees();
        for entry in self.values.iter().flatten().filter(differs) {
            write_entry(format!("output {}{:?}", entry.output, entry.output_index), entry)?;
        }
        for entry in self.gradients.iter().flatten().filter(differs) {
            let (output, input, index) = (entry.output, entry.input, &entry.input_index);
            let what = format!("the gradient of output {output} with respect to input {input}{index:?}");
            write_entry(what, entry)?;
        }
        Ok(())
    }
}
