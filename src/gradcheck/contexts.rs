//! Whether values and gradients are the same in every context: for contiguous, strided and intermediate
//! inputs, and for each input alone.

use super::analytical::Graph;
use super::context::Context;
use super::error::Error;
use super::failure::Failure;
use super::jacobian::max_difference;
use super::point::{Input, Role};
use super::subject::Subject;
use super::upstream::Reference;

/// What does not agree between contexts, with notes on those that the function refuses.
///
/// `references` are the gradients of each output in the check's own context, `None` where they are not to be
/// compared.
///
/// # Errors
///
/// If the outputs change in shape or dtype.
pub(super) fn violations(
    subject: &Subject,
    references: &[Option<Reference>],
) -> Result<(Vec<Failure>, Vec<String>), Error> {
    let (mut failures, mut notes) = (vec![], vec![]);
    for (context, inputs) in variants(subject.inputs)? {
        let wanted = subject.settings.contexts.contains(&context);
        // A forward pass that reads a layout wrongly explains derivatives that differ.
        if !wanted && context != Context::Contiguous {
            continue;
        }
        let graph = match Graph::build(subject.differences.eval, &inputs) {
            Ok(graph) => graph,
            Err(error) => {
                notes.push(format!("not checked if {context}: {error}"));
                continue;
            }
        };
        failures.extend(differing_values(subject, &graph, context)?);
        for (output, reference) in references.iter().enumerate() {
            if let Some(reference) = reference.as_ref().filter(|_| wanted) {
                failures.extend(differing_gradients(
                    subject,
                    (&graph, &inputs),
                    (output, reference),
                    context,
                ));
            }
        }
    }
    Ok((failures, notes))
}

/// The inputs in every other context that applies.
fn variants(inputs: &[Input]) -> Result<Vec<(Context, Vec<Input>)>, Error> {
    let each = |f: &dyn Fn(&Input) -> Result<Input, Error>| -> Result<Vec<Input>, Error> {
        inputs.iter().map(|input| if input.is_movable() { f(input) } else { Ok(input.clone()) }).collect()
    };
    let mut variants = vec![];
    if inputs.iter().any(Input::is_movable) {
        variants.push((Context::Intermediate, each(&|input| Ok(input.intermediate()))?));
        if inputs.iter().filter(|input| input.is_movable()).all(Input::is_contiguous) {
            variants.push((Context::Strided, each(&Input::strided)?));
        } else {
            variants.push((Context::Contiguous, each(&Input::contiguous)?));
        }
    }
    if inputs.iter().filter(|input| input.role != Role::Constant).count() > 1 {
        let differentiated = (0..inputs.len()).filter(|&index| inputs[index].is_differentiated());
        variants.extend(differentiated.map(|alone| {
            let others = inputs
                .iter()
                .enumerate()
                .map(|(index, input)| if index == alone { input.clone() } else { input.untracked() });
            (Context::Alone, others.collect())
        }));
    }
    Ok(variants)
}

/// The outputs whose values differ in a context.
fn differing_values(subject: &Subject, graph: &Graph, context: Context) -> Result<Vec<Failure>, Error> {
    let tolerance = subject.tolerance.loosened(subject.settings.nondeterminism);
    let agree = |(a, b): (&f64, &f64)| (a.is_nan() && b.is_nan()) || tolerance.agree(&[*a], &[*b]);
    let theirs = subject.differences.output_elements(&graph.outputs)?;
    let mut failures = vec![];
    for (output, (ours, theirs)) in subject.differences.outputs.iter().zip(&theirs).enumerate() {
        if ours.iter().zip(theirs).all(agree) {
            continue;
        }
        let difference = max_difference(ours, theirs);
        failures.push(if context.is_layout() {
            Failure::LayoutDependent { output, difference }
        } else {
            Failure::ContextDependent { output, input: None, context, difference }
        });
    }
    Ok(failures)
}

/// The inputs whose gradients from one output differ in a context, or the failure of the backward pass.
fn differing_gradients(
    subject: &Subject,
    (graph, inputs): (&Graph, &[Input]),
    (output, reference): (usize, &Reference),
    context: Context,
) -> Vec<Failure> {
    let gradients = match graph.backward(output, &reference.upstream, None) {
        Ok(gradients) => gradients,
        Err(failure) => return vec![failure],
    };
    let tolerance = subject.tolerance.loosened(2.0 * subject.settings.nondeterminism);
    let compare = |input: usize| {
        // A gradient that there is not is one of zeros.
        let zeros = vec![0.0; inputs[input].values.len()];
        let [ours, theirs] =
            [&reference.gradients, &gradients].map(|of| of[input].values().unwrap_or(&zeros));
        let dtype = inputs[input].tensor.dtype();
        let difference = tolerance.deviation_from_linear(theirs, (1.0, ours), (0.0, &zeros), dtype)?;
        Some(Failure::ContextDependent { output, input: Some(input), context, difference })
    };
    (0..inputs.len()).filter(|&input| inputs[input].is_differentiated()).filter_map(compare).collect()
}
