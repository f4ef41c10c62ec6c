//! Second derivatives: the backward pass itself as a function to check.

use candle_core::{DType, Device, Result, Tensor, Var};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::error::Error;
use super::function::{Eval, call};
use super::point::{Input, Point, Role, tensor_like};
use super::probe::random_vector;
use super::wording::Names;

/// The random stream of the upstream gradients, which differs from those of the check itself.
const STREAM: u64 = 2;

/// Returns whether Candle keeps the graph of the backward pass on this thread, as second derivatives need.
///
/// It does if `CANDLE_GRAD_DO_NOT_DETACH` was set before the thread's first backward pass, when Candle reads
/// the variable once and for all. This function tests what Candle does: the gradient of x^2 v with respect to
/// x is 2 x v, and a detached one has no gradient with respect to v.
///
/// # Errors
///
/// If Candle cannot multiply two scalars.
pub fn second_order_available() -> Result<bool> {
    let (x, v) = (Var::new(3f64, &Device::Cpu)?, Var::new(5f64, &Device::Cpu)?);
    let y = (x.sqr()? * v.as_tensor())?;
    let gradients = y.backward()?;
    let Some(gradient) = gradients.get(&x) else { return Ok(false) };
    Ok(gradient.backward()?.get(&v).is_some())
}

/// The inputs, followed by an upstream gradient for each float output of the function, and their names.
pub(super) fn with_upstream(
    eval: &Eval,
    inputs: &[Input],
    seed: u64,
) -> std::result::Result<(Vec<Input>, Names), Error> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(STREAM);
    let outputs = call(eval, &Point::new(inputs)?)?;
    let float: Vec<usize> = (0..outputs.len()).filter(|&output| outputs[output].dtype().is_float()).collect();
    let differentiated: Vec<usize> =
        (0..inputs.len()).filter(|&input| inputs[input].is_differentiated()).collect();
    let mut extended = inputs.to_vec();
    for output in float.iter().map(|&output| &outputs[output]) {
        let upstream = random_vector(output.elem_count(), &mut rng);
        let upstream = tensor_like(upstream, output.dims(), output)?;
        extended.push(Input::new(extended.len(), &upstream, Role::Differentiated)?);
    }
    Ok((extended, Names::second_order(inputs.len(), &differentiated, &float)))
}

/// The gradients of the differentiated `inputs` at a point of the extended inputs, as part of a graph.
///
/// A gradient that does not arrive is taken as zero: whether it should be is what the first order checks.
pub(super) fn gradients(eval: &Eval, inputs: &[Input], point: &Point) -> Result<Vec<Tensor>> {
    let own = Point { leaves: vec![], inputs: point.inputs[..inputs.len()].to_vec() };
    let outputs = eval(&own)?;
    let floats = outputs.iter().filter(|output| output.dtype().is_float());
    let mut loss: Option<Tensor> = None;
    for (output, upstream) in floats.zip(&point.inputs[inputs.len()..]) {
        let term = (output * upstream)?.sum_all()?.to_dtype(DType::F64)?.to_device(&Device::Cpu)?;
        loss = Some(match loss {
            Some(sum) => (sum + term)?,
            None => term,
        });
    }
    let gradients = loss.map(|loss| loss.backward()).transpose()?;
    inputs
        .iter()
        .zip(&point.leaves)
        .filter(|(input, _)| input.is_differentiated())
        .map(|(input, leaf)| match gradients.as_ref().and_then(|store| store.get(leaf)) {
            Some(gradient) => input.view(gradient),
            None => input.tensor.zeros_like(),
        })
        .collect()
}
