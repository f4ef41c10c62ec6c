//! Analytical derivatives held against numerical ones, for any function of Candle tensors.

mod analytical;
mod check;
mod compare;
mod diagnosis;
mod error;
mod failure;
mod guard;
mod judge;
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

use candle_core::{Device, Result as CandleResult, Tensor};

pub use error::Error;
pub use failure::Failure;
pub use parity::Parity;
pub use report::{Entry, Gradient, Matrix, Pair, Report};
pub use second::available as second_order_available;
pub use settings::{DTypePolicy, GradCheck, Mode};
pub use suite::{Case, Row, Verdict, table};
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
