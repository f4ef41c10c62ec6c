//! The analytical side: one forward, and as many backwards over its graph as are wanted.

use candle_core::{Error as CandleError, Result, Tensor};

use super::error::root;
use super::guard::guard;
use super::point::{Eval, Input, Point, Role, tensor, values};
use super::{Error, Failure};

/// The function's graph at one point.
pub(super) struct Graph<'a> {
    inputs: &'a [Input],
    point: Point,
    /// All outputs; those of an integer dtype are never differentiated.
    pub(super) outputs: Vec<Tensor>,
}

/// What arrived at one input.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Arrived {
    /// A gradient, its elements in the input's row-major order.
    Values(Vec<f64>),
    /// None, although the graph leads there.
    Missing,
    /// None, and the graph does not lead there.
    Unreached,
}

impl Arrived {
    /// The elements, if there are any.
    pub(super) fn values(&self) -> Option<&[f64]> {
        match self {
            Self::Values(values) => Some(values),
            Self::Missing | Self::Unreached => None,
        }
    }
}

impl<'a> Graph<'a> {
    /// Runs the function once.
    pub(super) fn build(eval: &Eval, inputs: &'a [Input]) -> std::result::Result<Self, Error> {
        let point = Point::of(inputs)?;
        let outputs = run(eval, &point)?;
        Ok(Self { inputs, point, outputs })
    }

    /// What arrives at every input when `upstream` comes in at output number `output`.
    ///
    /// With `weights`, one vector an input, the inputs are used a second time beside the output, contracted with
    /// these, and the gradients of both uses arrive. Candle then comes to the output's use last, so that a
    /// backward that overwrites loses the other.
    pub(super) fn backward(
        &self,
        output: usize,
        upstream: &[f64],
        weights: Option<&[Vec<f64>]>,
    ) -> std::result::Result<Vec<Arrived>, Failure> {
        match guard(|| self.try_backward(output, upstream, weights)) {
            Err(message) => Err(Failure::Panicked { output, message }),
            Ok(Err(error)) => Err(classify(output, &error)),
            Ok(Ok(arrived)) => arrived,
        }
    }

    fn try_backward(
        &self,
        output: usize,
        upstream: &[f64],
        weights: Option<&[Vec<f64>]>,
    ) -> Result<std::result::Result<Vec<Arrived>, Failure>> {
        let y = &self.outputs[output];
        // Candle 0.11 panics on an empty view that begins behind its storage, whatever is done with it.
        if y.elem_count() == 0 && y.layout().start_offset() > 0 {
            return Ok(Ok(vec![Arrived::Unreached; self.inputs.len()]));
        }
        let loss = contract(y, upstream)?;
        let loss = match weights {
            Some(weights) => (&loss + self.contract_inputs(weights, &loss)?)?,
            None => loss,
        };
        let gradients = loss.backward()?;
        let reached = loss.sorted_nodes();
        let mut arrived = Vec::with_capacity(self.inputs.len());
        for (input, leaf) in self.inputs.iter().zip(&self.point.leaves) {
            let gradient = gradients.get(leaf).filter(|_| input.role != Role::Constant);
            arrived.push(match gradient {
                Some(gradient) => {
                    if let Some(failure) = misfit(output, leaf, gradient) {
                        return Ok(Err(failure));
                    }
                    Arrived::Values(values(&input.view(gradient)?)?)
                }
                None if reached.iter().any(|node| node.id() == leaf.id()) => Arrived::Missing,
                None => Arrived::Unreached,
            });
        }
        Ok(Ok(arrived))
    }

    /// The sum over all tracked inputs of input . weights, in the dtype and on the device of `like`.
    fn contract_inputs(&self, weights: &[Vec<f64>], like: &Tensor) -> Result<Tensor> {
        let mut sum = like.zeros_like()?;
        for ((role, x), weights) in self.inputs.iter().map(|i| i.role).zip(&self.point.inputs).zip(weights) {
            if role == Role::Differentiated {
                sum = (sum + contract(x, weights)?.to_dtype(like.dtype())?.to_device(like.device())?)?;
            }
        }
        Ok(sum)
    }
}

