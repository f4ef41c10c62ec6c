//! The results of a check.

use std::fmt;

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use serde::{Serialize, Serializer};

use super::failure::Failure;
use super::jacobian::{Entry, Matrix};
use super::settings::Mode;
use super::wording::Names;

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
    /// projections onto up to four random vectors on either side. In JSON without its elements; see
    /// [`Report::with_jacobians`].
    #[serde(serialize_with = "shape")]
    pub numerical: Matrix,
    /// By `backward`, of the same shape, and in JSON likewise.
    #[serde(serialize_with = "shape")]
    pub analytical: Matrix,
    /// The entry that is furthest from agreement, `None` if there are no entries.
    pub worst: Option<Entry>,
}

/// Serialises the number of rows and columns of a matrix alone.
fn shape<S: Serializer>(matrix: &Matrix, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Shape {
        rows: usize,
        columns: usize,
    }
    Shape { rows: matrix.rows, columns: matrix.columns }.serialize(serializer)
}

/// A report that serialises with all elements of its Jacobians: the fields of the report, and in `jacobians`
/// an object with `numerical` and `analytical` for each of its `pairs`.
#[derive(Debug, Serialize)]
pub struct WithJacobians<'a> {
    #[serde(flatten)]
    report: &'a Report,
    jacobians: Vec<Jacobians<'a>>,
}

#[derive(Debug, Serialize)]
struct Jacobians<'a> {
    numerical: &'a Matrix,
    analytical: &'a Matrix,
}

/// The result of a check.
///
/// It displays as a verdict, every failure, a table with a row per output and input, and both Jacobians side
/// by side where they differ and are small. In JSON it has the shapes of the Jacobians and their worst
/// entries; their elements, of which there may be millions, come [`with_jacobians`](Self::with_jacobians).
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
    #[serde(skip_serializing_if = "Names::is_empty")]
    pub(super) names: Names,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }

    /// The report for JSON that holds the elements of all Jacobians.
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    ///
    /// let x = Tensor::new(&[1f64, 2.], &Device::Cpu)?;
    /// let report = taper::gradcheck::gradcheck(|x| x[0].sqr(), &[x])?;
    /// let json = serde_json::to_value(report.with_jacobians()).unwrap();
    /// assert_eq!(json["jacobians"][0]["analytical"]["data"], serde_json::json!([2., 0., 0., 4.]));
    /// assert!(serde_json::to_value(&report).unwrap()["pairs"][0]["analytical"]["data"].is_null());
    /// # Ok::<(), taper::gradcheck::Error>(())
    /// ```
    pub fn with_jacobians(&self) -> WithJacobians<'_> {
        let jacobians = self.pairs.iter();
        let jacobians =
            jacobians.map(|Pair { numerical, analytical, .. }| Jacobians { numerical, analytical });
        WithJacobians { report: self, jacobians: jacobians.collect() }
    }

    /// The entry of all Jacobians that is furthest from agreement, `None` if there are no entries.
    pub fn worst(&self) -> Option<&Entry> {
        let entries = self.pairs.iter().filter_map(|pair| pair.worst.as_ref());
        entries.max_by(|a, b| a.severity().total_cmp(&b.severity()))
    }

    /// What the report calls input number `number`: `input 0`, the name of a parameter, or `the upstream
    /// gradient of output 0`.
    pub fn input_name(&self, number: usize) -> String {
        self.names.input(number)
    }

    /// The first failure in words, empty if there is none.
    pub(super) fn first_failure(&self) -> String {
        self.failures.first().map_or_else(String::new, ToString::to_string)
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
            writeln!(f, "  {failure}")?;
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
