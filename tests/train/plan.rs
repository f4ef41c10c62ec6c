//! Training by a plan against training by Candle's autograd, for random networks.

use candle_core::{DType, Device, Tensor};
use candle_nn::VarMap;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use taper::config::{Depths, EngineName, TrainConfig};
use taper::data::{Dataset, synthetic};
use taper::nn::{
    Block, CosInit, DynamicNet, Halting, LayerKind, ModelConfig, Nonlinearity, Norm, named_vars,
    seeded_builder,
};
use taper::ops::Prior;
use taper::optim::Penalised;
use taper::random::{Stream, generator};
use taper::train::Trainer;

use crate::compare::{Tolerance, assert_close, values};
use crate::encoding::encoded;

/// A network, and rows and batches that rarely divide evenly.
#[derive(Debug, Clone)]
struct Case {
    model: ModelConfig,
    features: usize,
    targets: usize,
    rows: usize,
    batch_size: usize,
    /// Depths, clipping, penalties and averages.
    updates: TrainConfig,
    seed: u64,
}

fn case() -> impl Strategy<Value = Case> {
    let layer = prop_oneof![
        Just(LayerKind::Linear),
        Just(LayerKind::Cos(CosInit::Centred)),
        Just(LayerKind::Cos(CosInit::Kaiming))
    ];
    let block = prop_oneof![Just(Block::Plain), Just(Block::Residual), Just(Block::Injection)];
    let activation = prop_oneof![
        3 => Just(Nonlinearity::Relu),
        1 => Just(Nonlinearity::Silu),
        1 => Just(Nonlinearity::Mish),
        1 => Just(Nonlinearity::Gelu)
    ];
    let norm = prop_oneof![2 => Just(Norm::None), 1 => Just(Norm::Rms), 1 => Just(Norm::Layer), 1 => Just(Norm::Batch)];
    let dropout = prop_oneof![2 => Just(0.), 1 => 0f64..0.9];
    let halting =
        prop_oneof![2 => Just(Halting::None), 1 => Just(Halting::Shared), 1 => Just(Halting::Adaptive)];
    let prior = prop_oneof![Just(Prior::Uniform), Just(Prior::Geometric)];
    let depths = (1usize..=3, 0usize..=4, halting, prior);
    let model = (1usize..=40, depths, layer, block, activation, any::<bool>(), norm, dropout).prop_map(
        |(hidden, (min_depth, more, halting, prior), layer, block, activation, skip, norm, dropout)| {
            // There is nothing to learn of one depth.
            let more = if halting == Halting::None { more } else { more.max(1) };
            let max_depth = min_depth + more;
            // A single activation is normalised to its sign: its gradient is nothing but rounding, which the
            // optimiser makes a step of.
            let hidden = if norm == Norm::None { hidden } else { hidden.max(2) };
            let default = ModelConfig { halting, prior, ..ModelConfig::default() };
            ModelConfig {
                hidden,
                min_depth,
                max_depth,
                layer,
                block,
                activation,
                skip,
                norm,
                dropout,
                // One that learns its depths has one member; of the others every third width has three.
                members: if halting == Halting::None && hidden % 3 == 0 { 3 } else { 1 },
                ..default
            }
        },
    );
    (model, 1usize..=40, 1usize..=4, 1usize..=60, 1usize..=70, updates(), 0u64..1000).prop_map(
        |(model, features, targets, rows, batch_size, mut updates, seed)| {
            if updates.depths == Depths::All && seed % 2 == 0 {
                let weight = |depth: usize| 0.25 + ((seed as usize + 3 * depth) % 5) as f64;
                updates.depth_weights = (model.min_depth..=model.max_depth).map(weight).collect();
            }
            Case { model, features, targets, rows, batch_size, updates, seed }
        },
    )
}

/// Settings of training, of which half do nothing.
fn updates() -> impl Strategy<Value = TrainConfig> {
    let some = |value: f64| prop_oneof![Just(0.), Just(value)];
    let depths = prop_oneof![Just(Depths::Uniform), Just(Depths::Poisson), Just(Depths::All)];
    let penalise = prop_oneof![Just(Penalised::Weights), Just(Penalised::All)];
    // Losses of a few units have gradients of about that size.
    (some(1.), some(0.1), some(0.2), some(3.), penalise, some(0.8), depths).prop_map(
        |(clip_norm, clip_value, l2, l1, penalise, averaging, depths)| TrainConfig {
            depths,
            clip_norm,
            clip_value,
            l2,
            l1,
            penalise,
            averaging,
            ..TrainConfig::default()
        },
    )
}

/// The errors of two epochs, all parameters after them, and their averages.
fn train(case: &Case, engine: EngineName) -> Vec<f64> {
    let &Case { features, targets, rows, batch_size, seed, .. } = case;
    let rng = generator(seed, Stream::Data, 0);
    let one = synthetic(rows, features, 0.1, rng, DType::F64, &Device::Cpu).unwrap();
    let y = Tensor::cat(&vec![one.y(); targets], 1).unwrap();
    let data = Dataset::new(one.x().clone(), y).unwrap();
    let vars = VarMap::new();
    let vb = seeded_builder(&vars, generator(seed, Stream::Init, 0), DType::F64, &Device::Cpu);
    let spec = case.model.network(features, targets);
    // Of every third the features are encoded.
    let spec = if seed % 3 == 0 { encoded(spec, 2, &vars, DType::F64) } else { spec };
    let net = DynamicNet::new(&spec, vb).unwrap();
    // Small steps: a cos layer that starts with all cosines near 1 explodes.
    // Of two epochs the second trains the gates.
    let config =
        TrainConfig { epochs: 2, batch_size, weight_decay: 0.1, lr: 1e-4, engine, ..case.updates.clone() };
    let mut trainer = Trainer::new(net, &vars, &config, seed, 0).unwrap();
    let mut order: Vec<u32> = (0..rows as u32).collect();
    let mut seen: Vec<f64> = (0..2).map(|_| trainer.epoch(&data, &mut order).unwrap()).collect();
    seen.extend(named_vars(&vars).iter().flat_map(|(_, var)| values(var)));
    let predicting = trainer.predicting_net().unwrap();
    seen.extend(predicting.named_parameters().flat_map(|(_, parameter)| values(parameter)));
    seen
}

#[test]
fn a_plan_trains_any_network_as_autograd_does() {
    let config = Config { cases: 200, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    TestRunner::new_with_rng(config, rng)
        .run(&case(), |case| {
            let close = Tolerance { rtol: 1e-9, atol: 1e-10 };
            let expected = train(&case, EngineName::Autograd);
            assert_close(&format!("{case:?}"), &train(&case, EngineName::Fused), &expected, close);
            Ok(())
        })
        .unwrap();
}
