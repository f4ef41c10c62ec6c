//! The settings of a check.

use std::fmt;

use candle_core::DType;
use serde::Serialize;

use super::context::Context;

/// How much of each Jacobian is checked.
///
/// Each backward pass runs twice, which the counts below include. On top of them, both modes take 17 backward
/// passes per output and five forward passes, and one more of each for every
/// [`Context`](super::Context): two, and one per input if there are several. Entries that disagree cost more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Every entry, up to ten million ([`Error::TooLarge`](super::Error::TooLarge)): two backward passes per
    /// output element and two forward passes per input element.
    #[default]
    Slow,
    /// Random projections of both Jacobians: eight backward passes per output and eight forward passes per
    /// input, whatever their sizes.
    ///
    /// A Jacobian is projected onto up to four random unit vectors on either side, and a projection has the
    /// tolerance of an entry, with an allowance for rounding noise. PyTorch scales it by the 1-norms of the
    /// vectors, and so allows for an error of atol in each of the m n entries of an m x n Jacobian.
    ///
    /// An error that is spread over a matrix is diluted by a projection: that in a single entry about
    /// sqrt(m n) times, errors in all n entries of an elementwise function of n elements about sqrt(n) times,
    /// whatever the signs of its derivatives. So these are found, for every seed, if they are well above
    /// sqrt(m n) atol and sqrt(n) atol: at n = 10,000, a single error of 1 and errors of 0.01 in all entries.
    /// Smaller ones may go unnoticed.
    ///
    /// If fast mode fails, slow mode is run to locate the failure, and its result decides: if it passes, so
    /// does the check, with a note in the report. If the Jacobians are too large for slow mode, fast mode's
    /// report is final.
    Fast,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Slow => "slow",
            Self::Fast => "fast",
        })
    }
}

/// How to handle inputs and outputs of a float dtype other than f64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DTypePolicy {
    /// Refuse them with [`Error::DType`](super::Error::DType).
    #[default]
    Refuse,
    /// Check them with the step and tolerances as set, and add a note to the report, as PyTorch does.
    Warn,
    /// Check them with a step and tolerances that are at least those of the coarsest dtype:
    ///
    /// | dtype | eps | atol | rtol |
    /// |---|---|---|---|
    /// | f32 | 2^-8 | 1e-3 | 1e-2 |
    /// | f16 | 2^-3 | 0.05 | 0.05 |
    /// | bf16 | 2^-2 | 0.1 | 0.1 |
    Loosen,
}

impl DTypePolicy {
    /// The least step, atol and rtol with which [`Loosen`](Self::Loosen) checks `dtype`, if it can be
    /// checked.
    pub(super) fn loosened(dtype: DType) -> Option<(f64, f64, f64)> {
        match dtype {
            DType::F32 => Some((2f64.powi(-8), 1e-3, 1e-2)),
            DType::F16 => Some((2f64.powi(-3), 0.05, 0.05)),
            DType::BF16 => Some((2f64.powi(-2), 0.1, 0.1)),
            _ => None,
        }
    }
}

/// A configurable gradient check: the equivalent of `torch.autograd.gradcheck`, with its defaults.
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
    pub(super) eps: f64,
    pub(super) atol: f64,
    pub(super) rtol: f64,
    pub(super) mode: Mode,
    pub(super) dtypes: DTypePolicy,
    pub(super) constants: Vec<usize>,
    pub(super) stopped: Vec<usize>,
    pub(super) nondeterminism: f64,
    pub(super) contexts: Vec<Context>,
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
            contexts: Context::ALL.to_vec(),
            seed: 0,
        }
    }
}

impl GradCheck {
    /// The default check: slow mode, eps 1e-6, atol 1e-5, rtol 1e-3, no nondeterminism, seed 0, f64 only.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the step of the central differences. Inputs so large that it would be lost to rounding get a
    /// larger one.
    #[must_use]
    pub fn eps(self, eps: f64) -> Self {
        Self { eps, ..self }
    }

    /// Sets the absolute tolerance: an entry passes if |numerical - analytical| <= atol + rtol |numerical|.
    #[must_use]
    pub fn atol(self, atol: f64) -> Self {
        Self { atol, ..self }
    }

    /// Sets the relative tolerance.
    #[must_use]
    pub fn rtol(self, rtol: f64) -> Self {
        Self { rtol, ..self }
    }

    /// Sets how much two runs of the same forward or backward pass may differ.
    ///
    /// A forward pass that differs by so much disturbs central differences by up to its quotient with eps,
    /// which should stay below atol.
    #[must_use]
    pub fn nondeterminism(self, nondeterminism: f64) -> Self {
        Self { nondeterminism, ..self }
    }

    /// Sets in which contexts the function must give the same values and gradients; the default is
    /// [`Context::ALL`]. Values must be those for contiguous inputs in any case.
    #[must_use]
    pub fn contexts(self, contexts: &[Context]) -> Self {
        Self { contexts: contexts.to_vec(), ..self }
    }

    /// Sets how much of each Jacobian is checked.
    #[must_use]
    pub fn mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }

    /// Sets the seed of the random projections and upstream gradients.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Sets how to handle inputs and outputs of a float dtype other than f64.
    #[must_use]
    pub fn dtypes(self, dtypes: DTypePolicy) -> Self {
        Self { dtypes, ..self }
    }

    /// Sets which inputs, by number, are constants: passed to the function unchanged and untracked, in any
    /// layout.
    ///
    /// Inputs of an integer dtype always are.
    #[must_use]
    pub fn constants(self, inputs: &[usize]) -> Self {
        Self { constants: inputs.to_vec(), ..self }
    }

    /// Sets which inputs, by number, must not receive a gradient although they are tracked and the function
    /// depends on them, as is right for a function that detaches an input on purpose.
    #[must_use]
    pub fn stopped(self, inputs: &[usize]) -> Self {
        Self { stopped: inputs.to_vec(), ..self }
    }
}
