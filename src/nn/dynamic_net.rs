//! The network of dynamic depth.

mod statistics;

use std::ops::RangeInclusive;

use candle_core::{DType, Device, Result, Tensor, bail};
use candle_nn::{Init, VarBuilder};

use crate::nn::forward::{Eager, Forward};
use crate::nn::{
    Block, DynamicNetSpec, EncodingLayer, Gate, Halting, Layer, LayerKind, Linear, ModelConfig, Nonlinearity,
    Norm, NormLayer, Weighted,
};
use crate::ops::kernels::MOST_DEPTHS;
use crate::ops::{Activation, NormKind};

/// A regression network whose shared hidden layer is applied a varying number of times.
///
/// ```text
/// h_0 = act(input(x))           x is (n, in), h is (n, hidden)
/// h_d = act(hidden(h_(d-1)))    the same layer at every depth
/// y_d = output(h_d)             y is (n, out)
/// ```
///
/// act is a relu or another [`Nonlinearity`](crate::nn::Nonlinearity). Other [blocks](Block) than the plain
/// one change the second line, with a [`Norm`](crate::nn::Norm) n the hidden layer takes n(h) in place of h,
/// and a linear skip adds V x to the third line, with a matrix V that starts as zeros. The input layer may take
/// an encoding of x instead. In training steps
/// [`dropout`](crate::ops::dropout) may follow act in the second line. A [batch norm](crate::nn::Norm::Batch)
/// goes by the batch there, and else by [statistics](Self::with_statistics).
///
/// In training each step draws a depth d and fits `y_d` ([`forward_at_depth`](Self::forward_at_depth)); the
/// prediction is the mean of `y_d` over all depths ([`predict`](Self::predict)). With [`Halting`] it learns
/// how deep to go instead: each step fits all depths ([`expected_loss`](Self::expected_loss)), and the
/// prediction is a weighted mean of those down to where a row exits. Its parameters are those of its layers, named `input.weight`, `input.bias`, `hidden.weight` and so on
/// ([`named_parameters`](Self::named_parameters)).
#[derive(Debug, Clone)]
pub struct DynamicNet {
    spec: DynamicNetSpec,
    /// What its features are before the first layer, if they are encoded.
    encoding: Option<EncodingLayer>,
    input: Layer,
    /// That of all applications, unless there are `later` ones.
    hidden: Layer,
    /// The hidden layer of each application after the first in turn, where a [folded](Self::folded) network
    /// has taken a norm in that differs from one to the next.
    later: Vec<Layer>,
    output: Layer,
    /// n, which comes before the hidden layer, if there is one.
    norm: Option<NormLayer>,
    /// V of the linear skip, if there is one.
    skip: Option<Layer>,
    /// What its depths are learned by, if they are.
    gate: Option<Gate>,
}

/// What a forward pass gives.
#[derive(Debug)]
pub(crate) struct Outputs<V> {
    /// The output (n, out) at each depth, shallowest first.
    pub(crate) by_depth: Vec<V>,
    /// Where rows have gates of their own, the gate (n, 1) at each depth but the network's last.
    pub(crate) gates: Vec<V>,
}

impl DynamicNetSpec {
    /// The spec of the network of `model` whose parameters have these shapes, by their names; none if the
    /// names are not those of its parameters, or `model` has another width than they.
    #[cfg(feature = "cli")]
    pub(crate) fn of_parameters<'a>(
        model: &ModelConfig,
        shape: impl Fn(&str) -> Option<&'a [usize]>,
    ) -> Option<Self> {
        let width = model.hidden;
        match (shape("input.weight")?, shape("hidden.weight")?, shape("output.weight")?) {
            (&[a, inputs], &[b, c], &[out_features, d]) if [a, b, c, d] == [width; 4] => {
                let encoded = shape("encoding.scale").map_or(0, |shape| shape.iter().product());
                // Nothing but a skip has a place for each feature where they are encoded.
                let in_features = if model.skip { *shape("skip.weight")?.get(1)? } else { inputs };
                let fits = inputs == if encoded > 0 { encoded } else { in_features };
                fits.then(|| DynamicNetSpec { encoded, ..model.network(in_features, out_features) })
            }
            _ => None,
        }
    }
}

