//! From a network to the instructions that run it.

use candle_core::{Result, bail};

use super::graph::{Graph, Parameter, Stored};
use super::instruction::{Instruction, Value};
use super::rewrite::{fuse, transpose_right_factors};
use crate::nn::DynamicNet;
use crate::ops::Loss;

/// The instructions of one pass, on numbered values: the parameters, then the features and the targets of a
/// batch, then everything that is computed, each once but for sums of gradients.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) instructions: Vec<Instruction>,
    /// The outputs of the network.
    pub(super) outputs: Vec<Value>,
}

/// The training step of `net` at `depth`: forward, backward and updates.
pub(super) fn training_step(
    net: &DynamicNet,
    parameters: &[Parameter],
    weights: Stored,
    depth: usize,
    loss: Loss,
) -> Result<Compiled> {
    let (outputs, of_target) = (net.spec().out_features, loss.outputs());
    if !outputs.is_multiple_of(of_target) {
        bail!("a network has {outputs} outputs, expected a multiple of the {of_target} of {}", loss.name())
    }
    let mut graph = Graph::new(net, parameters, weights, true);
    let outputs = graph.forward(net, depth..=depth)?;
    graph.backward(loss, outputs[0]);
    Ok(finish(graph, outputs, weights))
}

/// The outputs of `net` at each of its depths.
pub(super) fn prediction(net: &DynamicNet, parameters: &[Parameter], weights: Stored) -> Result<Compiled> {
    let mut graph = Graph::new(net, parameters, weights, false);
    let outputs = graph.forward(net, net.depths())?;
    Ok(finish(graph, outputs, weights))
}

fn finish(graph: Graph, outputs: Vec<Value>, weights: Stored) -> Compiled {
    let next = graph.next_number();
    let computed = graph.first_computed();
    let mut instructions = fuse(graph.instructions, computed);
    if weights == Stored::Transposed {
        instructions = transpose_right_factors(instructions, next);
    }
    Compiled { instructions, outputs }
}
