//! A member of a network: the layers that make outputs of the features.

use candle_core::{Result, Tensor, bail};
use candle_nn::{Init, VarBuilder};

use crate::nn::forward::Forward;
use crate::nn::{
    Block, DynamicNetSpec, Gate, Halting, Layer, LayerKind, Linear, ModelConfig, Nonlinearity, Norm,
    NormLayer,
};
use crate::ops::{Activation, NormKind};

/// The layers of a network, or one of several sets of them.
#[derive(Debug, Clone)]
pub(super) struct Member {
    model: ModelConfig,
    /// Which member of the network it is.
    number: usize,
    input: Layer,
    /// That of all applications, unless there are `later` ones.
    hidden: Layer,
    /// The hidden layer of each application after the first in turn, where a [folded](Self::folded) member
    /// has taken a norm in that differs from one to the next.
    later: Vec<Layer>,
    output: Layer,
    /// n, which comes before the hidden layer, if there is one.
    pub(super) norm: Option<NormLayer>,
    /// V of the linear skip, if there is one.
    skip: Option<Layer>,
    /// What its depths are learned by, if they are.
    pub(super) gate: Option<Gate>,
}

/// What an application of the hidden layer begins with.
#[derive(Debug)]
pub(super) struct State<V> {
    /// The activations.
    pub(super) h: V,
    /// The input layer's result where the block injects it.
    injected: Option<V>,
}

impl Member {
    /// Creates member `number` of the network of `spec`.
    pub(super) fn new(spec: &DynamicNetSpec, number: usize, vb: &VarBuilder) -> Result<Self> {
        let (in_features, out_features) = (spec.in_features, spec.out_features);
        let &ModelConfig { hidden, layer, norm, skip, halting, prior, max_depth, .. } = &spec.model;
        let inputs = if spec.encoded > 0 { spec.encoded } else { in_features };
        let count = spec.depths().count();
        let gate = |vb: VarBuilder| Gate::new(halting == Halting::Adaptive, prior, count, hidden, &vb);
        let new_norm = |kind| NormLayer::new(kind, hidden, max_depth, &vb.pp("norm"));
        Ok(Self {
            model: spec.model.clone(),
            number,
            input: Layer::new(layer, inputs, hidden, vb.pp("input"))?,
            hidden: Layer::new(layer, hidden, hidden, vb.pp("hidden"))?,
            later: Vec::new(),
            output: Layer::new(layer, hidden, out_features, vb.pp("output"))?,
            norm: norm.kind().map(new_norm).transpose()?,
            skip: skip.then(|| zeros(in_features, out_features, vb.pp("skip"))).transpose()?,
            gate: (halting != Halting::None).then(|| gate(vb.pp("halting"))).transpose()?,
        })
    }

    /// The same, whose batch norm predicts by these statistics of each application.
    pub(super) fn with_statistics(&self, statistics: Vec<[Tensor; 2]>) -> Self {
        let norm = self.norm.as_ref().map(|norm| norm.with_statistics(statistics));
        Self { norm, ..self.clone() }
    }

    /// A parameter like all others.
    pub(super) fn weight(&self) -> &Tensor {
        self.input.parameters().weight()
    }

    /// The layers with their names.
    pub(super) fn named_layers(&self) -> impl Iterator<Item = (&'static str, &Layer)> {
        let layers = [("input", &self.input), ("hidden", &self.hidden), ("output", &self.output)];
        layers.into_iter().chain(self.skip.as_ref().map(|skip| ("skip", skip)))
    }

    /// The parameters with their names.
    pub(super) fn named_parameters(&self) -> impl Iterator<Item = (String, &Tensor)> {
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
        of_layers.chain(of_later).chain(of_norm).chain(of_gate)
    }

    /// The same by linear layers, with the functions of weights computed once. Its parameters are constants.
    pub(super) fn linear(&self) -> Result<Self> {
        let linear = |layer: &Layer| linear(layer).map(Layer::Linear);
        let [input, hidden, output] = [&self.input, &self.hidden, &self.output].map(linear);
        Ok(Self {
            model: ModelConfig { layer: LayerKind::Linear, ..self.model.clone() },
            number: self.number,
            input: input?,
            hidden: hidden?,
            later: self.later.iter().map(linear).collect::<Result<_>>()?,
            output: output?,
            norm: self.norm.as_ref().map(NormLayer::detached),
            skip: self.skip.as_ref().map(linear).transpose()?,
            gate: self.gate.as_ref().map(Gate::detached),
        })
    }

