//! Analytical derivatives held against numerical ones, for any function of Candle tensors.
//!
//! [`gradcheck`] calls a function, differentiates it with Candle's `backward` and again by central differences
//! (f(x + eps) - f(x - eps)) / (2 eps), and holds the two against each other entry by entry:
//! |numerical - analytical| <= atol + rtol |numerical|. It is to Candle what `torch.autograd.gradcheck` is to
//! PyTorch, has its defaults, and is on its own: it knows candle-core and nothing else of this crate.
//!
//! # An operation of your own in ten lines
//!
//! ```
//! use candle_core::cpu_backend::unary_map;
//! use candle_core::{CpuStorage, CustomOp1, Device, Layout, Result, Shape, Tensor, bail};
//! use taper::gradcheck::{Error, gradcheck, strided};
//!
//! struct Cube;
//!
//! impl CustomOp1 for Cube {
//!     fn name(&self) -> &'static str {
//!         "cube"
//!     }
//!     fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
//!         let CpuStorage::F64(x) = x else { bail!("cube takes f64") };
//!         Ok((CpuStorage::F64(unary_map(x, layout, |x| x * x * x)), layout.shape().clone()))
//!     }
//!     fn bwd(&self, x: &Tensor, _: &Tensor, upstream: &Tensor) -> Result<Option<Tensor>> {
//!         Ok(Some(x.sqr()?.affine(3.0, 0.0)?.mul(upstream)?))
//!     }
//! }
//!
//! let x = Tensor::new(&[[0.5f64, -1.5, 2.0], [0.1, 0.7, -0.3]], &Device::Cpu)?;
//! gradcheck(|x| x[0].apply_op1(Cube), &[x.clone()])?;
//! gradcheck(|x| x[0].apply_op1(Cube), &[strided(&x)?])?;
//!
//! // With 2.0 for 3.0 in `bwd` the report would say "off by a factor of 0.666667"; and this severs the graph:
//! let error = gradcheck(|x| x[0].apply_op1_no_bwd(&Cube), &[x]).unwrap_err();
//! assert!(error.to_string().contains("severed graph: output 0 changes with input 0"));
//! # Ok::<(), Error>(())
//! ```
//!
//! A failed check is an [`Error::Failed`], so that `?` or `unwrap` is all that a test needs; its [`Report`] prints as
//! a table and serialises to JSON.
//!
//! # What is checked
//!
//! - Every derivative in [`Mode::Slow`], a few random projections of all of them in [`Mode::Fast`], which leaves it to
//!   slow mode to say where a failure lies. Upstream gradients are one-hot or random, never all ones: a wrong
//!   backward may well be right for ones.
//! - That a missing gradient is due to the function: where it changes with an input and no graph leads there, the
//!   graph is *severed*; where the graph leads there and no gradient arrives, one is *missing*; where the function does
//!   not change, or by no more than rounding noise, it is *independent*, which passes.
//! - That the backward gives the same twice, zeros for an upstream gradient of zeros, is linear in it, and adds to a
//!   gradient that is there already instead of overwriting it.
//! - That it works with its own call's values: the function is called elsewhere before and after.
//! - That the outputs do not depend on the memory layout. Elements of memory that a strided input skips are NaN.
//! - Shape, dtype and device of gradients; that the backward neither fails nor panics.
//!
//! Every way to fail is a [`Failure`] of its own; a mismatch that looks like a common mistake (sign, factor, swapped
//! operands, a constant, right for ones only, a point where the function is not differentiable) is called by its name.
//!
//! # Inputs
//!
//! Any shape, scalars and empty tensors included, in any layout that gives each element a place of its own; the
//! function gets its inputs in just these layouts. A broadcast input (stride 0) is refused, since its elements
//! cannot be moved one by one: broadcast inside the function. Integers are constants; so are the inputs that
//! [`GradCheck::constants`] names. Those that [`GradCheck::stopped`] names must not get a gradient.
//!
//! Differences take f64. [`DTypePolicy::Loosen`] allows f32, f16 and bf16 with steps and tolerances to match.
//! Where a function has a kink, stay away from it by more than eps: the report says how near it thinks it was.
//! Where it is steep or beside a large constant, an entry that disagrees is looked at with other steps before it is
//! called wrong, which PyTorch does not do.
//!
//! # Second derivatives
//!
//! [`gradgradcheck`] checks the backward as a function of the inputs and the upstream gradients. Candle cuts that
//! graph unless `CANDLE_GRAD_DO_NOT_DETACH=1` is in the environment before a thread's first backward; without it the
//! check would pass what it cannot see, so it is [`Error::Detached`] instead.
//!
//! ```
//! use candle_core::{Device, Tensor};
//! use taper::gradcheck::{Error, gradgradcheck, second_order_available};
//!
//! let x = Tensor::new(&[0.5f64, -1.5], &Device::Cpu)?;
//! match gradgradcheck(|x| x[0].powf(3.0), &[x]) {
//!     Ok(report) => assert!(report.passed() && report.order == 2),
//!     Err(Error::Detached) => assert!(!second_order_available()?),
//!     Err(error) => return Err(error),
//! }
//! # Ok::<(), Error>(())
//! ```
//!
//! # Several checks, other devices
//!
//! A [`Case`] is a named check and gives a [`Row`] of a [`table`]. [`parity`] holds values and gradients on another
//! device against the CPU's.
//!
//! # What it cannot see
//!
//! A derivative below atol passes whatever the backward says (a note in the report points to it). Fast mode overlooks
//! one small error among many entries, and many small ones in a large elementwise function, see [`Mode::Fast`]. And a check speaks for the points it was run at.

