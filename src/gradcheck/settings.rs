//! What a check is asked to do.

use candle_core::{DType, Result as CandleResult, Tensor};

use super::check::Check;
use super::compare::Tolerance;
use super::names::Names;
use super::point::{Eval, Input, Point, Role};
use super::{Error, Mode, Outputs, Report, second};

/// The most entries of Jacobians that slow mode takes: 80 MB for either side.
const MOST_ENTRIES: usize = 10_000_000;

/// What becomes of inputs and outputs that are not f64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DTypePolicy {
    /// [`Error::DType`].
    #[default]
    Refuse,
    /// Checked with the tolerances as they are, and a note in the report; PyTorch's way.
    Warn,
    /// Checked with a step and tolerances that at least suit the coarsest dtype.
    ///
    /// f32: eps 2^-8, atol 1e-3, rtol 1e-2. f16: eps 2^-3, atol and rtol 0.05. bf16: eps 2^-2, atol and rtol 0.1.
    Loosen,
}

/// A gradient check; the equivalent of `torch.autograd.gradcheck`, with its defaults.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use taper::gradcheck::{GradCheck, Mode};
///
/// let x = Tensor::new(&[0.5f64, 1.5, 2.5], &Device::Cpu)?;
/// let report = GradCheck::new().mode(Mode::Fast).seed(7).check(|x| x[0].sqr()?.exp(), &[x])?;
/// assert!(report.passed());
/// # Ok::<(), taper::gradcheck::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct GradCheck {
    eps: f64,
    atol: f64,
    rtol: f64,
    mode: Mode,
    dtypes: DTypePolicy,
    constants: Vec<usize>,
    stopped: Vec<usize>,
    pub(super) nondeterminism: f64,
    pub(super) seed: u64,
}

impl Default for GradCheck {
    fn default() -> Self {
        Self {
            eps: 1e-6,
            atol: 1e-5,
            rtol: 1e-3,
            mode: Mode::default(),
            dtypes: DTypePolicy::default(),
            constants: vec![],
            stopped: vec![],
            nondeterminism: 0.0,
            seed: 0,
        }
    }
}

impl GradCheck {
    /// The default check: slow mode, eps 1e-6, atol 1e-5, rtol 1e-3, no nondeterminism, seed 0, f64 only.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the step of the central differences, which is larger for inputs so large that it would be lost to rounding.
    #[must_use]
    pub fn eps(self, eps: f64) -> Self {
        Self { eps, ..self }
    }

    /// Sets the absolute tolerance: what passes is |numerical - analytical| <= atol + rtol |numerical|.
    #[must_use]
    pub fn atol(self, atol: f64) -> Self {
        Self { atol, ..self }
    }

    /// Sets the relative tolerance.
    #[must_use]
    pub fn rtol(self, rtol: f64) -> Self {
        Self { rtol, ..self }
    }

    /// Sets by how much two runs of the same forward or backward may differ.
    #[must_use]
    pub fn nondeterminism(self, nondeterminism: f64) -> Self {
        Self { nondeterminism, ..self }
    }

