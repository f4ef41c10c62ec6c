//! Checks the gradients of any function of Candle tensors against numerical derivatives.
//!
//! [`gradcheck`] calls a function, differentiates it with Candle's `backward` and again by central
//! differences, (f(x + eps) - f(x - eps)) / (2 eps), and compares the two Jacobians entry by entry. An entry
//! passes if its difference is at most atol + rtol |numerical|. It is to Candle what
//! [`torch.autograd.gradcheck`][torch] is to PyTorch, has the same defaults, and depends on nothing else in
//! this crate.
//!
//! ```
//! use candle_core::{Device, Tensor};
//! use taper::gradcheck::{gradcheck, strided};
//!
//! let x = Tensor::new(&[[0.5f64, -1.5, 2.0], [0.1, 0.7, -0.3]], &Device::Cpu)?;
//! gradcheck(|x| x[0].powf(3.0), &[x.clone()])?;
//! gradcheck(|x| x[0].powf(3.0), &[strided(&x)?])?; // every step with the inputs far from contiguous
//! # Ok::<(), taper::gradcheck::Error>(())
//! ```
//!
//! A failed check is an [`Error::Failed`], so `?` or `unwrap` is all that a test needs. Its [`Report`]
//! displays as text and serialises to JSON. [`GradCheck`] sets steps, tolerances, [`Mode`], [`DTypePolicy`]
//! and which inputs are constants.
//!
//! [torch]: https://docs.pytorch.org/docs/stable/generated/torch.autograd.gradcheck.gradcheck.html
//!
//! # An operation of your own
//!
//! ```
//! use candle_core::cpu_backend::unary_map;
//! use candle_core::{CpuStorage, CustomOp1, Device, Layout, Result, Shape, Tensor, bail};
//! use taper::gradcheck::{Error, gradcheck};
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
//!     // Wrong: the derivative of x^3 is 3 x^2.
//!     fn bwd(&self, x: &Tensor, _: &Tensor, upstream: &Tensor) -> Result<Option<Tensor>> {
//!         Ok(Some(x.sqr()?.affine(2.0, 0.0)?.mul(upstream)?))
//!     }
//! }
//!
//! let x = Tensor::new(&[0.5f64, -1.5], &Device::Cpu)?;
//! let error = gradcheck(|x| x[0].apply_op1(Cube), &[x.clone()]).unwrap_err();
//! assert!(error.to_string().contains("off by a factor of 0.666667"));
//!
//! // This severs the graph: no gradient arrives, and Candle does not say so.
//! let error = gradcheck(|x| x[0].apply_op1_no_bwd(&Cube), &[x]).unwrap_err();
//! assert!(error.to_string().contains("severed graph: output 0 changes with input 0"));
//! # Ok::<(), Error>(())
//! ```
//!
//! # How to read a failure
//!
//! The first check above reports
//!
//! ```text
//! gradcheck failed (slow mode, eps 1e-6, atol 1e-5, rtol 1e-3)
//!   derivatives differ in 2 of 4 entries; worst: d output 0[1] / d input 0[1] is 6.750000e0 numerically and
//!   4.500000e0 by backward: off by 2.250e0, tolerance 6.760e-3; off by a factor of 0.666667
//!  output    input    entries  gradient  numerical   backward    off by   tolerance
//!  output 0  input 0  2 x 2    present   6.750000e0  4.500000e0  2.250e0  6.760e-3
//! output 0 with respect to input 0, numerical | backward:
//!     0.750000     0.000000 |     0.500000     0.000000
//!     0.000000     6.750000 |     0.000000     4.500000
//! ```
//!
//! First come the failures, those that explain others before those they explain, then notes, then the worst
//! entry of each Jacobian, and last the two Jacobians side by side if they are small. Each way to fail is a
//! [`Failure`]:
//!
//! | message | usual cause |
//! |---|---|
//! | severed graph | `apply_op*_no_bwd`, `detach`, or values copied out of their tensor |
//! | missing gradient | a `bwd` returns `None` where the derivative is not zero |
//! | gradient of the wrong shape | a broadcast operand whose gradient is not summed back to its shape |
//! | backward gives NaN | a division by zero in `bwd`, or a read outside the view |
//! | backward ignores the upstream gradient | `bwd` does not multiply by `grad_res` |
//! | backward adds something to the upstream gradient | a term in `bwd` without `grad_res` |
//! | backward is not linear | `bwd` clips, flushes or squares `grad_res` |
//! | forward or backward writes to | an operation in place on a saved operand, such as `zero_set` |
//! | jumps by | no mistake, but no derivative either: `floor` at an integer |
//! | depends on how the function is called | `bwd` is right for leaves only, or if all operands are tracked |
//! | backward overwrites | a gradient that is inserted into the store where it should be added |
//! | forward depends on the memory layout | storage is read as if it were contiguous |
//! | is not deterministic | random numbers, or sums in varying order ([`GradCheck::nondeterminism`]) |
//! | derivatives differ | the formula, or the point: the hint may name a sign, a factor, swapped or transposed operands, a kink |
//!
//! In JSON a report has the worst entry of each Jacobian; [`Report::with_jacobians`] adds all others.
//!
//! # What is checked
//!
//! - Every derivative in [`Mode::Slow`]; a few random projections of all of them in [`Mode::Fast`], which
//!   runs slow mode to locate a failure. Upstream gradients are one-hot or random, never all ones, for which
//!   a wrong backward pass may happen to be right.
//! - That an absent gradient is right. If the function changes with an input and no graph connects the two,
//!   the graph is *severed*; if the graph leads there but no gradient arrives, it is *missing*; if the
//!   function does not change, or by no more than rounding noise, it is *independent* of the input, which
//!   passes.
//! - That the backward pass gives the same result twice, gives zeros for an upstream gradient of zeros, is
//!   linear in it at magnitudes from 2^-20 to 2^40 (in f16 from 2^-6 to 2^4) and for both signs, and adds to
//!   earlier contributions to a gradient instead of overwriting them.
//! - That neither pass writes to an input or a saved result.
//! - That it uses the values of its own call: the function is called elsewhere before and after.
//! - That values and gradients are the same in every [`Context`]: if the inputs are [`strided`] (or
//!   contiguous, where they are not), if they are results of an operation instead of leaves of the graph, and
//!   for each input with all others untracked. A context that the function refuses with an error is noted.
//!   Memory that a strided input skips is filled with NaN.
//! - That shapes and dtypes of the outputs are the same one step from the inputs.
//! - The shape, dtype and device of gradients, and that `backward` neither fails nor panics.
//!
//! # Inputs
//!
//! Inputs may have any shape, scalars and empty tensors included, and any layout in which no two elements
//! share memory; the function gets them in that same layout. A broadcast input (stride 0) is refused, since
//! its elements cannot be perturbed one at a time: broadcast it inside the function. Integer inputs are
//! constants, as are those that [`GradCheck::constants`] names. Those that [`GradCheck::stopped`] names must
//! not receive a gradient.
//!
//! Central differences need f64. [`DTypePolicy::Loosen`] allows f32, f16 and bf16 with suitable steps and
//! tolerances, and [`dtype_parity`] says more of them. If the function has a kink, stay away from it by more
//! than eps; the report estimates how close it is. If the function is steep or has a large constant term, an
//! entry that disagrees is tried with other steps before it is called wrong, which PyTorch does not do.
//!
//! # Second derivatives
//!
//! [`gradgradcheck`] checks the backward pass as a function of the inputs and the upstream gradients. Candle
//! detaches gradients unless `CANDLE_GRAD_DO_NOT_DETACH=1` is in the environment before a thread's first
//! backward pass. Without it there is nothing to check, and the result is [`Error::Detached`]. A process
//! cannot set the variable for itself without unsafe code, but Cargo sets it for all that it runs, tests
//! included, if `.cargo/config.toml` says so:
//!
//! ```toml
//! [env]
//! CANDLE_GRAD_DO_NOT_DETACH = "1"
//! ```
//!
//! It applies to `cargo run` as well, where every backward pass then keeps its graph as long as its gradients
//! live. To restrict it to some tests, let those start themselves again with the variable set, as
//! `tests/common/second_order.rs` does.
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
//! # Layers and models
//!
//! [`gradcheck_parameters`] checks all parameters of a [`VarMap`](candle_nn::VarMap), or tensors by name, and
//! calls them by their names. The function builds the layer from a [`VarBuilder`], as it would to train it.
//!
//! ```
//! use candle_core::{DType, Device, Module, Tensor};
//! use candle_nn::{VarBuilder, VarMap, linear};
//! use taper::gradcheck::{Error, gradcheck_parameters};
//!
//! let variables = VarMap::new();
//! linear(3, 2, VarBuilder::from_varmap(&variables, DType::F64, &Device::Cpu).pp("head"))?;
//! let x = Tensor::new(&[[0.5f64, -1.5, 2.0]], &Device::Cpu)?;
//! let layer = |vb: VarBuilder, x: &[Tensor]| linear(3, 2, vb.pp("head"))?.forward(&x[0]);
//! let report = gradcheck_parameters(layer, &variables, &[x.clone()])?;
//! assert_eq!(report.input_name(2), "head.weight");
//!
//! // Candle's `softmax_last_dim` has no backward, and nothing before it is trained.
//! let severed = |vb: VarBuilder, x: &[Tensor]| candle_nn::ops::softmax_last_dim(&layer(vb, x)?);
//! let error = gradcheck_parameters(severed, &variables, &[x]).unwrap_err();
//! assert!(error.to_string().contains("severed graph: output 0 changes with head.weight"));
//! # Ok::<(), Error>(())
//! ```
//!
//! # Half precision
//!
//! Half types are rarely wrong by their formula, which a check in f64 sees, and often by overflow, by what
//! vanishes and by sums in the wrong dtype, which it does not. [`dtype_parity`] compares values and gradients
//! in f32, f16 or bf16 with those in f64.
//!
//! ```
//! use candle_core::{DType, Device, Tensor};
//! use taper::gradcheck::{Error, dtype_parity};
//!
//! let x = Tensor::new(&[300f64, -100.], &Device::Cpu)?;
//! let norm = |x: &[Tensor]| x[0].sqr()?.sum_all()?.sqrt();
//! dtype_parity(norm, &[x.clone()], DType::BF16)?;
//! let error = dtype_parity(norm, &[x], DType::F16).unwrap_err(); // 300^2 overflows.
//! assert!(error.to_string().contains("inf in the coarser dtype"));
//! # Ok::<(), Error>(())
//! ```
//!
//! # Many checks, other devices
//!
//! A [`Case`] is a named check that runs to a [`Row`] of a [`table`]; `taper gradcheck` prints such tables,
//! and [`taper::audit`](../audit/index.html) has the cases. [`parity`] compares values and gradients on
//! another device with those on the CPU.
//!
//! # What it cannot see
//!
//! A derivative below atol passes whatever the backward pass gives; a note in the report points it out. Fast
//! mode overlooks a small error in one of many entries, and smaller ones in many: see [`Mode::Fast`]. The
//! gradient of a straight-through estimator is not that of its function. And a check is valid for the inputs
//! at which it was run, and for no others.

