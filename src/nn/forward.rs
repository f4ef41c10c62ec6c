//! What a network's forward pass is written in.

use candle_core::{Result, Tensor};

use crate::nn::{EncodingLayer, Layer, NormLayer};
use crate::ops::{Activation, MapKind, dropout, seed_of};

/// The steps of a forward pass, whoever takes them.
///
/// A network writes its forward pass once, in terms of this trait. [`Eager`] computes each step with Candle
/// at once, with a graph to differentiate; the builder of a [`Plan`](crate::plan::Plan) notes it as an
/// instruction.
pub(crate) trait Forward {
    /// The activations of some rows.
    type Value;

    /// The features x encoded.
    fn encode(&mut self, encoding: &EncodingLayer, x: &Self::Value) -> Result<Self::Value>;

    /// `activation` of `layer` applied to `x`.
    fn layer(&mut self, layer: &Layer, x: &Self::Value, activation: Activation) -> Result<Self::Value>;

    /// x + y.
    fn add(&mut self, x: &Self::Value, y: &Self::Value) -> Result<Self::Value>;

    /// f(x), element by element.
    fn map(&mut self, function: MapKind, x: &Self::Value) -> Result<Self::Value>;

    /// x normalised, before this application of the hidden layer.
    fn norm(&mut self, norm: &NormLayer, application: usize, x: &Self::Value) -> Result<Self::Value>;

    /// In a training step x with dropout, by the mask of this application of the hidden layer; else x.
    fn dropout(&mut self, rate: f64, application: usize, x: &Self::Value) -> Result<Self::Value>;
}

/// Candle's own operations.
pub(super) struct Eager {
    /// In a training step the seed of its masks.
    pub(super) dropout_seed: Option<u64>,
}

impl Forward for Eager {
    type Value = Tensor;

    fn encode(&mut self, encoding: &EncodingLayer, x: &Tensor) -> Result<Tensor> {
        encoding.forward(x)
    }

    fn layer(&mut self, layer: &Layer, x: &Tensor, activation: Activation) -> Result<Tensor> {
        layer.forward_with(x, activation)
    }

    fn add(&mut self, x: &Tensor, y: &Tensor) -> Result<Tensor> {
        x + y
    }

    fn map(&mut self, function: MapKind, x: &Tensor) -> Result<Tensor> {
        function.of(x)
    }

    fn norm(&mut self, norm: &NormLayer, application: usize, x: &Tensor) -> Result<Tensor> {
        norm.forward(application, x, self.dropout_seed.is_some())
    }

    fn dropout(&mut self, rate: f64, application: usize, x: &Tensor) -> Result<Tensor> {
        match self.dropout_seed {
            Some(seed) => dropout(x, rate, seed_of(seed, application as u64)),
            None => Ok(x.clone()),
        }
    }
}
