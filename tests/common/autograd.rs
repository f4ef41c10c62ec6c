//! Training by the fused engine against training by Candle's autograd on the CPU.

use candle_core::{DType, Device, Tensor};
use candle_nn::VarMap;
use taper::config::{EngineName, ModelConfig, TrainConfig};
use taper::data::{Dataset, synthetic};
use taper::nn::{Block, CosInit, DynamicNet, LayerKind, Nonlinearity, named_vars, seeded_builder};
use taper::random::{Stream, generator};
use taper::train::Trainer;

use crate::compare::{Tolerance, assert_close, values};

/// The epochs' errors and the parameters after training on `data`, which is moved to `device`.
fn train(
    device: &Device,
    data: &Dataset,
    model: &ModelConfig,
    config: &TrainConfig,
    epochs: usize,
) -> (Vec<f64>, Vec<(String, Vec<f64>)>) {
    let vars = VarMap::new();
    let data = data.to_device(device).unwrap();
    let vb = seeded_builder(&vars, generator(3, Stream::Init, 0), data.x().dtype(), device);
    let net = DynamicNet::new(&model.network(data.features(), data.targets()), vb).unwrap();
    let mut trainer = Trainer::new(net, &vars, config, 3, 0).unwrap();
    let mut rows: Vec<u32> = (0..data.rows() as u32).collect();
    let errors = (0..epochs).map(|_| trainer.epoch(&data, &mut rows).unwrap()).collect();
    (errors, named_vars(&vars).into_iter().map(|(name, var)| (name, values(&var))).collect())
}

/// Holds three epochs of the fused engine on `device` against autograd's: widths that are no multiple of a
/// vector and that are, one output and several, batches with a remainder, of one row, and larger than the
/// data.
pub fn every_shape_trains_as_by_autograd(device: &Device) {
    for (features, hidden, outputs, depth, batch_size, layer, block, activation, skip) in [
        (64, 32, 1, 1, 64, LayerKind::Linear, Block::Plain, Nonlinearity::Relu, false),
        (64, 32, 1, 2, 64, LayerKind::Linear, Block::Plain, Nonlinearity::Relu, false),
        (7, 33, 3, 3, 10, LayerKind::Linear, Block::Plain, Nonlinearity::Relu, false),
        (1, 1, 1, 4, 1, LayerKind::Linear, Block::Plain, Nonlinearity::Relu, false),
        (8, 40, 4, 2, 1000, LayerKind::Linear, Block::Plain, Nonlinearity::Relu, false),
        (3, 2, 5, 2, 16, LayerKind::Linear, Block::Plain, Nonlinearity::Relu, false),
        (300, 3, 300, 1, 50, LayerKind::Linear, Block::Plain, Nonlinearity::Relu, false),
        (1, 130, 1, 1, 40, LayerKind::Cos(CosInit::Centred), Block::Plain, Nonlinearity::Relu, false),
        (5, 12, 1, 2, 16, LayerKind::Cos(CosInit::Centred), Block::Plain, Nonlinearity::Relu, false),
        (16, 16, 2, 4, 33, LayerKind::Cos(CosInit::Centred), Block::Plain, Nonlinearity::Relu, false),
        (64, 32, 1, 2, 64, LayerKind::Linear, Block::Residual, Nonlinearity::Relu, false),
        (7, 33, 3, 3, 10, LayerKind::Linear, Block::Residual, Nonlinearity::Relu, false),
        (5, 12, 1, 4, 16, LayerKind::Cos(CosInit::Centred), Block::Residual, Nonlinearity::Relu, false),
        (64, 32, 1, 2, 64, LayerKind::Linear, Block::Injection, Nonlinearity::Relu, false),
        (7, 33, 3, 3, 10, LayerKind::Linear, Block::Injection, Nonlinearity::Relu, false),
        (1, 1, 1, 1, 1, LayerKind::Linear, Block::Injection, Nonlinearity::Relu, false),
        (5, 12, 1, 4, 16, LayerKind::Cos(CosInit::Centred), Block::Injection, Nonlinearity::Relu, false),
        (64, 32, 1, 2, 64, LayerKind::Linear, Block::Plain, Nonlinearity::Silu, false),
        (7, 33, 3, 3, 10, LayerKind::Linear, Block::Residual, Nonlinearity::Mish, false),
        (5, 12, 1, 4, 16, LayerKind::Cos(CosInit::Centred), Block::Injection, Nonlinearity::Gelu, false),
        (64, 32, 1, 2, 64, LayerKind::Linear, Block::Plain, Nonlinearity::Relu, true),
        (7, 33, 3, 3, 10, LayerKind::Cos(CosInit::Centred), Block::Injection, Nonlinearity::Silu, true),
    ] {
        let rows = if batch_size == 1 { 7 } else { 101 };
        let rng = generator(5, Stream::Data, 0);
        let one = synthetic(rows, features, 0.1, rng, DType::F64, &Device::Cpu).unwrap();
        let y = Tensor::cat(&vec![one.y(); outputs], 1).unwrap();
        let scale = Tensor::arange(1f64, outputs as f64 + 1., &Device::Cpu).unwrap();
        let data = Dataset::new(one.x().clone(), y.broadcast_mul(&scale).unwrap()).unwrap();
        let model =
            ModelConfig { hidden, min_depth: depth, max_depth: depth, layer, block, activation, skip };
        let by = |engine| TrainConfig {
            batch_size,
            weight_decay: 0.1,
            lr: 1e-2,
            engine,
            ..TrainConfig::default()
        };
        let what = format!("{features} -> {hidden} -> {outputs}, {}, depth {depth}", model.layers());
        let close = Tolerance { rtol: 1e-9, atol: 1e-10 };
        let (errors, ends) = train(device, &data, &model, &by(EngineName::Fused), 3);
        let (their_errors, their_ends) = train(&Device::Cpu, &data, &model, &by(EngineName::Autograd), 3);
        assert_close(&format!("{what}: errors"), &errors, &their_errors, close);
        for ((name, end), (_, expected)) in ends.iter().zip(&their_ends) {
            assert_close(&format!("{what}: {name}"), end, expected, close);
        }
    }
}