mod analytical;
mod check;
mod compare;
mod context;
mod contexts;
mod diagnosis;
mod domain;
mod dtype;
mod error;
mod failure;
mod forward;
mod function;
mod guard;
mod jacobian;
mod judge;
mod local;
mod numerical;
mod parameters;
mod parity;
mod parity_report;
mod point;
mod probe;
mod refine;
mod report;
mod second;
mod settings;
mod subject;
mod suite;
mod table;
mod upstream;
mod validate;
mod view;
mod wording;

use candle_core::{DType, Device, Result as CandleResult, Tensor};
use candle_nn::VarBuilder;

pub use context::Context;
pub use error::Error;
pub use failure::Failure;
pub use function::Outputs;
pub use jacobian::{Entry, Matrix};
pub use parameters::Parameters;
pub use parity_report::Parity;
pub use report::{Gradient, Pair, Report, WithJacobians};
pub use second::second_order_available;
pub use settings::{DTypePolicy, GradCheck, Mode};
pub use suite::Case;
pub use table::{Row, Verdict, summary, table, table_within};
pub use view::strided;

/// Checks the first derivatives of `f` at `inputs` against central differences, with the default settings.
///
/// See [`GradCheck::check`].
///
/// # Errors
///
/// [`Error::Failed`] with the report if a derivative is wrong, another [`Error`] if the check could not be
/// made.
pub fn gradcheck<F, O>(f: F, inputs: &[Tensor]) -> Result<Report, Error>
where
    F: Fn(&[Tensor]) -> CandleResult<O>,
    O: Into<Outputs>,
{
    GradCheck::new().check(f, inputs)
}

