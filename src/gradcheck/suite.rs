//! Lists of named checks, and the table that they make.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use candle_core::{Device, Result as CandleResult, Tensor};
use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use serde::Serialize;

use super::guard::guard;
use super::{Error, Failure, GradCheck, Gradient, Mode, Outputs, Pair, Parity, Report, strided};

/// The function of a case.
type Function = dyn Fn(&[Tensor]) -> CandleResult<Outputs> + Send + Sync;

/// A named function with inputs to check it at.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use taper::gradcheck::{Case, Verdict, table};
///
/// let x = Tensor::new(&[[0.5f64, 1.5], [2.5, 3.5]], &Device::Cpu)?;
/// let sqr = Case::new("sqr", vec![x], |x| x[0].sqr());
/// let rows = [sqr.run(), sqr.strided()?.run()];
/// assert!(rows.iter().all(|row| row.verdict == Verdict::Right));
/// println!("{}", table(&rows));
/// # Ok::<(), candle_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Case {
    name: String,
    function: Arc<Function>,
    inputs: Vec<Tensor>,
    settings: GradCheck,
    mode: Mode,
    order: u8,
}

impl Case {
    /// A slow check of the first derivatives of `f` at `inputs`, with the default settings.
    pub fn new<F, O>(name: impl Into<String>, inputs: Vec<Tensor>, f: F) -> Self
    where
        F: Fn(&[Tensor]) -> CandleResult<O> + Send + Sync + 'static,
        O: Into<Outputs>,
    {
        let function = Arc::new(move |x: &[Tensor]| f(x).map(Into::into));
        Self { name: name.into(), function, inputs, settings: GradCheck::new(), mode: Mode::Slow, order: 1 }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same case with other settings; the mode is set by [`mode`](Self::mode).
    #[must_use]
    pub fn settings(self, settings: GradCheck) -> Self {
        Self { settings, ..self }
    }

    /// The same case in another mode.
    #[must_use]
    pub fn mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }

    /// The same case for second derivatives.
    #[must_use]
    pub fn second_order(&self) -> Self {
        Self { order: 2, ..self.clone() }
    }

    /// The same case with every input laid out as [`strided`] does.
    ///
    /// # Errors
    ///
    /// If Candle cannot copy an input.
    pub fn strided(&self) -> CandleResult<Self> {
        let inputs = self.inputs.iter().map(strided).collect::<CandleResult<_>>()?;
        Ok(Self { inputs, ..self.clone() })
    }

    /// The same case with every input on `device`.
    ///
    /// # Errors
    ///
    /// If Candle cannot move an input there.
    pub fn on(&self, device: &Device) -> CandleResult<Self> {
        let inputs = self.inputs.iter().map(|x| x.to_device(device)).collect::<CandleResult<_>>()?;
        Ok(Self { inputs, ..self.clone() })
    }

    /// Values and gradients of the case on `device`, held against the CPU's.
    ///
    /// # Errors
    ///
    /// As [`GradCheck::parity`].
    pub fn parity(&self, device: &Device) -> Result<Parity, Error> {
        self.settings.parity(|x| (self.function)(x), &self.inputs, device)
    }

    /// The report of the check.
    ///
    /// # Errors
    ///
    /// As [`GradCheck::check`] and [`GradCheck::check_second`].
    pub fn check(&self) -> Result<Report, Error> {
        let settings = self.settings.clone().mode(self.mode);
        let f = |x: &[Tensor]| (self.function)(x);
        if self.order == 1 { settings.check(f, &self.inputs) } else { settings.check_second(f, &self.inputs) }
    }

    /// The check as a row of a table; whatever goes wrong, even a panic, is a verdict.
    pub fn run(&self) -> Row {
        let start = Instant::now();
        let outcome = guard(|| self.check()).unwrap_or_else(|message| Err(Error::ForwardPanicked(message)));
        let (verdict, worst, detail) = judge(&outcome);
        Row {
            name: self.name.clone(),
            inputs: describe(&self.inputs),
            mode: self.mode,
            order: self.order,
            verdict,
            worst,
            detail,
            seconds: start.elapsed().as_secs_f64(),
        }
    }
}

