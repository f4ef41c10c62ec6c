//! Several members against networks that are trained alone.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor, Var};
use candle_nn::VarMap;
use taper::config::{EngineName, ModelConfig, TrainConfig};
use taper::data::synthetic;
use taper::nn::{Block, DynamicNet, Norm, named_vars, seeded_builder};
use taper::optim::Schedule;
use taper::plan::Predictor;
use taper::random::{Stream, generator};
use taper::train::Trainer;

use crate::compare::{Tolerance, assert_close, values};

/// Each member ends where it ends alone, on the same batches and depths: gradients that are smaller by the number
/// of members make the same steps, but for what is added to the roots of their moments; and what they predict is
/// the mean.
#[test]
fn members_are_trained_as_they_are_alone() {
    const MEMBERS: usize = 3;
    let rng = generator(2, Stream::Data, 0);
    let data = synthetic(300, 6, 0.1, rng, DType::F64, &Device::Cpu).unwrap();
    for engine in [EngineName::Fused, EngineName::Autograd] {
        let config = TrainConfig {
            epochs: 3,
            lr: 5e-3,
            batch_size: 32,
            schedule: Schedule::OneCycle,
            clip_value: 0.5,
            l1: 0.01,
            l2: 0.1,
            weight_decay: 0.1,
            averaging: 0.9,
            engine,
            ..TrainConfig::default()
        };
        let model = ModelConfig {
            hidden: 12,
            block: Block::Injection,
            norm: Norm::Rms,
            skip: true,
            ..ModelConfig::default()
        };
        let train = |members: usize, vars: &VarMap| {
            let vb = seeded_builder(vars, generator(2, Stream::Init, 0), DType::F64, &Device::Cpu);
            let spec = ModelConfig { members, ..model.clone() }.network(6, 1);
            let mut trainer = Trainer::new(DynamicNet::new(&spec, vb).unwrap(), vars, &config, 2, 0).unwrap();
            let mut rows: Vec<u32> = (0..300).collect();
            let losses: Vec<f64> = (0..3).map(|_| trainer.epoch(&data, &mut rows).unwrap()).collect();
            let net = trainer.predicting_net().unwrap();
            (losses, values(&Predictor::new(&net).unwrap().predict(data.x()).unwrap()))
        };
        // The start of all members.
        let vars = VarMap::new();
        let vb = seeded_builder(&vars, generator(2, Stream::Init, 0), DType::F64, &Device::Cpu);
        let spec = ModelConfig { members: MEMBERS, ..model.clone() }.network(6, 1);
        DynamicNet::new(&spec, vb).unwrap();
        let start: HashMap<String, Tensor> = named_vars(&vars)
            .into_iter()
            .map(|(name, var)| (name, var.as_tensor().copy().unwrap()))
            .collect();
        let (losses, predictions) = train(MEMBERS, &vars);
        let (mut mean_loss, mut mean) = (vec![0.; 3], vec![0.; 300]);
        for member in 0..MEMBERS {
            let (alone, prefix) = (VarMap::new(), format!("members.{member}."));
            for (name, tensor) in &start {
                if let Some(name) = name.strip_prefix(&prefix) {
                    alone.data().lock().unwrap().insert(name.to_owned(), Var::from_tensor(tensor).unwrap());
                }
            }
            let (losses, predictions) = train(1, &alone);
            for (sum, x) in mean_loss.iter_mut().zip(losses).chain(mean.iter_mut().zip(predictions)) {
                *sum += x / MEMBERS as f64;
            }
            let ends = vars.data().lock().unwrap();
            for (name, var) in named_vars(&alone) {
                let end = values(&ends[&format!("{prefix}{name}")]);
                let close = Tolerance { rtol: 1e-4, atol: 1e-6 };
                assert_close(&format!("{engine:?}, {prefix}{name}"), &end, &values(&var), close);
            }
        }
        let close = Tolerance { rtol: 1e-4, atol: 1e-5 };
        assert_close(&format!("{engine:?}, losses"), &losses, &mean_loss, close);
        assert_close(&format!("{engine:?}, predictions"), &predictions, &mean, close);
    }
}
