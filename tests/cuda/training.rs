//! Training on CUDA, against PyTorch and against the same training on the CPU.

use crate::compare::{Tolerance, assert_close, values};
use crate::parity::gpu;
use candle_core::{DType, Device, Tensor};
use candle_nn::VarMap;
use taper::config::{Depths, Learner, LossName, ModelConfig, Preparation, Recipe, TrainConfig};
use taper::data::{Dataset, synthetic};
use taper::nn::{
    Block, CosInit, DynamicNet, Halting, LayerKind, Nonlinearity, Norm, named_vars, seeded_builder,
};
use taper::ops::Prior;
use taper::optim::{Penalised, Schedule};
use taper::random::{Stream, generator};
use taper::run::RunOptions;
use taper::train::Trainer;
use taper::{Error, Partition, cross_validate};

#[test]
fn fifty_steps_follow_pytorch() {
    crate::trajectories::follow_pytorch(&gpu());
}

#[test]
fn every_shape_trains_as_by_autograd() {
    crate::autograd::every_shape_trains_as_by_autograd(&gpu());
}

/// A setting that changes what a training does.
type Change = fn(&mut Learner);

/// All of what a network and its training can be made of, each in a small run.
const PIECES: &[(&str, Change)] = &[
    ("the default", |_| {}),
    ("cos layers", |learner| learner.model.layer = LayerKind::Cos(CosInit::Centred)),
    ("residual blocks", |learner| learner.model.block = Block::Residual),
    ("injection blocks", |learner| learner.model.block = Block::Injection),
    ("one-cycle", |learner| (learner.train.schedule, learner.train.lr) = (Schedule::OneCycle, 1e-2)),
    ("clipped norms", |learner| learner.train.clip_norm = 0.5),
    ("clipped values", |learner| learner.train.clip_value = 0.05),
    ("weight decay", |learner| learner.train.weight_decay = 0.1),
    ("L1", |learner| learner.train.l1 = 1.),
    ("L2 on all", |learner| (learner.train.l2, learner.train.penalise) = (0.1, Penalised::All)),
    ("Poisson depths", |learner| learner.train.depths = Depths::Poisson),
    ("all depths", |learner| learner.train.depths = Depths::All),
    ("weighted depths", |learner| {
        (learner.train.depths, learner.train.depth_weights) = (Depths::All, vec![1., 1., 2., 4.]);
    }),
    ("silu", |learner| learner.model.activation = Nonlinearity::Silu),
    ("mish", |learner| learner.model.activation = Nonlinearity::Mish),
    ("gelu", |learner| learner.model.activation = Nonlinearity::Gelu),
    ("a skip", |learner| learner.model.skip = true),
    ("members", |learner| learner.model.members = 3),
    ("bins", |learner| learner.model.bins = 4),
    ("clipped numbers", |learner| {
        (learner.preparation, learner.model.bins, learner.model.skip) = (Preparation::RobustClip, 2, true);
    }),
    ("rms norm", |learner| learner.model.norm = Norm::Rms),
    ("layer norm", |learner| learner.model.norm = Norm::Layer),
    ("batch norm", |learner| learner.model.norm = Norm::Batch),
    ("dropout", |learner| learner.model.dropout = 0.1),
    ("mae", |learner| learner.train.loss = LossName::Mae),
    ("huber", |learner| learner.train.loss = LossName::Huber),
    ("plateau", |learner| (learner.train.schedule, learner.train.validation) = (Schedule::Plateau, 0.2)),
    ("shared halting", |learner| learner.model.halting = Halting::Shared),
    ("adaptive halting", |learner| {
        (learner.model.halting, learner.model.prior) = (Halting::Adaptive, Prior::Geometric);
        learner.train.lr = 1e-2;
    }),
    ("an average", |learner| learner.train.averaging = 0.9),
];

/// What a cross-validation of each piece finds.
#[test]
fn a_cross_validation_gives_the_cpus_result() {
    for (name, change) in PIECES {
        let (model, train) = (Recipe::Seed.model(), Recipe::Seed.train());
        let mut learner = Learner { model, train, ..Learner::default() };
        learner.train.epochs = 3;
        change(&mut learner);
        let rng = generator(learner.seed, Stream::Data, 0);
        let data = synthetic(500, 16, 0.1, rng, DType::F32, &Device::Cpu).unwrap();
        let run = |devices: &[Device]| {
            let options = RunOptions::default();
            let folds = Partition::new(&data, 4, 1, learner.seed).unwrap();
            let results = cross_validate(&data, &learner, &folds, devices, &options).unwrap();
            let by_fold = results.folds.iter().flat_map(|fold| {
                let by_depth = fold.mse_by_depth.values().copied();
                fold.train_loss.iter().copied().chain([fold.metrics.mse]).chain(by_depth)
            });
            by_fold.collect::<Vec<_>>()
        };
        let close = Tolerance { rtol: 1e-4, atol: 1e-6 };
        let expected = run(&[Device::Cpu]);
        assert_close(&format!("{name}, one job"), &run(&[gpu()]), &expected, close);
        if *name == "the default" {
            assert_close(&format!("{name}, three jobs"), &run(&[gpu(), gpu(), gpu()]), &expected, close);
        }
    }
}

fn small_trainer(device: &Device) -> (VarMap, Trainer) {
    let vars = VarMap::new();
    let vb = seeded_builder(&vars, generator(1, Stream::Init, 0), DType::F32, device);
    let net = DynamicNet::new(&ModelConfig::default().network(3, 1), vb).unwrap();
    let config = TrainConfig { batch_size: 4, ..TrainConfig::default() };
    (vars.clone(), Trainer::new(net, &vars, &config, 1, 0).unwrap())
}

