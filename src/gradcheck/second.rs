//! Second derivatives: the backward itself as a function to check.

use candle_core::{DType, Device, Result, Tensor, Var};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::Error;
use super::analytical::run;
use super::names::Names;
use super::point::{Eval, Input, Point, Role, tensor};
use super::probe::random;

/// Draws the upstream gradients from another stream than what they are checked with.
const STREAM: u64 = 2;

/// Whether Candle keeps the graph of the backward on this thread.
///
/// It does so if `CANDLE_GRAD_DO_NOT_DETACH` was set when the thread first ran a backward; it looks at the
/// variable once a thread and never again. This looks at what Candle does: of the gradient 2 x v of x^2 v by x
/// a detached graph has lost v.
///
/// # Errors
///
/// If Candle cannot multiply two scalars.
pub fn available() -> Result<bool> {
    let (x, v) = (Var::new(3f64, &Device::Cpu)?, Var::new(5f64, &Device::Cpu)?);
    let y = (x.sqr()? * v.as_tensor())?;
    let gradients = y.backward()?;
    let Some(gradient) = gradients.get(&x) else { return Ok(false) };
    Ok(gradient.backward()?.get(&v).is_some())
}

/// The inputs, followed by an upstream gradient for each float output of the function, and what they are called.
pub(super) fn with_upstream(
    eval: &Eval,
    inputs: &[Input],
    seed: u64,
) -> std::result::Result<(Vec<Input>, Names), Error> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(STREAM);
    let outputs = run(eval, &Point::of(inputs)?)?;
    let float: Vec<usize> = (0..outputs.len()).filter(|&output| outputs[output].dtype().is_float()).collect();
    let differentiated: Vec<usize> =
        (0..inputs.len()).filter(|&input| inputs[input].role == Role::Differentiated).collect();
    let mut extended = inputs.to_vec();
    for output in float.iter().map(|&output| &outputs[output]) {
        let upstream = tensor(random(output.elem_count(), &mut rng), output.dims(), output)?;
        extended.push(Input::new(extended.len(), &upstream, Role::Differentiated)?);
    }
    Ok((extended, Names::second(inputs.len(), &differentiated, &float)))
}

/// The gradients of the differentiated `inputs` at a point of the extended ones, as part of a graph.
///
/// Where no gradient arrives it is zero: whether it ought to be is what the first order checks.
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
        .filter(|(input, _)| input.role == Role::Differentiated)
        .map(|(input, leaf)| match gradients.as_ref().and_then(|store| store.get(leaf)) {
            Some(gradient) => input.view(gradient),
            None => input.tensor.zeros_like(),
        })
        .collect()
}