impl DynamicNet {
    /// Creates the network with parameters from `vb`, drawn there in the order input, hidden, output; a norm
    /// starts with ones and zeros, a skip with zeros. The [statistics](Self::with_statistics) of a batch norm
    /// are taken from `vb` if it holds them.
    ///
    /// # Errors
    ///
    /// Fails when the spec has no depth, no rate of dropout below 1 or no exit above 0, when its depths are
    /// learned and they are not 2 to 64, and when `vb` holds one of the names with another shape.
    ///
    /// # Examples
    ///
    /// ```
    /// use candle_core::{DType, Device, Tensor};
    /// use candle_nn::VarMap;
    /// use rand::SeedableRng;
    /// use rand_chacha::ChaCha8Rng;
    /// use taper::nn::{DynamicNet, ModelConfig, seeded_builder};
    ///
    /// let vars = VarMap::new();
    /// let vb = seeded_builder(&vars, ChaCha8Rng::seed_from_u64(1), DType::F32, &Device::Cpu);
    /// // Rows of 8 features and one target.
    /// let spec = ModelConfig { hidden: 16, ..ModelConfig::default() }.network(8, 1);
    /// let net = DynamicNet::new(&spec, vb)?;
    /// let y = net.predict(&Tensor::ones((5, 8), DType::F32, &Device::Cpu)?)?;
    /// assert_eq!(y.dims(), [5, 1]);
    /// # Ok::<(), candle_core::Error>(())
    /// ```
    pub fn new(spec: &DynamicNetSpec, vb: VarBuilder) -> Result<Self> {
        let (in_features, out_features) = (spec.in_features, spec.out_features);
        let (&ModelConfig { hidden, layer, norm, skip, dropout, halting, prior, exit, .. }, depths) =
            (&spec.model, spec.depths());
        if depths.is_empty() {
            bail!("DynamicNet: the depths {depths:?} are empty, expected start <= end")
        }
        if !(0. ..1.).contains(&dropout) {
            bail!("DynamicNet: the dropout is {dropout}, expected a rate from 0 to below 1")
        }
        if !(exit > 0. && exit <= 1.) {
            bail!("DynamicNet: the exit is {exit}, expected a probability above 0")
        }
        let count = depths.count();
        if halting != Halting::None && !(2..=MOST_DEPTHS).contains(&count) {
            bail!("DynamicNet: there are {count} depths to learn, expected 2 to {MOST_DEPTHS}")
        }
        let gate = |vb: VarBuilder| Gate::new(halting == Halting::Adaptive, prior, count, hidden, &vb);
        let encoded = spec.encoded;
        let encoding = (encoded > 0).then(|| EncodingLayer::new(encoded, &vb.pp("encoding"))).transpose()?;
        let inputs = if encoded > 0 { encoded } else { in_features };
        let new_norm = |kind| NormLayer::new(kind, hidden, spec.model.max_depth, &vb.pp("norm"));
        Ok(Self {
            encoding,
            input: Layer::new(layer, inputs, hidden, vb.pp("input"))?,
            hidden: Layer::new(layer, hidden, hidden, vb.pp("hidden"))?,
            later: Vec::new(),
            output: Layer::new(layer, hidden, out_features, vb.pp("output"))?,
            norm: norm.kind().map(new_norm).transpose()?,
            skip: skip.then(|| zeros(in_features, out_features, vb.pp("skip"))).transpose()?,
            gate: (halting != Halting::None).then(|| gate(vb.pp("halting"))).transpose()?,
            spec: spec.clone(),
        })
    }

    /// The description it was built from.
    pub fn spec(&self) -> &DynamicNetSpec {
        &self.spec
    }

    /// The numbers of applications of the hidden layer that it was built for.
    pub fn depths(&self) -> RangeInclusive<usize> {
        self.spec.depths()
    }

    /// The layers with their names, in the order in which they are applied, and the skip if there is one.
    pub fn named_layers(&self) -> impl Iterator<Item = (&'static str, &Layer)> {
        let layers = [("input", &self.input), ("hidden", &self.hidden), ("output", &self.output)];
        layers.into_iter().chain(self.skip.as_ref().map(|skip| ("skip", skip)))
    }

