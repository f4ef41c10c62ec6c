//! A step of the fused engine allocates nothing: an epoch of many batches allocates hardly more often than
//! one of few.

use candle_core::{DType, Device};
use candle_nn::VarMap;
use taper::config::{EngineName, ModelConfig, TrainConfig};
use taper::data::synthetic;
use taper::nn::{CosInit, DynamicNet, LayerKind, Nonlinearity, Norm, seeded_builder};
use taper::random::{Stream, generator};
use taper::train::Trainer;

use crate::Count;

/// How often an epoch of `batches` batches allocates, when the buffers are there.
fn allocations(model: &ModelConfig, engine: EngineName, batches: u32) -> usize {
    let (batch_size, features) = (8, 5);
    let rng = generator(1, Stream::Data, 0);
    let rows = batches * batch_size;
    let data = synthetic(rows as usize, features, 0.1, rng, DType::F32, &Device::Cpu).unwrap();
    let vars = VarMap::new();
    let vb = seeded_builder(&vars, generator(1, Stream::Init, 0), DType::F32, &Device::Cpu);
    let net = DynamicNet::new(&model.network(features, 1), vb).unwrap();
    let config = TrainConfig { batch_size: batch_size as usize, engine, ..TrainConfig::default() };
    let mut trainer = Trainer::new(net, &vars, &config, 1, 0).unwrap();
    let mut rows: Vec<u32> = (0..rows).collect();
    trainer.epoch(&data, &mut rows).unwrap();
    let before = Count::of_thread().times;
    trainer.epoch(&data, &mut rows).unwrap();
    Count::of_thread().times - before
}

#[test]
fn a_step_allocates_nothing() {
    let default = ModelConfig { hidden: 33, ..ModelConfig::default() };
    let cos = ModelConfig { layer: LayerKind::Cos(CosInit::Centred), ..default.clone() };
    let (activation, norm) = (Nonlinearity::Gelu, Norm::Layer);
    let additions = ModelConfig { activation, norm, skip: true, dropout: 0.1, ..default.clone() };
    let batch_norm = ModelConfig { norm: Norm::Batch, ..default.clone() };
    for model in [default, cos, additions, batch_norm] {
        let (layers, count) =
            (model.layers(), |engine| [4, 256].map(|batches| allocations(&model, engine, batches)));
        let [few, many] = count(EngineName::Fused);
        println!("{layers}: {few} allocations with 4 batches, {many} with 256");
        // The lists of an epoch's batches grow by doubling.
        assert!(many <= few + 24, "{layers}: {few} allocations with 4 batches, {many} with 256");
        let [few, many] = count(EngineName::Autograd);
        assert!(many > few + 252, "{layers}: the allocations by autograd, {few} and {many}, are not seen");
    }
}