mod analytical;
mod check;
mod compare;
mod diagnosis;
mod domain;
mod error;
mod failure;
mod guard;
mod judge;
mod mode;
mod names;
mod numerical;
mod parity;
mod point;
mod probe;
mod report;
mod second;
mod settings;
mod suite;
mod upstream;
mod view;
mod wording;

use candle_core::{Device, Result as CandleResult, Tensor};

pub use error::Error;
pub use failure::Failure;
pub use mode::Mode;
pub use parity::Parity;
pub use report::{Entry, Gradient, Matrix, Pair, Report};
pub use second::available as second_order_available;
pub use settings::{DTypePolicy, GradCheck};
pub use suite::{Case, Row, Verdict, summary, table};
pub use view::strided;

/// What a function under check returns: one tensor, or several.
#[derive(Debug, Clone)]
pub struct Outputs(pub Vec<Tensor>);

impl From<Tensor> for Outputs {
    fn from(output: Tensor) -> Self {
        Self(vec![output])
    }
}

impl From<Vec<Tensor>> for Outputs {
    fn from(outputs: Vec<Tensor>) -> Self {
        Self(outputs)
    }
}

impl<const N: usize> From<[Tensor; N]> for Outputs {
    fn from(outputs: [Tensor; N]) -> Self {
        Self(outputs.into())
    }
}

impl From<(Tensor, Tensor)> for Outputs {
    fn from((first, second): (Tensor, Tensor)) -> Self {
        Self(vec![first, second])
    }
}

/// Holds the first derivatives of `f` at `inputs` against central differences, with the default settings.
///
/// See [`GradCheck::check`].
///
/// # Errors
///
/// [`Error::Failed`] with the report if a derivative does not hold, another [`Error`] if none could be had.
pub fn gradcheck<F, O>(f: F, inputs: &[Tensor]) -> Result<Report, Error>
where
    F: Fn(&[Tensor]) -> CandleResult<O>,
    O: Into<Outputs>,
{
    GradCheck::new().check(f, inputs)
}

/// Holds the second derivatives of `f` at `inputs` against central differences, with the default settings.
///
/// See [`GradCheck::check_second`].
///
/// # Errors
///
/// As [`gradcheck`], and [`Error::Detached`] if Candle keeps no graph of the backward.
pub fn gradgradcheck<F, O>(f: F, inputs: &[Tensor]) -> Result<Report, Error>
where
    F: Fn(&[Tensor]) -> CandleResult<O>,
    O: Into<Outputs>,
{
    GradCheck::new().check_second(f, inputs)
}

/// Holds values and gradients of `f` on `device` against those on the CPU, with the default settings.
///
/// See [`GradCheck::parity`].
///
/// # Errors
///
/// [`Error::Parity`] if the devices disagree, another [`Error`] if `f` fails on one of them.
pub fn parity<F, O>(f: F, inputs: &[Tensor], device: &Device) -> Result<Parity, Error>
where
    F: Fn(&[Tensor]) -> CandleResult<O>,
    O: Into<Outputs>,
{
    GradCheck::new().parity(f, inputs, device)
}