    /// The parameters with their names, such as `hidden.weight`, in the order of the layers, and those of the
    /// norm and of halting; then the constants of the encoding of features, if there is one. PyTorch's equivalent is `torch.nn.Module.named_parameters`.
    pub fn named_parameters(&self) -> impl Iterator<Item = (String, &Tensor)> {
        let of_layers = self.named_layers().flat_map(|(layer, parameters)| {
            let named = parameters.parameters().named_parameters();
            named.map(move |(name, parameter)| (format!("{layer}.{name}"), parameter))
        });
        let of_later = self.later.iter().zip(2..).flat_map(|(layer, application)| {
            let named = layer.parameters().named_parameters();
            named.map(move |(name, parameter)| (format!("hidden_{application}.{name}"), parameter))
        });
        let of_norm = self.norm.iter().flat_map(NormLayer::named_parameters);
        let of_gate = self.gate.iter().flat_map(Gate::named_parameters);
        let of_norm = of_norm.map(|(name, parameter)| (format!("norm.{name}"), parameter));
        let of_gate = of_gate.map(|(name, parameter)| (format!("halting.{name}"), parameter));
        let of_encoding = self.encoding.iter().flat_map(EncodingLayer::named_constants);
        let of_encoding = of_encoding.map(|(name, constant)| (format!("encoding.{name}"), constant));
        of_layers.chain(of_later).chain(of_norm).chain(of_gate).chain(of_encoding)
    }

    /// The dtype of its parameters.
    pub fn dtype(&self) -> DType {
        self.input.parameters().weight().dtype()
    }

    /// The device of its parameters.
    pub fn device(&self) -> &Device {
        self.input.parameters().weight().device()
    }

    /// The output (n, out) for `x` (n, in) with the hidden layer applied `depth` times.
    ///
    /// # Errors
    ///
    /// Fails when `depth` is not one of the network's depths, or `x` has another number of features, and when
    /// a batch norm has no [statistics](Self::with_statistics).
    pub fn forward_at_depth(&self, x: &Tensor, depth: usize) -> Result<Tensor> {
        self.at_depth(None, x, depth)
    }

    /// The output as [`forward_at_depth`](Self::forward_at_depth) gives it, in a training step: with dropout,
    /// if the network has it, by masks that are a function of `seed`, which should be another in each step,
    /// and with a batch norm by the rows of `x`. [`seed_of`](crate::ops::seed_of) gives such seeds.
    ///
    /// # Errors
    ///
    /// Fails when `depth` is not one of the network's depths, or `x` has another number of features.
    pub fn forward_in_training(&self, x: &Tensor, depth: usize, seed: u64) -> Result<Tensor> {
        self.at_depth(Some(seed), x, depth)
    }

    fn at_depth(&self, dropout_seed: Option<u64>, x: &Tensor, depth: usize) -> Result<Tensor> {
        if !self.depths().contains(&depth) {
            bail!("DynamicNet: depth is {depth}, expected one of {:?}", self.depths())
        }
        Ok(self.forward_with(&mut Eager { dropout_seed }, x, depth..=depth)?.by_depth.remove(0))
    }

    /// The outputs (n, out) for `x` (n, in) at every depth, shallowest first, in one pass down the shared
    /// trunk.
    ///
    /// # Errors
    ///
    /// Fails when `x` has another number of features, and when a batch norm has no
    /// [statistics](Self::with_statistics).
    pub fn forward_all_depths(&self, x: &Tensor) -> Result<Vec<Tensor>> {
        Ok(self.forward_with(&mut Eager { dropout_seed: None }, x, self.depths())?.by_depth)
    }

