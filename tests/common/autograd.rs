//! Training by the fused engine against training by Candle's autograd on the CPU.

use candle_core::{DType, Device, Tensor};
use candle_nn::VarMap;
use taper::config::{EngineName, ModelConfig, TrainConfig};
use taper::data::{Dataset, synthetic};
use taper::nn::{Block, CosInit, DynamicNet, LayerKind, Nonlinearity, Norm, named_vars, seeded_builder};
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
    let (linear, cos) = (LayerKind::Linear, LayerKind::Cos(CosInit::Centred));
    let of = |layer, block| ModelConfig { layer, block, ..ModelConfig::default() };
    for (features, hidden, outputs, depth, batch_size, model) in [
        (64, 32, 1, 1, 64, of(linear, Block::Plain)),
        (64, 32, 1, 2, 64, of(linear, Block::Plain)),
        (7, 33, 3, 3, 10, of(linear, Block::Plain)),
        (1, 1, 1, 4, 1, of(linear, Block::Plain)),
        (8, 40, 4, 2, 1000, of(linear, Block::Plain)),
        (3, 2, 5, 2, 16, of(linear, Block::Plain)),
        (300, 3, 300, 1, 50, of(linear, Block::Plain)),
        (1, 130, 1, 1, 40, of(cos, Block::Plain)),
        (5, 12, 1, 2, 16, of(cos, Block::Plain)),
        (16, 16, 2, 4, 33, of(cos, Block::Plain)),
        (64, 32, 1, 2, 64, of(linear, Block::Residual)),
        (7, 33, 3, 3, 10, of(linear, Block::Residual)),
        (5, 12, 1, 4, 16, of(cos, Block::Residual)),
        (64, 32, 1, 2, 64, of(linear, Block::Injection)),
        (7, 33, 3, 3, 10, of(linear, Block::Injection)),
        (1, 1, 1, 1, 1, of(linear, Block::Injection)),
        (5, 12, 1, 4, 16, of(cos, Block::Injection)),
        (64, 32, 1, 2, 64, ModelConfig { activation: Nonlinearity::Silu, ..of(linear, Block::Plain) }),
        (7, 33, 3, 3, 10, ModelConfig { activation: Nonlinearity::Mish, ..of(linear, Block::Residual) }),
        (5, 12, 1, 4, 16, ModelConfig { activation: Nonlinearity::Gelu, ..of(cos, Block::Injection) }),
        (64, 32, 1, 2, 64, ModelConfig { skip: true, ..of(linear, Block::Plain) }),
        (7, 33, 3, 3, 10, ModelConfig { skip: true, ..of(cos, Block::Injection) }),
        (64, 32, 1, 2, 64, ModelConfig { norm: Norm::Rms, ..of(linear, Block::Plain) }),
        (1, 1, 1, 2, 1, ModelConfig { norm: Norm::Rms, ..of(linear, Block::Residual) }),
        (7, 33, 3, 3, 10, ModelConfig { norm: Norm::Layer, skip: true, ..of(linear, Block::Residual) }),
        (5, 150, 1, 4, 16, ModelConfig { norm: Norm::Layer, ..of(cos, Block::Injection) }),
        (64, 32, 1, 2, 64, ModelConfig { norm: Norm::Batch, ..of(linear, Block::Plain) }),
        (1, 1, 1, 2, 1, ModelConfig { norm: Norm::Batch, ..of(linear, Block::Residual) }),
        (7, 33, 3, 3, 10, ModelConfig { norm: Norm::Batch, skip: true, ..of(linear, Block::Residual) }),
        (5, 150, 1, 4, 16, ModelConfig { norm: Norm::Batch, ..of(cos, Block::Injection) }),
        (64, 32, 1, 2, 64, ModelConfig { dropout: 0.1, ..of(linear, Block::Plain) }),
        (7, 33, 3, 3, 10, ModelConfig { dropout: 0.5, norm: Norm::Rms, ..of(linear, Block::Residual) }),
        (5, 12, 1, 4, 16, ModelConfig { dropout: 0.3, ..of(cos, Block::Injection) }),
    ] {
        let rows = if batch_size == 1 { 7 } else { 101 };
        let rng = generator(5, Stream::Data, 0);
        let one = synthetic(rows, features, 0.1, rng, DType::F64, &Device::Cpu).unwrap();
        let y = Tensor::cat(&vec![one.y(); outputs], 1).unwrap();
        let scale = Tensor::arange(1f64, outputs as f64 + 1., &Device::Cpu).unwrap();
        let data = Dataset::new(one.x().clone(), y.broadcast_mul(&scale).unwrap()).unwrap();
        let model = ModelConfig { hidden, min_depth: depth, max_depth: depth, ..model };
        let by = |engine| TrainConfig {
            batch_size,
            weight_decay: 0.1,
            lr: 1e-2,
            engine,
            ..TrainConfig::default()
        };
        let what = format!("{features} -> {hidden} -> {outputs}, depth {depth}, {}", model.layers());
        let close = Tolerance { rtol: 1e-9, atol: 1e-10 };
        let (errors, ends) = train(device, &data, &model, &by(EngineName::Fused), 3);
        let (their_errors, their_ends) = train(&Device::Cpu, &data, &model, &by(EngineName::Autograd), 3);
        assert_close(&format!("{what}: errors"), &errors, &their_errors, close);
        for ((name, end), (_, expected)) in ends.iter().zip(&their_ends) {
            assert_close(&format!("{what}: {name}"), end, expected, close);
        }
    }
}
