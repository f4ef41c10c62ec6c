//! Named checks.

use std::sync::Arc;
use std::time::Instant;

use candle_core::{Device, Result as CandleResult, Tensor};

use super::context::Context;
use super::error::Error;
use super::failure::Failure;
use super::function::Outputs;
use super::guard::guard;
use super::parity_report::Parity;
use super::report::{Gradient, Pair, Report};
use super::settings::{GradCheck, Mode};
use super::table::{Row, Verdict};
use super::view::strided;

type Function = dyn Fn(&[Tensor]) -> CandleResult<Outputs> + Send + Sync;

/// A named function, and the inputs at which to check it.
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
    order: u8,
}

impl Case {
    /// A check of the first derivatives of `f` at `inputs`, with the default settings.
    pub fn new<F, O>(name: impl Into<String>, inputs: Vec<Tensor>, f: F) -> Self
    where
        F: Fn(&[Tensor]) -> CandleResult<O> + Send + Sync + 'static,
        O: Into<Outputs>,
    {
        let function = Arc::new(move |x: &[Tensor]| f(x).map(Into::into));
        Self { name: name.into(), function, inputs, settings: GradCheck::new(), order: 1 }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same case with these settings, the mode included.
    #[must_use]
    pub fn settings(self, settings: GradCheck) -> Self {
        Self { settings, ..self }
    }

    /// The same case in another mode.
    #[must_use]
    pub fn mode(self, mode: Mode) -> Self {
        Self { settings: self.settings.mode(mode), ..self }
    }

    /// The same case in these contexts.
    #[must_use]
    pub fn contexts(self, contexts: &[Context]) -> Self {
        Self { settings: self.settings.contexts(contexts), ..self }
    }

    /// The same case for second derivatives.
    #[must_use]
    pub fn second_order(&self) -> Self {
        Self { order: 2, ..self.clone() }
    }

    /// The same case with every input laid out as by [`strided`].
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

    /// Compares values and gradients of the case on `device` with those on the CPU.
    ///
    /// # Errors
    ///
    /// As [`GradCheck::parity`].
    pub fn parity(&self, device: &Device) -> Result<Parity, Error> {
        self.settings.parity(|x| (self.function)(x), &self.inputs, device)
    }

    /// Runs the check and returns its report.
    ///
    /// # Errors
    ///
    /// As [`GradCheck::check`] and [`GradCheck::check_second`].
    pub fn check(&self) -> Result<Report, Error> {
        let f = |x: &[Tensor]| (self.function)(x);
        if self.order == 1 {
            self.settings.check(f, &self.inputs)
        } else {
            self.settings.check_second(f, &self.inputs)
        }
    }

    /// Runs the check and returns a row of a table; whatever goes wrong, even a panic, becomes a verdict.
    pub fn run(&self) -> Row {
        let start = Instant::now();
        let result = guard(|| self.check()).unwrap_or_else(|message| Err(Error::ForwardPanicked(message)));
        let (verdict, worst, detail) = classify(&result);
        Row {
            name: self.name.clone(),
            inputs: describe(&self.inputs),
            mode: self.settings.mode,
            order: self.order,
            verdict,
            worst,
            detail,
            seconds: start.elapsed().as_secs_f64(),
        }
    }
}

/// The dtype, shapes and layout of the inputs, such as `f64 [2, 3] [3], strided`.
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

/// The verdict, the difference of the worst entry, and what is wrong.
fn classify(result: &Result<Report, Error>) -> (Verdict, Option<f64>, String) {
    match result {
        Ok(report) => {
            let independent = |pair: &Pair| pair.gradient == Gradient::Independent;
            let all_independent = !report.pairs.is_empty() && report.pairs.iter().all(independent);
            let verdict = if all_independent { Verdict::NotDifferentiable } else { Verdict::Right };
            let detail = if all_independent { "no gradient; the derivative is zero" } else { "" };
            (verdict, report.worst().map(|entry| entry.absolute), detail.into())
        }
        Err(Error::Failed(report)) => {
            let first = report.failures.first().map(Failure::kind);
            let verdict = match first {
                Some(Failure::Severed { .. } | Failure::MissingGradient { .. }) => Verdict::Severed,
                Some(Failure::Panicked { .. }) => Verdict::Panics,
                Some(Failure::Undefined { .. } | Failure::Discontinuous { .. }) => Verdict::Unchecked,
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