    /// The loss of a training step of a network with [`Halting`] on the batch `x` (n, in), `y` (n, out), and the
    /// squared error that is expected of it, both as scalars.
    ///
    /// With the probabilities `p_d` of stopping at each depth, and |.|^2 for the mean over the targets, the
    /// expected error is the mean over the rows of the sum of `p_d |y - y_d|^2`. The loss adds the divergence
    /// KL(p || prior) times `divergence`, and a quarter of the mean of `|y - y_d|^2` over all depths. It
    /// follows `PonderNet` (Banino and others, 2021); as an evidence lower bound it has a weight of
    /// 2 s^2 / out for residuals of variance s^2. Without a weight the probabilities are constants, to which
    /// gradients are 0. Dropout masks come from `seed`, as in [`forward_in_training`](Self::forward_in_training).
    ///
    /// # Errors
    ///
    /// Fails when the network has no halting, and when `x` or `y` have other shapes.
    pub fn expected_loss(
        &self,
        x: &Tensor,
        y: &Tensor,
        divergence: Option<f64>,
        seed: u64,
    ) -> Result<[Tensor; 2]> {
        let Some(gate) = &self.gate else { bail!("DynamicNet: its depths are not learned") };
        let Outputs { by_depth, gates } =
            self.forward_with(&mut Eager { dropout_seed: Some(seed) }, x, self.depths())?;
        if by_depth[0].dims() != y.dims() {
            bail!("DynamicNet: y is {:?}, expected {:?}", y.dims(), by_depth[0].dims())
        }
        gate.expected_loss(&by_depth, &gates, y, divergence)
    }

    /// The prediction (n, out) for `x` (n, in): the mean of the outputs at all depths. With [`Halting`] it is
    /// that of the outputs down to the depth where a row exits, weighted by the probabilities of stopping at
    /// each; a row exits at the first depth by which it has stopped with a probability of at least
    /// [`ModelConfig::exit`].
    ///
    /// It has a graph and can be trained. [`Predictor`](crate::plan::Predictor) is faster without one, and
    /// its memory does not grow with the number of rows.
    ///
    /// # Errors
    ///
    /// Fails when `x` has another number of features, and when a batch norm has no
    /// [statistics](Self::with_statistics).
    pub fn predict(&self, x: &Tensor) -> Result<Tensor> {
        match self.predict_with(x)? {
            (_, Some(weighted)) => Ok(weighted.mean),
            (by_depth, None) => Tensor::stack(&by_depth, 0)?.mean(0),
        }
    }

    /// The outputs for `x` at every depth, and what is predicted from them if the depths are learned.
    pub(crate) fn predict_with(&self, x: &Tensor) -> Result<(Vec<Tensor>, Option<Weighted>)> {
        let Outputs { by_depth, gates } =
            self.forward_with(&mut Eager { dropout_seed: None }, x, self.depths())?;
        let weighted = self.gate.as_ref().map(|gate| gate.weighted(&by_depth, &gates, self.spec.model.exit));
        let weighted = weighted.transpose()?;
        Ok((by_depth, weighted))
    }

    /// What its depths are learned by, if they are.
    pub(crate) fn gate(&self) -> Option<&Gate> {
        self.gate.as_ref()
    }

    /// A network of linear layers that computes the same, with the functions of weights computed once. Its
    /// parameters are constants.
    fn linear(&self) -> Result<Self> {
        let linear = |layer: &Layer| linear(layer).map(Layer::Linear);
        let mut spec = self.spec.clone();
        spec.model.layer = LayerKind::Linear;
        let [input, hidden, output] = [&self.input, &self.hidden, &self.output].map(linear);
        let later = self.later.iter().map(linear).collect::<Result<_>>()?;
        let norm = self.norm.as_ref().map(NormLayer::detached);
        let skip = self.skip.as_ref().map(linear).transpose()?;
        let gate = self.gate.as_ref().map(Gate::detached);
        let encoding = self.encoding.as_ref().map(EncodingLayer::detached);
        Ok(Self { spec, encoding, input: input?, hidden: hidden?, later, output: output?, norm, skip, gate })
    }

    /// The [linear](Self::linear) network with a batch norm taken into the hidden layers of the applications:
    /// for prediction.
    pub(crate) fn folded(&self) -> Result<Self> {
        let mut net = self.linear()?;
        if let Some(norm) = net.norm.take_if(|norm| norm.kind() == NormKind::Batch) {
            let hidden = linear(&net.hidden)?;
            let layer = |application| norm.folded_into(application, &hidden).map(Layer::Linear);
            let mut layers = (0..net.spec.model.max_depth).map(layer);
            if let Some(first) = layers.next() {
                net.hidden = first?;
            }
            net.later = layers.collect::<Result<_>>()?;
            net.spec.model.norm = Norm::None;
        }
        Ok(net)
    }

