//! Analytical derivatives: one forward pass, and as many backward passes over its graph as needed.

use candle_core::{Error as CandleError, Result, Tensor};

use super::error::Error;
use super::failure::Failure;
use super::function::{Eval, call};
use super::guard::{guard, root_cause};
use super::jacobian::{Matrix, max_abs, max_difference};
use super::point::{Input, Point, Role, elements, tensor_like};
use super::probe::Probe;

/// The graph of the function at one point.
pub(super) struct Graph<'a> {
    inputs: &'a [Input],
    point: Point,
    /// All outputs; those of an integer dtype are never differentiated.
    pub(super) outputs: Vec<Tensor>,
}

/// What one backward pass gives one input.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum InputGradient {
    /// A gradient, its elements in the input's row-major order.
    Values(Vec<f64>),
    /// No gradient, although the graph leads to the input.
    Missing,
    /// No gradient, and the graph does not lead to the input.
    Unreached,
}

impl InputGradient {
    /// The elements, if there is a gradient.
    pub(super) fn values(&self) -> Option<&[f64]> {
        match self {
            Self::Values(values) => Some(values),
            Self::Missing | Self::Unreached => None,
        }
    }
}

/// The Jacobian of an output with respect to one input, by backward passes.
pub(super) struct AnalyticalJacobian {
    pub(super) matrix: Matrix,
    /// The gradient of the last pass, which tells whether there is one at all.
    pub(super) gradient: InputGradient,
    /// The largest difference between two passes with the same upstream gradient.
    pub(super) nondeterminism: f64,
}

impl<'a> Graph<'a> {
    /// Calls the function once.
    pub(super) fn build(eval: &Eval, inputs: &'a [Input]) -> std::result::Result<Self, Error> {
        let point = Point::new(inputs)?;
        let outputs = call(eval, &point)?;
        Ok(Self { inputs, point, outputs })
    }

    /// The Jacobians of output number `output` with respect to every input, projected onto `rows` and
    /// `columns`.
    ///
    /// Every backward pass runs twice. Even an output without elements is differentiated once.
    pub(super) fn jacobians(
        &self,
        output: usize,
        rows: &Probe,
        columns: &[Probe],
    ) -> std::result::Result<Vec<AnalyticalJacobian>, Failure> {
        let empty = |column: &Probe| AnalyticalJacobian {
            matrix: Matrix::zeros(rows.count(), column.count()),
            gradient: InputGradient::Unreached,
            nondeterminism: 0.0,
        };
        let mut jacobians: Vec<_> = columns.iter().map(empty).collect();
        for row in 0..rows.count().max(1) {
            let first = self.backward(output, &rows.vector(row), None)?;
            let second = self.backward(output, &rows.vector(row), None)?;
            for (input, (once, again)) in first.into_iter().zip(second).enumerate() {
                let AnalyticalJacobian { matrix, gradient, nondeterminism } = &mut jacobians[input];
                if let (Some(a), Some(b)) = (once.values(), again.values()) {
                    *nondeterminism = max_abs([*nondeterminism, max_difference(a, b)].into_iter());
                    let range = row * matrix.columns..(row + 1) * matrix.columns;
                    if let Some(entries) = matrix.data.get_mut(range) {
                        entries.copy_from_slice(&columns[input].project(a));
                    }
                }
                *gradient = once;
            }
        }
        Ok(jacobians)
    }

    /// The elements of the intermediate results and the output on the way to output number `output`, which a
    /// backward pass may read.
    pub(super) fn results(&self, output: usize) -> Result<Vec<Vec<f64>>> {
        let nodes = self.outputs[output].sorted_nodes().into_iter();
        nodes.filter(|node| node.dtype().is_float() && !node.is_variable()).map(elements).collect()
    }

    /// What has been written to since output number `output` had these `results` and its inputs their own
    /// values: a failure for each input, or one for the results.
    pub(super) fn overwritten(&self, output: usize, results: &[Vec<f64>]) -> Result<Vec<Failure>> {
        let inputs = self.point.overwritten(self.inputs)?.into_iter();
        let failure = |input, difference| Failure::WritesInPlace { output: Some(output), input, difference };
        let mut failures: Vec<_> = inputs.map(|(input, by)| failure(Some(input), by)).collect();
        let now = self.results(output)?;
        let difference = max_abs(results.iter().zip(&now).map(|(before, now)| max_difference(before, now)));
        if failures.is_empty() && difference != 0.0 {
            failures.push(failure(None, difference));
        }
        Ok(failures)
    }