/// What became of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The derivatives hold.
    Right,
    /// They do not: wrong numbers, and no word about it.
    Wrong,
    /// The graph is cut where the function depends on the input, or a gradient is missing: silence instead of
    /// a gradient.
    Severed,
    /// The backward or the function panics.
    Panics,
    /// The backward returns an error, or a gradient that does not fit.
    Fails,
    /// There is no backward, and it says so.
    Unsupported,
    /// There is no derivative by design: the output is an integer, or the derivative is zero wherever there is one.
    NotDifferentiable,
    /// Nothing could be checked: the function fails, or second derivatives are off.
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
    /// How it was checked.
    pub mode: Mode,
    /// 1 for first, 2 for second derivatives.
    pub order: u8,
    /// What became of it.
    pub verdict: Verdict,
    /// The difference of the worst entry, `None` if nothing was compared.
    pub worst: Option<f64>,
    /// What is wrong, empty if nothing is.
    pub detail: String,
    /// How long it took.
    pub seconds: f64,
}

/// Rows as a table for people, in Markdown, with a column of details only when there are some.
pub fn table(rows: &[Row]) -> String {
    let details = rows.iter().any(|row| !row.detail.is_empty());
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
    table.trim_fmt()
}

/// How many rows have each verdict: `16 checks: 5 right, 6 wrong, 5 not differentiable by design`.
pub fn summary(rows: &[Row]) -> String {
    let mut counts = BTreeMap::new();
    for row in rows {
        *counts.entry(row.verdict).or_insert(0) += 1;
    }
    let counts: Vec<_> = counts.into_iter().map(|(verdict, count)| format!("{count} {verdict}")).collect();
    format!("{} checks: {}", rows.len(), counts.join(", "))
}

/// A detail without its advice and what follows its first number.
fn brief(detail: &str) -> String {
    let parts =
        detail.split("; ").filter(|part| !["worst: ", "look for "].iter().any(|p| part.starts_with(p)));
    let text = parts.collect::<Vec<_>>().join("; ");
    text.split(" (numerical derivative").next().unwrap_or_default().to_string()
}

/// Dtype, shapes and layout of the inputs: `f64 [2, 3] [3]`, `f64 [2, 3] [3], strided`.
fn describe(inputs: &[Tensor]) -> String {
    let mut words = vec![];
    let mut dtype = None;
    for input in inputs {
        if dtype != Some(input.dtype()) {
            dtype = Some(input.dtype());
            words.push(input.dtype().as_str().to_string());
        }
        words.push(format!("{:?}", input.dims()));
    }
    let strided = inputs.iter().any(|input| !input.is_contiguous());
    format!("{}{}", words.join(" "), if strided { ", strided" } else { "" })
}

fn judge(outcome: &Result<Report, Error>) -> (Verdict, Option<f64>, String) {
    match outcome {
        Ok(report) => {
            let independent = |pair: &Pair| pair.gradient == Gradient::Independent;
            let flat = !report.pairs.is_empty() && report.pairs.iter().all(independent);
            let verdict = if flat { Verdict::NotDifferentiable } else { Verdict::Right };
            let detail = if flat { "no gradient; the derivative is zero" } else { "" };
            (verdict, report.worst().map(|entry| entry.absolute), detail.into())
        }
        Err(Error::Failed(report)) => {
            let first = report.failures.first();
            let verdict = match first {
                Some(Failure::Severed { .. } | Failure::MissingGradient { .. }) => Verdict::Severed,
                Some(Failure::Panicked { .. }) => Verdict::Panics,
                Some(Failure::Undefined { .. }) => Verdict::Unchecked,
                Some(Failure::Unsupported { .. }) => Verdict::Unsupported,
                Some(
                    Failure::BackwardFailed { .. }
                    | Failure::WrongShape { .. }
                    | Failure::WrongDType { .. }
                    | Failure::WrongDevice { .. },
                ) => Verdict::Fails,
                _ => Verdict::Wrong,
            };
            let detail = report.first_failure();
            (verdict, report.worst().map(|entry| entry.absolute), detail)
        }
        Err(error) => {
            let verdict = match error {
                Error::Nothing("output") => Verdict::NotDifferentiable,
                Error::ForwardPanicked(_) => Verdict::Panics,
                _ => Verdict::Unchecked,
            };
            (verdict, None, error.to_string())
        }
    }
}
