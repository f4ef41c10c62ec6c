//! Training with each loss: by a plan as by autograd, and towards what the loss is least at.

use crate::compare::{Tolerance, assert_close, values};
use crate::devices;
use candle_core::{DType, Device, Tensor};
use candle_nn::VarMap;
use taper::config::{EngineName, LossName, ModelConfig, TrainConfig};
use taper::data::{Dataset, synthetic};
use taper::nn::{DynamicNet, named_vars, seeded_builder};
use taper::optim::Schedule;
use taper::random::{Stream, generator};
use taper::train::Trainer;

const CLOSE: Tolerance = Tolerance { rtol: 1e-9, atol: 1e-10 };

fn config(loss: LossName) -> TrainConfig {
    let huber_delta = if loss == LossName::Huber { 0.3 } else { 1. };
    TrainConfig { batch_size: 8, lr: 1e-2, loss, huber_delta, ..TrainConfig::default() }
}

/// The losses of some epochs and a step, and the parameters after them.
fn trained(data: &Dataset, config: &TrainConfig) -> Vec<f64> {
    let vars = VarMap::new();
    let (device, outputs) = (data.x().device(), data.targets() * config.loss().outputs());
    let vb = seeded_builder(&vars, generator(3, Stream::Init, 0), DType::F64, device);
    let model = ModelConfig { hidden: 5, ..ModelConfig::default() };
    let net = DynamicNet::new(&model.network(data.features(), outputs), vb).unwrap();
    let mut trainer = Trainer::new(net, &vars, config, 3, 0).unwrap();
    let mut rows: Vec<u32> = (0..data.rows() as u32).collect();
    let mut seen: Vec<f64> = (0..3).map(|_| trainer.epoch(data, &mut rows).unwrap()).collect();
    let (x, y) = data.select(&[4, 50, 3]).unwrap();
    seen.push(trainer.step(&x, &y, 2).unwrap());
    seen.extend(named_vars(&vars).iter().flat_map(|(_, var)| values(var)));
    seen
}

#[test]
fn every_loss_is_trained_by_a_plan_as_by_autograd() {
    let one = synthetic(53, 7, 0.1, generator(5, Stream::Data, 0), DType::F64, &Device::Cpu).unwrap();
    let y = Tensor::cat(&[one.y(), &(one.y() * 2.).unwrap()], 1).unwrap();
    let mut all = Vec::new();
    for loss in [LossName::Mse, LossName::Mae, LossName::Huber, LossName::Quantile] {
        let by = |engine, device: &Device| {
            let (x, y) = (one.x().to_device(device).unwrap(), y.to_device(device).unwrap());
            trained(&Dataset::new(x, y).unwrap(), &TrainConfig { engine, ..config(loss) })
        };
        let expected = by(EngineName::Autograd, &Device::Cpu);
        for device in devices() {
            let what = format!("{loss:?} on {:?}", device.location());
            assert_close(&what, &by(EngineName::Fused, &device), &expected, CLOSE);
        }
        all.push(expected);
    }
    assert!(all.windows(2).all(|pair| pair[0] != pair[1]), "the losses differ");
}

/// What a network learns of rows that are equal but for their targets, 60 of each of `targets`: the numbers
/// that make the loss least.
fn learnt(targets: &[f64], train: &TrainConfig) -> Vec<f64> {
    let y = targets.repeat(60);
    let rows = y.len();
    let x = Tensor::ones((rows, 1), DType::F64, &Device::Cpu).unwrap();
    let data = Dataset::new(x, Tensor::from_vec(y, (rows, 1), &Device::Cpu).unwrap()).unwrap();
    let vars = VarMap::new();
    let vb = seeded_builder(&vars, generator(3, Stream::Init, 0), DType::F64, &Device::Cpu);
    let model = ModelConfig { max_depth: 1, ..ModelConfig::default() };
    let net = DynamicNet::new(&model.network(1, train.loss().outputs()), vb).unwrap();
    let (epochs, lr, schedule) = (300, 0.02, Schedule::Linear);
    let train = TrainConfig { epochs, lr, schedule, batch_size: rows, ..train.clone() };
    let mut trainer = Trainer::new(net, &vars, &train, 3, 0).unwrap();
    let mut order: Vec<u32> = (0..rows as u32).collect();
    for _ in 0..epochs {
        trainer.epoch(&data, &mut order).unwrap();
    }
    values(&trainer.net().predict(&data.select(&[0]).unwrap().0).unwrap())
}

#[test]
fn each_loss_is_least_where_it_should_be() {
    // Of the first targets the mean is 5.4 and the median 2. Huber's loss with a delta of 2 is least where
    // the clamped differences cancel: 2 + (z - 1) + (z - 2) + (z - 4) - 2 = 0. Of the numbers from 0 to 10
    // the second, the sixth and the tenth are the quantiles.
    let (few, eleven) = ([0., 1., 2., 4., 20.], [0., 1., 2., 3., 4., 5., 6., 7., 8., 9., 10.]);
    for (loss, targets, expected) in [
        (LossName::Mse, few.as_slice(), [5.4].as_slice()),
        (LossName::Mae, &few, &[2.]),
        (LossName::Huber, &few, &[7. / 3.]),
        (LossName::Quantile, &eleven, &[1., 5., 9.]),
    ] {
        let found = learnt(targets, &TrainConfig { loss, huber_delta: 2., ..TrainConfig::default() });
        println!("{loss:?}: {found:?}, expected {expected:?}");
        assert_eq!(found.len(), expected.len());
        let is_close = |(found, expected): (&f64, &f64)| (found - expected).abs() <= 0.05;
        assert!(found.iter().zip(expected).all(is_close), "{loss:?}: {found:?}, expected {expected:?}");
    }
}

#[test]
fn outputs_that_are_no_quantiles_are_refused() {
    for engine in [EngineName::Auto, EngineName::Autograd] {
        let vars = VarMap::new();
        let vb = seeded_builder(&vars, generator(3, Stream::Init, 0), DType::F64, &Device::Cpu);
        let net = DynamicNet::new(&ModelConfig::default().network(2, 4), vb).unwrap();
        let config = TrainConfig { engine, ..config(LossName::Quantile) };
        let error = Trainer::new(net, &vars, &config, 3, 0).unwrap_err().to_string();
        assert_eq!(error, "train.quantiles are 3, and the network has 4 outputs; expected a multiple");
    }
}