    /// The gradients of all inputs for the upstream gradient `upstream` of output number `output`.
    ///
    /// With `weights`, one vector per input, the loss also contains the inner product of each input with its
    /// vector, a second use whose gradient is added. Candle reaches the output's use last, so a backward that
    /// overwrites loses the other.
    pub(super) fn backward(
        &self,
        output: usize,
        upstream: &[f64],
        weights: Option<&[Vec<f64>]>,
    ) -> std::result::Result<Vec<InputGradient>, Failure> {
        match guard(|| self.try_backward(output, upstream, weights)) {
            Err(message) => Err(Failure::Panicked { output, message }),
            Ok(Err(error)) => Err(backward_failure(output, &error)),
            Ok(Ok(gradients)) => gradients,
        }
    }

    fn try_backward(
        &self,
        output: usize,
        upstream: &[f64],
        weights: Option<&[Vec<f64>]>,
    ) -> Result<std::result::Result<Vec<InputGradient>, Failure>> {
        let y = &self.outputs[output];
        // Any operation on an empty view that begins past the end of its storage panics in Candle 0.11.
        if y.elem_count() == 0 && y.layout().start_offset() > 0 {
            return Ok(Ok(vec![InputGradient::Unreached; self.inputs.len()]));
        }
        let loss = inner_product(y, upstream)?;
        let loss = match weights {
            Some(weights) => (&loss + self.second_use(weights, &loss)?)?,
            None => loss,
        };
        let gradients = loss.backward()?;
        let reached = loss.sorted_nodes();
        let mut by_input = Vec::with_capacity(self.inputs.len());
        for (input, leaf) in self.inputs.iter().zip(&self.point.leaves) {
            let gradient = gradients.get(leaf).filter(|_| input.role != Role::Constant);
            by_input.push(match gradient {
                Some(gradient) => {
                    if let Some(failure) = misfit(output, leaf, gradient) {
                        return Ok(Err(failure));
                    }
                    InputGradient::Values(elements(&input.view(gradient)?)?)
                }
                None if reached.iter().any(|node| node.id() == leaf.id()) => InputGradient::Missing,
                None => InputGradient::Unreached,
            });
        }
        Ok(Ok(by_input))
    }

    /// The sum of the inner products of the differentiated inputs with `weights`, of the dtype and device of
    /// `like`.
    fn second_use(&self, weights: &[Vec<f64>], like: &Tensor) -> Result<Tensor> {
        let mut sum = like.zeros_like()?;
        for ((input, x), weights) in self.inputs.iter().zip(&self.point.inputs).zip(weights) {
            if input.is_differentiated() {
                let term = inner_product(x, weights)?.to_dtype(like.dtype())?.to_device(like.device())?;
                sum = (sum + term)?;
            }
        }
        Ok(sum)
    }
}

/// The inner product of a tensor with constant weights, differentiable.
fn inner_product(x: &Tensor, weights: &[f64]) -> Result<Tensor> {
    (x * tensor_like(weights.to_vec(), x.dims(), x)?)?.sum_all()
}

/// The failure of a gradient that differs from its tensor in shape, dtype or device.
fn misfit(output: usize, leaf: &Tensor, gradient: &Tensor) -> Option<Failure> {
    let differ =
        |what: &str, wanted: String, got: String| format!("{what} is {wanted}, its gradient's is {got}");
    if gradient.dims() != leaf.dims() {
        let message = differ("the shape", format!("{:?}", leaf.dims()), format!("{:?}", gradient.dims()));
        let message = message + transposed(leaf.dims(), gradient.dims());
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

/// A remark on two shapes that are each other's transpose.
fn transposed(a: &[usize], b: &[usize]) -> &'static str {
    if a != b && a.iter().eq(b.iter().rev()) { " (transposed)" } else { "" }
}

/// The failure behind an error of Candle's `backward`.
///
/// Candle adds every gradient to zeros of the operand's shape, dtype and device, so a gradient that differs
/// in any of them shows as an error of that addition.
fn backward_failure(output: usize, error: &CandleError) -> Failure {
    let cause = root_cause(error);
    let message = cause.to_string();
    match cause {
        CandleError::ShapeMismatchBinaryOp { op: "add", lhs, rhs } => {
            Failure::WrongShape { output, message: message + transposed(lhs.dims(), rhs.dims()) }
        }
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

    /// Candle's own additions catch all of these; a backward that overwrites could let them through.
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
