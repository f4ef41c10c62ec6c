//! Networks that are trained, and what they say of rows.

use candle_core::{DType, Device, Tensor};
use candle_nn::VarMap;
use taper::config::TrainConfig;
use taper::data::Dataset;
use taper::nn::{Block, DynamicNet, Layer, ModelConfig, Nonlinearity, Norm, seeded_builder};
use taper::ops::Activation;
use taper::plan::{Exits, Predictor};
use taper::random::{Stream, generator};
use taper::train::Trainer;

fn new(model: &ModelConfig, data: &Dataset, seed: u64, index: usize) -> (VarMap, DynamicNet) {
    let vars = VarMap::new();
    let vb = seeded_builder(&vars, generator(seed, Stream::Init, index), DType::F32, &Device::Cpu);
    let net = DynamicNet::new(&model.network(data.features(), data.targets()), vb).unwrap();
    (vars, net)
}

/// The network of `model` that `train` makes of `data`.
pub(crate) fn trained(
    (model, train): (&ModelConfig, &TrainConfig),
    data: &Dataset,
    seed: u64,
    index: usize,
) -> DynamicNet {
    let (vars, net) = new(model, data, seed, index);
    let mut trainer = Trainer::new(net, &vars, train, seed, index).unwrap();
    let mut rows: Vec<u32> = (0..data.rows() as u32).collect();
    for _ in 0..train.epochs {
        trainer.epoch(data, &mut rows).unwrap();
    }
    trainer.net().clone()
}

/// The floating-point operations of a row down to each depth of `net`.
pub(crate) fn flops(net: &DynamicNet) -> Vec<f64> {
    let by_depth = Predictor::new(net).unwrap().flops_by_depth().unwrap();
    by_depth.into_values().map(|flops| flops as f64).collect()
}

/// `model` with the least width that makes a row cost at least `flops` at its last depth.
pub(crate) fn as_wide_as(model: &ModelConfig, data: &Dataset, flops: f64) -> ModelConfig {
    let wide = |hidden| ModelConfig { hidden, ..model.clone() };
    let costs = |hidden| self::flops(&new(&wide(hidden), data, 1, 0).1).last().unwrap() >= &flops;
    let (mut too_few, mut enough) = (0, 1);
    while !costs(enough) {
        (too_few, enough) = (enough, 2 * enough);
    }
    while enough - too_few > 1 {
        let middle = usize::midpoint(too_few, enough);
        if costs(middle) {
            enough = middle;
        } else {
            too_few = middle;
        }
    }
    wide(enough)
}

fn values(x: &Tensor) -> Vec<f64> {
    x.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// What a network says of some rows.
pub(crate) struct Said {
    /// The prediction of each row, rows times targets.
    pub(crate) mean: Vec<f64>,
    /// The outputs, rows times depths times targets.
    pub(crate) by_depth: Vec<f64>,
    pub(crate) exits: Option<Exits>,
    pub(crate) truths: Vec<f64>,
    pub(crate) depths: usize,
    pub(crate) targets: usize,
}

impl Said {
    pub(crate) fn new(net: &DynamicNet, data: &Dataset) -> Self {
        let prediction = Predictor::new(net).unwrap().predict_all_depths(data.x()).unwrap();
        Self {
            mean: values(&prediction.mean),
            by_depth: values(&prediction.by_depth),
            exits: prediction.exits,
            truths: values(data.y()),
            depths: net.depths().count(),
            targets: data.targets(),
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.truths.len() / self.targets
    }

    /// The targets of a row.
    pub(crate) fn truth(&self, row: usize) -> &[f64] {
        &self.truths[row * self.targets..][..self.targets]
    }

    /// The output of a row at a depth, both counted from 0.
    pub(crate) fn at(&self, row: usize, depth: usize) -> &[f64] {
        &self.by_depth[(row * self.depths + depth) * self.targets..][..self.targets]
    }

    /// The probabilities of stopping at each depth of a row.
    pub(crate) fn probabilities(&self, row: usize) -> &[f64] {
        &self.exits.as_ref().unwrap().probabilities[row * self.depths..][..self.depths]
    }
}

/// By what share of themselves the activations change at each application: for each row, of each depth.
///
/// Panics unless they are those that the outputs come from.
pub(crate) fn changes(net: &DynamicNet, data: &Dataset, said: &Said) -> Vec<Vec<f64>> {
    let model = &net.spec().model;
    let plain = (model.activation, model.norm, model.skip) == (Nonlinearity::Relu, Norm::None, false);
    assert!(plain && model.block != Block::Residual, "these activations are not computed here");
    let layer = |name| net.named_layers().find(|(other, _)| *other == name).unwrap().1;
    let linear = |layer: &Layer, x: &Tensor| layer.forward_with(x, Activation::Identity).unwrap();
    let [input, hidden, output] = ["input", "hidden", "output"].map(layer);
    let injected = linear(input, data.x());
    let norms = |x: &Tensor| values(&x.sqr().unwrap().sum(1).unwrap().sqrt().unwrap());
    let mut h = injected.relu().unwrap();
    let mut changes = vec![Vec::new(); data.rows()];
    for depth in 0..said.depths {
        let mut next = linear(hidden, &h);
        if model.block == Block::Injection {
            next = (next + &injected).unwrap();
        }
        let next = next.relu().unwrap();
        let y = values(&linear(output, &next));
        let apart = y.iter().zip((0..data.rows()).flat_map(|row| said.at(row, depth)));
        let apart = apart.map(|(a, b)| (a - b).abs() / (1. + b.abs())).fold(0., f64::max);
        assert!(apart <= 1e-3, "the outputs at depth {} differ by {apart}", depth + 1);
        let [change, size] = [norms(&(&next - &h).unwrap()), norms(&next)];
        for ((row, change), size) in changes.iter_mut().zip(change).zip(size) {
            // Activations of zeros change no more.
            row.push(if size > 0. { change / size } else { 0. });
        }
        h = next;
    }
    changes
}