    /// The network itself: its outputs for `x` at each of `depths`, and its gates there.
    pub(crate) fn forward_with<F: Forward>(
        &self,
        forward: &mut F,
        x: &F::Value,
        depths: RangeInclusive<usize>,
    ) -> Result<Outputs<F::Value>> {
        // Once for all depths, and first, so that the gradients of the other layers stay neighbours.
        let skip = self.skip.as_ref().map(|skip| forward.layer(skip, x, Activation::Identity)).transpose()?;
        let (mut h, injected) = self.begin(forward, x)?;
        let mut outputs = Outputs { by_depth: Vec::new(), gates: Vec::new() };
        let gate = self.gate.as_ref().and_then(Gate::layer);
        for depth in 0..=*depths.end() {
            if depth > 0 {
                h = self.apply(forward, depth - 1, &h, injected.as_ref())?;
            }
            if depths.contains(&depth) {
                let output = forward.layer(&self.output, &h, Activation::Identity)?;
                outputs.by_depth.push(match &skip {
                    Some(skip) => forward.add(skip, &output)?,
                    None => output,
                });
                if let Some(gate) = gate
                    && depth < self.spec.model.max_depth
                {
                    outputs.gates.push(forward.layer(gate, &h, Activation::Identity)?);
                }
            }
        }
        Ok(outputs)
    }

    /// The activations before the first application of the hidden layer, and the input layer's result where
    /// the block wants it at each.
    fn begin<F: Forward>(&self, forward: &mut F, x: &F::Value) -> Result<(F::Value, Option<F::Value>)> {
        let encoded = self.encoding.as_ref().map(|encoding| forward.encode(encoding, x)).transpose()?;
        let x = encoded.as_ref().unwrap_or(x);
        match self.spec.model.block {
            Block::Plain | Block::Residual => Ok((self.activated(forward, &self.input, x)?, None)),
            Block::Injection => {
                let input = forward.layer(&self.input, x, Activation::Identity)?;
                Ok((forward.map(self.spec.model.activation.function(), &input)?, Some(input)))
            }
        }
    }

    /// The activations after `h`, by this application of the hidden layer; `injected` is the input layer's
    /// result where the block wants it.
    fn apply<F: Forward>(
        &self,
        forward: &mut F,
        application: usize,
        h: &F::Value,
        injected: Option<&F::Value>,
    ) -> Result<F::Value> {
        let normalised = self.norm.as_ref().map(|norm| forward.norm(norm, application, h)).transpose()?;
        let x = normalised.as_ref().unwrap_or(h);
        let hidden =
            application.checked_sub(1).and_then(|later| self.later.get(later)).unwrap_or(&self.hidden);
        let activated = match (self.spec.model.block, injected) {
            (Block::Plain | Block::Residual, _) => self.activated(forward, hidden, x)?,
            (Block::Injection, None) => bail!("DynamicNet: there is nothing to inject"),
            (Block::Injection, Some(injected)) => {
                let product = forward.layer(hidden, x, Activation::Identity)?;
                let sum = forward.add(&product, injected)?;
                forward.map(self.spec.model.activation.function(), &sum)?
            }
        };
        let rate = self.spec.model.dropout;
        let activated = if rate > 0. { forward.dropout(rate, application, &activated)? } else { activated };
        if self.spec.model.block == Block::Residual { forward.add(h, &activated) } else { Ok(activated) }
    }

    /// The activation of what `layer` makes of `x`; a relu is part of the layer's own operation.
    fn activated<F: Forward>(&self, forward: &mut F, layer: &Layer, x: &F::Value) -> Result<F::Value> {
        match self.spec.model.activation {
            Nonlinearity::Relu => forward.layer(layer, x, Activation::Relu),
            other => {
                let product = forward.layer(layer, x, Activation::Identity)?;
                forward.map(other.function(), &product)
            }
        }
    }
}

/// What `layer` computes as a linear layer of constants.
fn linear(layer: &Layer) -> Result<Linear> {
    Ok(Linear::from_tensors(layer.matrix()?.detach(), layer.parameters().bias().map(Tensor::detach)))
}

/// x V^T with a new V of zeros.
fn zeros(in_features: usize, out_features: usize, vb: VarBuilder) -> Result<Layer> {
    Linear::with_init(in_features, out_features, false, Init::Const(0.), vb).map(Layer::Linear)
}