    /// Sets how much of the Jacobians is looked at.
    #[must_use]
    pub fn mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }

    /// Sets the seed of the random projections and upstream gradients.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Sets what becomes of inputs and outputs that are not f64.
    #[must_use]
    pub fn dtypes(self, dtypes: DTypePolicy) -> Self {
        Self { dtypes, ..self }
    }

    /// Sets which inputs are constants: handed over as they are, untracked, in any layout.
    ///
    /// Inputs of an integer dtype always are.
    #[must_use]
    pub fn constants(self, inputs: &[usize]) -> Self {
        Self { constants: inputs.to_vec(), ..self }
    }

    /// Sets which inputs must not get a gradient although they are tracked and the function depends on them.
    ///
    /// That is what a function promises that detaches an input on purpose.
    #[must_use]
    pub fn stopped(self, inputs: &[usize]) -> Self {
        Self { stopped: inputs.to_vec(), ..self }
    }

    /// Holds the first derivatives of `f` at `inputs` against central differences.
    ///
    /// The inputs are f64 (see [`DTypePolicy`]) of any shape, empty ones and scalars included, in any layout
    /// without shared elements: `f` gets each of them in the very layout it has here, as part of a graph.
    /// `f` returns one tensor or several ([`Outputs`]); those of an integer dtype are not differentiated.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] with the report if a derivative does not hold, another [`Error`] if none could be
    /// had. A panic of `f` or of Candle's `backward` is caught and is an error as well.
    pub fn check<F, O>(&self, f: F, inputs: &[Tensor]) -> Result<Report, Error>
    where
        F: Fn(&[Tensor]) -> CandleResult<O>,
        O: Into<Outputs>,
    {
        let inputs = self.inputs(inputs)?;
        self.verdict(&|point: &Point| Ok(f(&point.inputs)?.into().0), &inputs, 1, &Names::default())
    }

    /// Holds the second derivatives of `f` at `inputs` against central differences of its backward.
    ///
    /// What is checked is the function that takes the inputs and an upstream gradient for each output to the
    /// gradients of the inputs; the equivalent of `torch.autograd.gradgradcheck`. The first derivatives are
    /// checked before, since the derivative of a wrong one says nothing.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check), and [`Error::Detached`] if Candle keeps no graph of the backward.
    pub fn check_second<F, O>(&self, f: F, inputs: &[Tensor]) -> Result<Report, Error>
    where
        F: Fn(&[Tensor]) -> CandleResult<O>,
        O: Into<Outputs>,
    {
        if !second::available()? {
            return Err(Error::Detached);
        }
        let first = |point: &Point| Ok(f(&point.inputs)?.into().0);
        let inputs = self.inputs(inputs)?;
        self.verdict(&first, &inputs, 1, &Names::default())?;
        let (extended, names) = second::with_upstream(&first, &inputs, self.seed)?;
        let gradients = |point: &Point| second::gradients(&first, &inputs, point);
        self.verdict(&gradients, &extended, 2, &names)
    }

    fn verdict(&self, eval: &Eval, inputs: &[Input], order: u8, names: &Names) -> Result<Report, Error> {
        let check = Check::begin(self, eval, inputs, names)?;
        let entries = check.entries();
        if self.mode == Mode::Slow && entries > MOST_ENTRIES {
            return Err(Error::TooLarge { entries, limit: MOST_ENTRIES });
        }
        let mut report = check.run(self.mode, order)?;
        if report.passed() {
            return Ok(report);
        }
        if entries > MOST_ENTRIES {
            report.notes.push(format!(
                "slow mode, which says where, was not run: the Jacobians have {entries} entries, more than {MOST_ENTRIES}"
            ));
        }
        if self.mode == Mode::Slow || entries > MOST_ENTRIES {
            return Err(Error::Failed(Box::new(report)));
        }
        let mut slow = Check::begin(self, eval, inputs, names)?.run(Mode::Slow, order)?;
        if slow.passed() {
            let failure = report.first_failure();
            slow.notes.push(format!("fast mode failed where slow mode passes, which decides: {failure}"));
            return Ok(slow);
        }
        Err(Error::Failed(Box::new(slow)))
    }

    /// The inputs in their roles, once the settings are known to make sense.
    pub(super) fn inputs(&self, inputs: &[Tensor]) -> Result<Vec<Input>, Error> {
        let (positive, not_negative) = ("positive and finite", "finite and not negative");
        for (name, value, wanted, right) in [
            ("eps", self.eps, positive, self.eps > 0.0),
            ("atol", self.atol, not_negative, self.atol >= 0.0),
            ("rtol", self.rtol, not_negative, self.rtol >= 0.0),
            ("nondeterminism", self.nondeterminism, not_negative, self.nondeterminism >= 0.0),
        ] {
            if !right || value.is_infinite() {
                return Err(Error::Setting { name, value, wanted });
            }
        }
        for (name, index) in self
            .constants
            .iter()
            .map(|i| ("constants", *i))
            .chain(self.stopped.iter().map(|i| ("stopped", *i)))
        {
            if index >= inputs.len() {
                return Err(Error::Setting { name, value: index as f64, wanted: "the number of an input" });
            }
        }
        let role = |index: usize| {
            if self.constants.contains(&index) {
                Role::Constant
            } else if self.stopped.contains(&index) {
                Role::Stopped
            } else {
                Role::Differentiated
            }
        };
        inputs.iter().enumerate().map(|(index, tensor)| Input::new(index, tensor, role(index))).collect()
    }

    /// The step and the tolerance for these dtypes.
    pub(super) fn numbers_for(
        &self,
        inputs: &[Input],
        outputs: &[Tensor],
        notes: &mut Vec<String>,
    ) -> Result<(f64, Tolerance), Error> {
        let inputs = inputs.iter().enumerate().filter(|(_, input)| input.role == Role::Differentiated);
        let inputs = inputs.map(|(i, input)| (format!("input {i}"), input.tensor.dtype()));
        let outputs = outputs.iter().enumerate().filter(|(_, y)| y.dtype().is_float());
        let outputs = outputs.map(|(j, y)| (format!("output {j}"), y.dtype()));
        let (mut eps, mut tolerance) = (self.eps, Tolerance { atol: self.atol, rtol: self.rtol });
        for (what, dtype) in inputs.chain(outputs).filter(|(_, dtype)| *dtype != DType::F64) {
            let looser = match dtype {
                DType::F32 => Some((2f64.powi(-8), 1e-3, 1e-2)),
                DType::F16 => Some((2f64.powi(-3), 0.05, 0.05)),
                DType::BF16 => Some((2f64.powi(-2), 0.1, 0.1)),
                _ => None,
            };
            match (self.dtypes, looser) {
                (DTypePolicy::Refuse, _) | (_, None) => return Err(Error::DType { what, dtype }),
                (DTypePolicy::Warn, Some(_)) => notes.push(format!(
                    "{what} is {dtype:?}: finite differences of eps {eps:e} are mostly rounding error; use F64, or \
                     DTypePolicy::Loosen"
                )),
                (DTypePolicy::Loosen, Some((step, atol, rtol))) => {
                    eps = eps.max(step);
                    tolerance = Tolerance { atol: tolerance.atol.max(atol), rtol: tolerance.rtol.max(rtol) };
                }
            }
        }
        Ok((eps, tolerance))
    }
}
