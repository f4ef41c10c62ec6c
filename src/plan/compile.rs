//! From a network to the instructions that run it.

use std::iter;
use std::ops::RangeInclusive;

use candle_core::{Result, bail};

use super::graph::{Graph, Parameter, Stored};
use super::instruction::{Access, Instruction, Value};
use super::memory::Buffers;
use super::rewrite::{fuse, transpose_right_factors};
use crate::nn::{DynamicNet, Outputs};
use crate::ops::Loss;

/// The instructions of one pass, on numbered values: the parameters, then the features and the targets of a
/// batch, then everything that is computed, each once but for sums of gradients.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) instructions: Vec<Instruction>,
    /// The outputs of the network, and its gates.
    pub(super) outputs: Outputs<Value>,
}

/// The training step of `net` at `depths`, of whose losses it minimises these shares, or if it learns its
/// depths at all of them: forward, backward and updates.
pub(super) fn training_step(
    net: &DynamicNet,
    parameters: &[Parameter],
    weights: Stored,
    depths: RangeInclusive<usize>,
    shares: &[f64],
    loss: Loss,
) -> Result<Compiled> {
    if let Some(gate) = net.gate() {
        if loss != Loss::Mse {
            bail!("a network that learns its depths is trained with {}, expected mse", loss.name())
        }
        let mut graph = Graph::new(net, parameters, weights, true);
        let outputs = graph.forward(net, net.depths())?;
        graph.backward_expected(gate, &outputs)?;
        return Ok(finish(graph, outputs, weights));
    }
    let (outputs, of_target) = (net.spec().out_features, loss.outputs());
    if !outputs.is_multiple_of(of_target) {
        bail!("a network has {outputs} outputs, expected a multiple of the {of_target} of {}", loss.name())
    }
    let mut graph = Graph::new(net, parameters, weights, true);
    let outputs = graph.forward(net, depths)?;
    // Members have equal shares of a depth's.
    let members = net.spec().model.members;
    let shares: Vec<_> =
        shares.iter().flat_map(|share| iter::repeat_n(share / members as f64, members)).collect();
    graph.backward(loss, &outputs.by_depth, &shares);
    Ok(finish(graph, outputs, weights))
}

/// The weights as parts of their sum.
pub(crate) fn shares(weights: &[f64]) -> Vec<f64> {
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / sum).collect()
}

/// The outputs of `net` at each of its depths.
pub(super) fn prediction(net: &DynamicNet, parameters: &[Parameter], weights: Stored) -> Result<Compiled> {
    let mut graph = Graph::new(net, parameters, weights, false);
    let mut outputs = graph.forward(net, net.depths())?;
    // A folded network's members have their shares of the mean.
    outputs.by_depth =
        outputs.by_depth.chunks(net.spec().model.members).map(|each| graph.sum(each)).collect();
    Ok(finish(graph, outputs, weights))
}

impl Compiled {
    /// Gives the values of a prediction buffers; its outputs and gates keep theirs.
    pub(super) fn assign(&mut self, buffers: &mut Buffers) {
        let Outputs { by_depth, gates } = &mut self.outputs;
        let mut kept: Vec<_> = by_depth.iter().chain(&*gates).copied().collect();
        buffers.assign(&mut self.instructions, &mut kept);
        for (value, kept) in by_depth.iter_mut().chain(gates).zip(kept) {
            *value = kept;
        }
    }

    /// Where the instructions of a prediction end that each depth in turn needs. Values have not been given
    /// buffers yet.
    pub(super) fn ends(&self) -> Vec<usize> {
        let Outputs { by_depth, gates } = &self.outputs;
        let end = |(depth, output): (usize, &Value)| {
            let is_wanted = |value: &Value| value == output || Some(value) == gates.get(depth);
            let writes = |instruction: &Instruction| {
                instruction.operands().any(|(value, access)| access == Access::Write && is_wanted(&value))
            };
            self.instructions.iter().rposition(writes).map_or(0, |last| last + 1)
        };
        by_depth.iter().enumerate().map(end).collect()
    }
}

fn finish(graph: Graph, outputs: Outputs<Value>, weights: Stored) -> Compiled {
    let next = graph.next_number();
    let computed = graph.first_computed();
    let mut instructions = fuse(graph.instructions, computed);
    if weights == Stored::Transposed {
        instructions = transpose_right_factors(instructions, next);
    }
    Compiled { instructions, outputs }
}