/// Runs the function; a panic of its is an error.
pub(super) fn run(eval: &Eval, point: &Point) -> std::result::Result<Vec<Tensor>, Error> {
    Ok(guard(|| eval(point)).map_err(Error::ForwardPanicked)??)
}

/// The inner product of a tensor with constant weights, differentiable.
fn contract(x: &Tensor, weights: &[f64]) -> Result<Tensor> {
    (x * tensor(weights.to_vec(), x.dims(), x)?)?.sum_all()
}

/// How a gradient that arrived does not fit what it is the gradient of.
fn misfit(output: usize, leaf: &Tensor, gradient: &Tensor) -> Option<Failure> {
    let differ =
        |what: &str, wanted: String, got: String| format!("{what} is {wanted}, its gradient's is {got}");
    if gradient.dims() != leaf.dims() {
        let message = differ("the shape", format!("{:?}", leaf.dims()), format!("{:?}", gradient.dims()));
        return Some(Failure::WrongShape { output, message });
    }
    if gradient.dtype() != leaf.dtype() {
        let message = differ("the dtype", format!("{:?}", leaf.dtype()), format!("{:?}", gradient.dtype()));
        return Some(Failure::WrongDType { output, message });
    }
    if !gradient.device().same_device(leaf.device()) {
        let (wanted, got) = (leaf.device().location(), gradient.device().location());
        let message = differ("the device", format!("{wanted:?}"), format!("{got:?}"));
        return Some(Failure::WrongDevice { output, message });
    }
    None
}

/// The failure behind an error of Candle's `backward`.
///
/// Candle adds every gradient to a tensor of zeros like the operand, so that a gradient that does not fit its
/// operand shows as an error of that addition.
fn classify(output: usize, error: &CandleError) -> Failure {
    let root = root(error);
    let message = root.to_string();
    match root {
        CandleError::ShapeMismatchBinaryOp { op: "add", .. } => Failure::WrongShape { output, message },
        CandleError::DTypeMismatchBinaryOp { op: "add", .. } => Failure::WrongDType { output, message },
        CandleError::DeviceMismatchBinaryOp { op: "add", .. } => Failure::WrongDevice { output, message },
        CandleError::BackwardNotSupported { .. } => Failure::Unsupported { output, message },
        CandleError::Msg(text) if text.contains("backward not supported") => {
            Failure::Unsupported { output, message }
        }
        _ => Failure::BackwardFailed { output, message },
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;

    /// Candle's own sums let none of these through; backwards that overwrite instead of adding could.
    #[test]
    fn misfits_are_told_apart() {
        let zeros = |shape: &[usize], dtype| Tensor::zeros(shape, dtype, &Device::Cpu).unwrap();
        let leaf = zeros(&[2, 3], DType::F64);
        let found = |gradient: &Tensor| misfit(0, &leaf, gradient);
        assert_eq!(found(&leaf), None);
        assert!(matches!(found(&zeros(&[3, 2], DType::F64)), Some(Failure::WrongShape { output: 0, .. })));
        assert!(matches!(found(&zeros(&[2, 3], DType::F32)), Some(Failure::WrongDType { output: 0, .. })));
    }

    #[cfg(feature = "cuda")]
    #[test]
    fn a_gradient_on_another_device_is_a_misfit() {
        let leaf = Tensor::zeros(3, DType::F64, &Device::Cpu).unwrap();
        let gradient = leaf.to_device(&Device::new_cuda(0).unwrap()).unwrap();
        let Some(Failure::WrongDevice { output: 0, message }) = misfit(0, &leaf, &gradient) else { panic!() };
        assert_eq!(message, "the device is Cpu, its gradient's is Cuda { gpu_id: 0 }");
    }
}
