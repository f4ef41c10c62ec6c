//! The function under check: what it returns, and how it is called.

use candle_core::{Result as CandleResult, Tensor};

use super::error::Error;
use super::guard::guard;
use super::point::{Input, Point};

/// What a function under check returns: one tensor or several.
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

/// The function under check as a function of a point.
pub(super) type Eval<'a> = dyn Fn(&Point) -> CandleResult<Vec<Tensor>> + 'a;

/// `f` as a function of a point.
pub(super) fn at_point<F, O>(f: F) -> impl Fn(&Point) -> CandleResult<Vec<Tensor>>
where
    F: Fn(&[Tensor]) -> CandleResult<O>,
    O: Into<Outputs>,
{
    move |point| Ok(f(&point.inputs)?.into().0)
}

/// Calls the function; a panic in it is an error.
pub(super) fn call(eval: &Eval, point: &Point) -> Result<Vec<Tensor>, Error> {
    Ok(guard(|| eval(point)).map_err(Error::ForwardPanicked)??)
}

/// Calls the function well away from its inputs, before its graph is built and again before the graph is
/// used.
///
/// A backward pass that wrongly uses values of the first or of the latest call then uses these. The function
/// may refuse them, since they are not its inputs.
pub(super) fn call_decoy(eval: &Eval, inputs: &[Input]) -> Result<(), Error> {
    call(eval, &Point::decoy(inputs)?).ok();
    Ok(())
}