/// Checks the second derivatives of `f` at `inputs` against central differences, with the default settings.
///
/// See [`GradCheck::check_second`].
///
/// # Errors
///
/// As [`gradcheck`], and [`Error::Detached`] if Candle does not keep the graph of the backward pass.
pub fn gradgradcheck<F, O>(f: F, inputs: &[Tensor]) -> Result<Report, Error>
where
    F: Fn(&[Tensor]) -> CandleResult<O>,
    O: Into<Outputs>,
{
    GradCheck::new().check_second(f, inputs)
}

/// Compares values and gradients of `f` on `device` with those on the CPU, with the default settings.
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

/// Checks the first derivatives of `f` with respect to all `parameters` and `inputs`, with the default
/// settings.
///
/// See [`GradCheck::check_parameters`].
///
/// # Errors
///
/// As [`gradcheck`], and [`Error::Nothing`] if there are no parameters.
pub fn gradcheck_parameters<F, O>(
    f: F,
    parameters: impl Into<Parameters>,
    inputs: &[Tensor],
) -> Result<Report, Error>
where
    F: Fn(VarBuilder<'static>, &[Tensor]) -> CandleResult<O>,
    O: Into<Outputs>,
{
    GradCheck::new().check_parameters(f, parameters, inputs)
}

/// Compares values and gradients of `f` in `dtype` with those in F64, with the default settings.
///
/// See [`GradCheck::dtype_parity`].
///
/// # Errors
///
/// [`Error::Parity`] if the dtypes disagree, another [`Error`] if `f` fails in one of them.
pub fn dtype_parity<F, O>(f: F, inputs: &[Tensor], dtype: DType) -> Result<Parity, Error>
where
    F: Fn(&[Tensor]) -> CandleResult<O>,
    O: Into<Outputs>,
{
    GradCheck::new().dtype_parity(f, inputs, dtype)
}
