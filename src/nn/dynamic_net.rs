//! The network of dynamic depth.

use std::ops::RangeInclusive;

use candle_core::{Module, Result, Tensor, bail};
use candle_nn::VarBuilder;

use crate::nn::{Layer, LayerKind};
use crate::ops::Activation;

/// The shape of a [`DynamicNet`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DynamicNetConfig {
    /// The number of features of a row.
    pub in_features: usize,
    /// The width of the hidden layer.
    pub hidden: usize,
    /// The number of targets of a row.
    pub out_features: usize,
    /// How often the hidden layer may be applied.
    pub depths: RangeInclusive<usize>,
    /// The kind of all three layers.
    pub layer: LayerKind,
}

/// A regression network whose shared hidden layer is applied a varying number of times.
///
/// ```text
/// h_0 = relu(input(x))          x is (n, in), h is (n, hidden)
/// h_d = relu(hidden(h_(d-1)))   the same layer at every depth
/// y_d = output(h_d)             y is (n, out)
/// ```
///
/// In training each step draws a depth d and fits `y_d` ([`forward_at_depth`](Self::forward_at_depth)); the prediction
/// is the mean of `y_d` over all depths ([`predict`](Self::predict)). Its parameters are `input.weight`, `input.bias`,
/// `hidden.weight`, `hidden.bias`, `output.weight` and `output.bias`.
#[derive(Debug, Clone)]
pub struct DynamicNet {
    input: Layer,
    hidden: Layer,
    output: Layer,
    depths: RangeInclusive<usize>,
}

impl DynamicNet {
    /// Creates the network with parameters from `vb`, drawn there in the order input, hidden, output.
    ///
    /// # Errors
    ///
    /// Fails when there is no depth in `config.depths`, or when `vb` holds one of the names with another shape.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{DType, Device, Tensor};
    /// use candle_nn::VarMap;
    /// use rand::SeedableRng;
    /// use rand_chacha::ChaCha8Rng;
    /// use taper::nn::{DynamicNet, DynamicNetConfig, LayerKind, seeded_builder};
    ///
    /// let vars = VarMap::new();
    /// let vb = seeded_builder(&vars, ChaCha8Rng::seed_from_u64(1), DType::F32, &Device::Cpu);
    /// let config = DynamicNetConfig {
    ///     in_features: 8,
    ///     hidden: 16,
    ///     out_features: 1,
    ///     depths: 1..=4,
    ///     layer: LayerKind::Linear,
    /// };
    /// let net = DynamicNet::new(&config, vb)?;
    /// let y = net.predict(&Tensor::ones((5, 8), DType::F32, &Device::Cpu)?)?;
    /// assert_eq!(y.dims(), [5, 1]);
    /// # Ok::<(), candle_core::Error>(())
    /// ```
    pub fn new(config: &DynamicNetConfig, vb: VarBuilder) -> Result<Self> {
        let DynamicNetConfig { in_features, hidden, out_features, ref depths, layer } = *config;
        if depths.is_empty() {
            bail!("DynamicNet: depths {depths:?} has none, expected start <= end")
        }
        Ok(Self {
            input: Layer::new(layer, in_features, hidden, vb.pp("input"))?,
            hidden: Layer::new(layer, hidden, hidden, vb.pp("hidden"))?,
            output: Layer::new(layer, hidden, out_features, vb.pp("output"))?,
            depths: depths.clone(),
        })
    }

    /// How often the hidden layer may be applied.
    pub fn depths(&self) -> RangeInclusive<usize> {
        self.depths.clone()
    }

    /// The output (n, out) for `x` (n, in) with the hidden layer applied `depth` times.
    ///
    /// # Errors
    ///
    /// Fails when `depth` is not one of the network's depths, or `x` has another number of features.
    pub fn forward_at_depth(&self, x: &Tensor, depth: usize) -> Result<Tensor> {
        if !self.depths.contains(&depth) {
            bail!("DynamicNet: depth is {depth}, expected one of {:?}", self.depths)
        }
        let mut h = self.input.forward_with(x, Activation::Relu)?;
        for _ in 0..depth {
            h = self.deepen(&h)?;
        }
        self.output.forward(&h)
    }

    /// The outputs (n, out) for `x` (n, in) at every depth, shallowest first, in one pass down the shared trunk.
    ///
    /// # Errors
    ///
    /// Fails when `x` has another number of features.
    pub fn forward_all_depths(&self, x: &Tensor) -> Result<Vec<Tensor>> {
        let mut h = self.input.forward_with(x, Activation::Relu)?;
        for _ in 0..*self.depths.start() {
            h = self.deepen(&h)?;
        }
        let mut outputs = vec![self.output.forward(&h)?];
        for _ in *self.depths.start()..*self.depths.end() {
            h = self.deepen(&h)?;
            outputs.push(self.output.forward(&h)?);
        }
        Ok(outputs)
    }

    /// The prediction (n, out) for `x` (n, in): the mean of the outputs at all depths.
    ///
    /// It has a graph and can be trained. [`Predictor`](crate::nn::Predictor) is faster without one, and has memory enough
    /// for any number of rows.
    ///
    /// # Errors
    ///
    /// Fails when `x` has another number of features.
    pub fn predict(&self, x: &Tensor) -> Result<Tensor> {
        mean_over_depths(&self.forward_all_depths(x)?)
    }

    /// The input, the hidden and the output layer.
    pub fn layers(&self) -> [&Layer; 3] {
        [&self.input, &self.hidden, &self.output]
    }

    /// The network with its present parameters as constants: nothing that it computes has a graph.
    #[must_use]
    pub fn detach(&self) -> Self {
        Self {
            input: self.input.detach(),
            hidden: self.hidden.detach(),
            output: self.output.detach(),
            depths: self.depths.clone(),
        }
    }

    fn deepen(&self, h: &Tensor) -> Result<Tensor> {
        self.hidden.forward_with(h, Activation::Relu)
    }
}

/// The mean (n, out) of the outputs (n, out) at all depths.
pub(super) fn mean_over_depths(outputs: &[Tensor]) -> Result<Tensor> {
    Tensor::stack(outputs, 0)?.mean(0)
}
