//! What a network's forward pass is written in.

use candle_core::{Module, Result, Tensor};

use crate::nn::{Layer, NormLayer};
use crate::ops::{Activation, MapKind};

/// The steps of a forward pass, whoever takes them.
///
/// A network writes its forward pass once, in terms of this trait. [`Eager`] computes each step with Candle
/// at once, with a graph to differentiate; the builder of a [`Plan`](crate::plan::Plan) notes it as an
/// instruction.
pub(crate) trait Forward {
    /// The activations of some rows.
    type Value;

    /// `activation` of `layer` applied to `x`.
    fn layer(&mut self, layer: &Layer, x: &Self::Value, activation: Activation) -> Result<Self::Value>;

    /// x + y.
    fn add(&mut self, x: &Self::Value, y: &Self::Value) -> Result<Self::Value>;

    /// f(x), element by element.
    fn map(&mut self, function: MapKind, x: &Self::Value) -> Result<Self::Value>;

    /// The rows of x normalised.
    fn norm(&mut self, norm: &NormLayer, x: &Self::Value) -> Result<Self::Value>;
}

/// Candle's own operations.
pub(super) struct Eager;

impl Forward for Eager {
    type Value = Tensor;

    fn layer(&mut self, layer: &Layer, x: &Tensor, activation: Activation) -> Result<Tensor> {
        layer.forward_with(x, activation)
    }

    fn add(&mut self, x: &Tensor, y: &Tensor) -> Result<Tensor> {
        x + y
    }

    fn map(&mut self, function: MapKind, x: &Tensor) -> Result<Tensor> {
        function.of(x)
    }

    fn norm(&mut self, norm: &NormLayer, x: &Tensor) -> Result<Tensor> {
        norm.forward(x)
    }
}