fn parameters(vars: &VarMap) -> Vec<f64> {
    named_vars(vars).iter().flat_map(|(_, var)| values(var)).collect()
}

/// Ten rows, the last of which makes its step fail: the same step is named on both devices, and the
/// parameters are those before it.
#[test]
fn the_first_bad_step_is_named_as_on_the_cpu() {
    let mut x = vec![1f32; 30];
    x[27..].fill(1e38);
    let mut y = vec![1f32; 10];
    let bad = |x: &[f32], y: &[f32], device: &Device| {
        let x = Tensor::from_slice(x, (10, 3), device).unwrap();
        let data = Dataset::new(x, Tensor::from_slice(y, (10, 1), device).unwrap()).unwrap();
        let (vars, mut trainer) = small_trainer(device);
        let mut rows: Vec<u32> = (0..9).collect();
        trainer.epoch(&data, &mut rows).unwrap();
        let mut rows: Vec<u32> = (0..10).collect();
        let error = trainer.epoch(&data, &mut rows).unwrap_err();
        let Error::NotFinite { what, epoch, step, depth } = error else { panic!("{error}") };
        println!("{what}, epoch {epoch}, step {step}, depth {depth}");
        ((what, epoch, step, depth), parameters(&vars))
    };
    let check = |x: &[f32], y: &[f32]| {
        let (place, end) = bad(x, y, &gpu());
        let (cpu_place, cpu_end) = bad(x, y, &Device::Cpu);
        assert_eq!(place, cpu_place);
        assert_close("parameters", &end, &cpu_end, Tolerance { rtol: 1e-5, atol: 1e-6 });
        place.0
    };
    assert_eq!(check(&x, &y), "the loss");
    x[27..].fill(1.);
    y[9] = f32::NAN;
    assert_eq!(check(&x, &y), "the loss");

    // A loss that is finite with a gradient that is not: the weights hide the features from the loss, and
    // their gradient is the product of the features with what the bias gets.
    let hidden = |device: &Device| {
        let (vars, mut trainer) = small_trainer(device);
        let weight = vars.data().lock().unwrap()["input.weight"].clone();
        weight.set(&weight.zeros_like().unwrap()).unwrap();
        let before = parameters(&vars);
        let x = Tensor::full(1e38f32, (1, 3), device).unwrap();
        let data = Dataset::new(x, Tensor::full(1e6f32, (1, 1), device).unwrap()).unwrap();
        let error = trainer.epoch(&data, &mut [0]).unwrap_err();
        assert_eq!(parameters(&vars), before, "the parameters are left alone");
        let Error::NotFinite { what, epoch: 0, step: 0, .. } = error else { panic!("{error}") };
        what
    };
    assert_eq!(hidden(&gpu()), "the gradient of input.weight");
    assert_eq!(hidden(&Device::Cpu), "the gradient of input.weight");
}

#[test]
fn what_does_not_fit_is_refused() {
    let gpu = gpu();
    let (vars, mut trainer) = small_trainer(&gpu);
    let before = parameters(&vars);
    let zeros = |shape: (usize, usize), device: &Device| Tensor::zeros(shape, DType::F32, device).unwrap();
    let (x, y) = (zeros((4, 3), &gpu), zeros((4, 1), &gpu));
    let cases = [
        (zeros((4, 2), &gpu), y.clone()),
        (x.clone(), zeros((3, 1), &gpu)),
        (x.clone(), zeros((4, 2), &gpu)),
        (zeros((4, 3), &Device::Cpu), zeros((4, 1), &Device::Cpu)),
        (x.to_dtype(DType::F64).unwrap(), y.to_dtype(DType::F64).unwrap()),
    ];
    for (x, y) in &cases {
        let error = crate::error::first_line(&trainer.step(x, y, 1).unwrap_err());
        assert!(error.contains("expected F32 [n, 3] and [n, 1]"), "{error}");
    }
    let error = crate::error::first_line(&trainer.step(&x, &y, 5).unwrap_err());
    assert!(error.contains("depth is 5, expected one of 1..=4"), "{error}");
    let data = Dataset::new(x, y).unwrap();
    let error = crate::error::first_line(&trainer.epoch(&data, &mut [0, 4]).unwrap_err());
    assert!(error.contains("row 4 of 4"), "{error}");
    assert!(matches!(trainer.epoch(&data, &mut []), Err(Error::NoRows)));
    let nothing = (zeros((0, 3), &gpu), zeros((0, 1), &gpu));
    assert!(matches!(trainer.step(&nothing.0, &nothing.1, 1), Err(Error::NoRows)));
    assert_eq!(parameters(&vars), before);
}

/// Two folds at a time on a GPU that was opened once would share cuBLAS's memory for its work.
#[test]
fn a_gpu_opened_once_takes_one_fold_at_a_time() {
    let data = synthetic(50, 3, 0.1, generator(1, Stream::Data, 0), DType::F32, &Device::Cpu).unwrap();
    let gpu = gpu();
    let (learner, options) = (Learner::default(), RunOptions::default());
    let devices = [gpu.clone(), Device::Cpu, gpu];
    let folds = Partition::new(&data, 4, 1, learner.seed).unwrap();
    let error = cross_validate(&data, &learner, &folds, &devices, &options).unwrap_err().to_string();
    assert_eq!(error, "device has a GPU more than once, expected one opened for each");
}
