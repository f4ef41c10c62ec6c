//! The instructions of a prediction for those who translate them.

use candle_core::Result;

use super::compile::{Compiled, prediction};
use super::graph::{Parameter, Stored, parameters};
use super::instruction::{Instruction, Value};
use crate::nn::{DynamicNet, Outputs};

/// The instructions that make a network's outputs at all depths of its features, on numbered values: the
/// parameters first, then the features, then what is computed. A value is written once, or is a sum that
/// grows.
#[derive(Debug)]
pub(crate) struct Steps {
    /// The parameters of the network, a batch norm taken into its layers.
    pub(crate) parameters: Vec<Parameter>,
    /// The number of the features.
    pub(crate) features: usize,
    pub(crate) instructions: Vec<Instruction>,
    /// The output at each depth, and the gates where rows have gates of their own.
    pub(crate) outputs: Outputs<Value>,
}

impl Steps {
    /// Those of `net`.
    pub(crate) fn new(net: &DynamicNet) -> Result<Self> {
        let net = net.folded()?;
        let parameters = parameters(&net, Stored::Plain);
        let Compiled { instructions, outputs } = prediction(&net, &parameters, Stored::Plain)?;
        Ok(Self { features: parameters.len(), parameters, instructions, outputs })
    }
}