    /// The [linear](Self::linear) member with a batch norm taken into the hidden layers of the applications,
    /// and of whose outputs `share` is taken: for prediction.
    pub(super) fn folded(&self, share: f64) -> Result<Self> {
        let mut member = self.linear()?;
        if let Some(norm) = member.norm.take_if(|norm| norm.kind() == NormKind::Batch) {
            let hidden = linear(&member.hidden)?;
            let layer = |application| norm.folded_into(application, &hidden).map(Layer::Linear);
            let mut layers = (0..member.model.max_depth).map(layer);
            if let Some(first) = layers.next() {
                member.hidden = first?;
            }
            member.later = layers.collect::<Result<_>>()?;
            member.model.norm = Norm::None;
        }
        if share != 1. {
            member.output = times(share, &member.output)?;
            member.skip = member.skip.as_ref().map(|skip| times(share, skip)).transpose()?;
        }
        Ok(member)
    }

    /// The part of every output that the skip makes of the features `x`, if there is one.
    pub(super) fn skipped<F: Forward>(&self, forward: &mut F, x: &F::Value) -> Result<Option<F::Value>> {
        self.skip.as_ref().map(|skip| forward.layer(skip, x, Activation::Identity)).transpose()
    }

    /// What the first application of the hidden layer begins with, from what the input layer takes.
    pub(super) fn begin<F: Forward>(&self, forward: &mut F, x: &F::Value) -> Result<State<F::Value>> {
        match self.model.block {
            Block::Plain | Block::Residual => {
                Ok(State { h: self.activated(forward, &self.input, x)?, injected: None })
            }
            Block::Injection => {
                let input = forward.layer(&self.input, x, Activation::Identity)?;
                let h = forward.map(self.model.activation.function(), &input)?;
                Ok(State { h, injected: Some(input) })
            }
        }
    }

    /// The activations after this application of the hidden layer.
    pub(super) fn apply<F: Forward>(
        &self,
        forward: &mut F,
        application: usize,
        State { h, injected }: &State<F::Value>,
    ) -> Result<F::Value> {
        let normalised = self.norm.as_ref().map(|norm| forward.norm(norm, application, h)).transpose()?;
        let x = normalised.as_ref().unwrap_or(h);
        let hidden =
            application.checked_sub(1).and_then(|later| self.later.get(later)).unwrap_or(&self.hidden);
        let activated = match (self.model.block, injected) {
            (Block::Plain | Block::Residual, _) => self.activated(forward, hidden, x)?,
            (Block::Injection, None) => bail!("DynamicNet: there is nothing to inject"),
            (Block::Injection, Some(injected)) => {
                let product = forward.layer(hidden, x, Activation::Identity)?;
                let sum = forward.add(&product, injected)?;
                forward.map(self.model.activation.function(), &sum)?
            }
        };
        let rate = self.model.dropout;
        let activated =
            if rate > 0. { forward.dropout(rate, self.mask(application), &activated)? } else { activated };
        if self.model.block == Block::Residual { forward.add(h, &activated) } else { Ok(activated) }
    }

    /// The output of the activations `h`, to which the part of the features is added where there is a skip.
    pub(super) fn output<F: Forward>(
        &self,
        forward: &mut F,
        h: &F::Value,
        skipped: Option<&F::Value>,
    ) -> Result<F::Value> {
        let output = forward.layer(&self.output, h, Activation::Identity)?;
        match skipped {
            Some(skipped) => forward.add(skipped, &output),
            None => Ok(output),
        }
    }

    /// The number of the mask of this application: every member has masks of its own.
    fn mask(&self, application: usize) -> usize {
        self.number * self.model.max_depth + application
    }

    /// The activation of what `layer` makes of `x`; a relu is part of the layer's own operation.
    fn activated<F: Forward>(&self, forward: &mut F, layer: &Layer, x: &F::Value) -> Result<F::Value> {
        match self.model.activation {
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

/// `share` of what `layer` computes, as a linear layer of constants.
fn times(share: f64, layer: &Layer) -> Result<Layer> {
    let linear = linear(layer)?;
    let bias = linear.bias().map(|bias| bias * share).transpose()?;
    Ok(Layer::Linear(Linear::from_tensors((linear.weight() * share)?, bias)))
}

/// x V^T with a new V of zeros.
fn zeros(in_features: usize, out_features: usize, vb: VarBuilder) -> Result<Layer> {
    Linear::with_init(in_features, out_features, false, Init::Const(0.), vb).map(Layer::Linear)
}
