//! The fused engine, on the CPU and with the feature `cuda` on the GPU, against Candle's autograd on the CPU,
//! where an engine could go wrong on its own: what it keeps from step to step, and the networks that it must
//! leave to autograd.

use crate::compare::{Tolerance, assert_close, values};
use crate::devices;
use crate::error::first_line;
use candle_core::{DType, Device, Tensor, Var};
use candle_nn::{Optimizer, VarMap};
use taper::Error;
use taper::config::{EngineName, ModelConfig, TrainConfig};
use taper::data::{Dataset, synthetic};
use taper::nn::{CosInit, DynamicNet, LayerKind, Nonlinearity, Norm, named_vars, seeded_builder};
use taper::ops::mse;
use taper::optim::{AdamW, AdamWConfig, Schedule};
use taper::random::{Stream, generator};
use taper::train::Trainer;

const CLOSE: Tolerance = Tolerance { rtol: 1e-9, atol: 1e-10 };
const FEATURES: usize = 7;
const OUTPUTS: usize = 2;

/// 53 rows of seven features and two targets.
fn data(device: &Device) -> Dataset {
    let rng = generator(5, Stream::Data, 0);
    let one = synthetic(53, FEATURES, 0.1, rng, DType::F64, &Device::Cpu).unwrap();
    let y = Tensor::cat(&[one.y(), &(one.y() * 2.).unwrap()], 1).unwrap();
    Dataset::new(one.x().to_device(device).unwrap(), y.to_device(device).unwrap()).unwrap()
}

fn network(device: &Device, model: &ModelConfig) -> (VarMap, DynamicNet) {
    let vars = VarMap::new();
    let vb = seeded_builder(&vars, generator(3, Stream::Init, 0), DType::F64, device);
    let net = DynamicNet::new(&model.network(FEATURES, OUTPUTS), vb).unwrap();
    (vars, net)
}

/// A network with dropout, whose masks are another in each step, and with all else that may be added.
fn additions() -> ModelConfig {
    let (activation, norm) = (Nonlinearity::Silu, Norm::Layer);
    ModelConfig { activation, norm, skip: true, dropout: 0.2, ..ModelConfig::default() }
}

fn config(engine: EngineName) -> TrainConfig {
    TrainConfig { batch_size: 8, weight_decay: 0.1, lr: 1e-2, engine, ..TrainConfig::default() }
}

fn parameters(vars: &VarMap) -> Vec<f64> {
    named_vars(vars).iter().flat_map(|(_, var)| values(var)).collect()
}

fn var(vars: &VarMap, name: &str) -> Var {
    vars.data().lock().unwrap()[name].clone()
}

/// The place where the loss was not finite, as a list of numbers.
fn place(error: Error) -> Vec<f64> {
    match error {
        Error::NotFinite { what, epoch, step, depth } if what == "the loss" => {
            vec![epoch as f64, step as f64, depth as f64]
        }
        other => panic!("{other}"),
    }
}

/// Holds what `run` returns with the engine that is chosen on each device against what it returns with
/// autograd.
fn agree(what: &str, run: impl Fn(&Device, EngineName) -> Vec<f64>) {
    let expected = run(&Device::Cpu, EngineName::Autograd);
    for device in devices() {
        let what = format!("{what} on {:?}", device.location());
        assert_close(&what, &run(&device, EngineName::Auto), &expected, CLOSE);
    }
}

/// Epochs and single steps, batches that grow and shrink, failures of both kinds, a variable that the caller
/// changes: moments, parameters and the number of updates are those of the CPU after each.
#[test]
fn a_long_life_goes_as_by_autograd() {
    let cos = ModelConfig { layer: LayerKind::Cos(CosInit::Centred), ..ModelConfig::default() };
    for model in [ModelConfig::default(), cos, additions()] {
        agree(&model.layers(), |device, engine| {
            let data = data(device);
            let (vars, net) = network(device, &ModelConfig { hidden: 5, ..model.clone() });
            let mut trainer = Trainer::new(net, &vars, &config(engine), 3, 0).unwrap();
            let mut seen = vec![trainer.epoch(&data, &mut (0..20).collect::<Vec<_>>()).unwrap()];

            let (x, y) = data.select(&[4, 50, 3]).unwrap();
            seen.push(trainer.step(&x, &y, 2).unwrap());
            seen.extend(parameters(&vars));
            seen.push(trainer.epoch(&data, &mut (0..53).collect::<Vec<_>>()).unwrap());

            // The last row alone is bad, and its step is not the first.
            let bad = data.x().narrow(0, 0, 52).unwrap();
            let nan = Tensor::full(f64::NAN, (1, FEATURES), device).unwrap();
            let bad = Dataset::new(Tensor::cat(&[&bad, &nan], 0).unwrap(), data.y().clone()).unwrap();
            let failed = place(trainer.epoch(&bad, &mut (0..53).collect::<Vec<_>>()).unwrap_err());
            assert!(failed[1] > 0., "{failed:?}");
            seen.extend(failed);
            seen.extend(parameters(&vars));
            let before = parameters(&vars);
            seen.extend(place(
                trainer.step(&bad.select(&[52]).unwrap().0, &y.narrow(0, 0, 1).unwrap(), 3).unwrap_err(),
            ));
            assert_eq!(parameters(&vars), before);
            seen.push(trainer.epoch(&data, &mut (10..30).collect::<Vec<_>>()).unwrap());
            seen.extend(parameters(&vars));

            let weight = var(&vars, "hidden.weight");
            weight.set(&(weight.as_tensor() * 0.5).unwrap()).unwrap();
            seen.push(trainer.step(data.x(), data.y(), 1).unwrap());
            seen.push(trainer.epoch(&data, &mut (0..11).collect::<Vec<_>>()).unwrap());
            weight.set(&(weight.as_tensor() * 2.).unwrap()).unwrap();
            seen.push(trainer.epoch(&data, &mut (0..53).collect::<Vec<_>>()).unwrap());
            seen.extend(parameters(&vars));
            seen
        });
    }
}

/// An update may carry a parameter to infinity. That is no failure of its step, and the next step's loss
/// tells.
#[test]
fn an_infinite_parameter_fails_the_next_step() {
    agree("infinite", |device, engine| {
        let (vars, net) = network(device, &ModelConfig::default());
        let config = TrainConfig { lr: 1e308, batch_size: 53, engine, ..TrainConfig::default() };
        let mut trainer = Trainer::new(net, &vars, &config, 3, 0).unwrap();
        let mut seen = vec![trainer.epoch(&data(device), &mut (0..53).collect::<Vec<_>>()).unwrap()];
        assert!(parameters(&vars).iter().any(|x| !x.is_finite()));
        seen.extend(place(trainer.epoch(&data(device), &mut (0..53).collect::<Vec<_>>()).unwrap_err()));
        seen
    });
}

/// Depths drawn from every kind of range. At depth 0 the hidden layer has no gradient, and is left alone.
#[test]
fn every_range_of_depths_trains_as_by_autograd() {
    for (min_depth, max_depth) in [(0, 0), (0, 2), (1, 4), (3, 3), (2, 9)] {
        agree(&format!("depths {min_depth}..={max_depth}"), |device, engine| {
            let model = ModelConfig { hidden: 6, min_depth, max_depth, ..ModelConfig::default() };
            let (vars, net) = network(device, &model);
            let mut trainer = Trainer::new(net, &vars, &config(engine), 3, 0).unwrap();
            let mut rows: Vec<u32> = (0..53).collect();
            let mut seen: Vec<_> = (0..3).map(|_| trainer.epoch(&data(device), &mut rows).unwrap()).collect();
            seen.extend(parameters(&vars));
            seen
        });
    }
}

/// Variables that the network has not, and parameters that are no variables of the trainer's.
#[test]
fn only_the_trainers_variables_are_trained() {
    let keep = |vars: &VarMap, drop: &[&str]| {
        let kept = VarMap::new();
        for (name, var) in named_vars(vars).into_iter().filter(|(name, _)| !drop.contains(&name.as_str())) {
            kept.data().lock().unwrap().insert(name, var);
        }
        kept
    };
    for (drop, add) in [
        (&["hidden.weight", "hidden.bias"][..], false),
        (&["input.bias"], true),
        (&[], true),
        (
            &["input.bias", "input.weight", "hidden.bias", "hidden.weight", "output.bias", "output.weight"],
            true,
        ),
    ] {
        agree(&format!("without {drop:?}, with another: {add}"), |device, engine| {
            let (vars, net) = network(device, &ModelConfig { hidden: 6, ..ModelConfig::default() });
            let start: Vec<_> = drop.iter().map(|name| values(&var(&vars, name))).collect();
            let trained = keep(&vars, drop);
            let other = Var::ones(3, DType::F64, device).unwrap();
            if add {
                trained.data().lock().unwrap().insert("other".to_owned(), other.clone());
            }
            let mut trainer = Trainer::new(net, &trained, &config(engine), 3, 0).unwrap();
            let seen = trainer.epoch(&data(device), &mut (0..53).collect::<Vec<_>>()).unwrap();
            for (name, start) in drop.iter().zip(&start) {
                assert_eq!(values(&var(&vars, name)), *start, "{name}");
            }
            assert_eq!(values(&other), [1.; 3]);
            [vec![seen], parameters(&vars)].concat()
        });
    }
}

/// Two layers that share their bias, beside a variable of no layer.
#[test]
fn shared_parameters_are_trained_as_by_autograd() {
    agree("shared", |device, engine| {
        let vars = VarMap::new();
        let vb = seeded_builder(&vars, generator(3, Stream::Init, 0), DType::F64, device)
            .rename_f(|name| name.replace("hidden.bias", "input.bias"));
        let model = ModelConfig { hidden: 6, ..ModelConfig::default() };
        let net = DynamicNet::new(&model.network(FEATURES, OUTPUTS), vb).unwrap();
        let other = Var::ones(3, DType::F64, device).unwrap();
        vars.data().lock().unwrap().insert("other".to_owned(), other);
        assert_eq!(named_vars(&vars).len(), 6);
        let mut trainer = Trainer::new(net, &vars, &config(engine), 3, 0).unwrap();
        let seen = trainer.epoch(&data(device), &mut (0..53).collect::<Vec<_>>()).unwrap();
        [vec![seen], parameters(&vars)].concat()
    });
}

/// Two trainers that take turns on one device give what each gives alone.
#[test]
fn trainers_on_one_device_do_not_meet() {
    devices().iter().for_each(trainers_do_not_meet_on);
}

fn trainers_do_not_meet_on(device: &Device) {
    let data = data(device);
    let trainer = |hidden| {
        let (vars, net) = network(device, &ModelConfig { hidden, ..ModelConfig::default() });
        (vars.clone(), Trainer::new(net, &vars, &config(EngineName::Auto), 3, 0).unwrap())
    };
    let alone = |hidden| {
        let (vars, mut trainer) = trainer(hidden);
        let mut rows: Vec<u32> = (0..53).collect();
        for _ in 0..2 {
            trainer.epoch(&data, &mut rows).unwrap();
        }
        parameters(&vars)
    };
    let expected = [alone(9), alone(12)];
    let ((vars, mut first), (other_vars, mut second)) = (trainer(9), trainer(12));
    let (mut rows, mut other_rows): (Vec<u32>, Vec<u32>) = ((0..53).collect(), (0..53).collect());
    for _ in 0..2 {
        first.epoch(&data, &mut rows).unwrap();
        second.epoch(&data, &mut other_rows).unwrap();
    }
    drop(first);
    assert_eq!([parameters(&vars), parameters(&other_vars)], expected);
}

#[test]
fn settings_that_make_no_sense_are_refused_as_by_autograd() {
    let refusal = |device: &Device, config: &TrainConfig| {
        let (vars, net) = network(device, &ModelConfig::default());
        first_line(&Trainer::new(net, &vars, config, 3, 0).unwrap_err())
    };
    for config in [
        TrainConfig { lr: f64::NAN, ..TrainConfig::default() },
        TrainConfig { lr: -1., ..TrainConfig::default() },
        TrainConfig { weight_decay: f64::INFINITY, ..TrainConfig::default() },
    ] {
        let expected = refusal(&Device::Cpu, &TrainConfig { engine: EngineName::Autograd, ..config.clone() });
        assert!(expected.starts_with("AdamW: "), "{expected}");
        for device in devices() {
            assert_eq!(refusal(&device, &config), expected);
        }
    }
}

/// A kernel that meets a row beyond the end stops a GPU for the rest of the process, so no such row may reach
/// one.
#[test]
fn rows_that_there_are_not_are_refused() {
    for device in devices() {
        for row in [53, u32::MAX] {
            let error = first_line(&data(&device).select(&[0, row]).unwrap_err());
            assert!(error.contains(&format!("row {row} of 53")), "{error}");
        }
    }
}

/// The rates of a schedule, against a loop by hand over the batches that the trainer took.
#[test]
fn the_rate_of_each_step_follows_the_schedule() {
    let (epochs, batch, data) = (3, 8, data(&Device::Cpu));
    let model = ModelConfig { min_depth: 2, max_depth: 2, ..ModelConfig::default() };
    for (schedule, warmup) in [(Schedule::Cosine, 0.), (Schedule::OneCycle, 0.), (Schedule::Linear, 0.4)] {
        for engine in [EngineName::Fused, EngineName::Autograd] {
            let config = TrainConfig { epochs, schedule, warmup, ..config(engine) };
            let (vars, net) = network(&Device::Cpu, &model);
            let mut trainer = Trainer::new(net, &vars, &config, 3, 0).unwrap();
            let (by_hand, net) = network(&Device::Cpu, &model);
            let settings =
                AdamWConfig { lr: config.lr, weight_decay: config.weight_decay, ..AdamWConfig::default() };
            let mut adamw =
                AdamW::new(by_hand.all_vars(), settings).unwrap().decaying_only(|var| var.rank() > 1);
            let mut rows: Vec<u32> = (0..53).collect();
            let (mut step, steps) = (0, 7 * epochs as u64);
            for _ in 0..epochs {
                trainer.epoch(&data, &mut rows).unwrap();
                for batch in rows.chunks(batch) {
                    let rising = warmup * steps as f64;
                    let risen = if warmup > 0. { ((step + 1) as f64 / rising).min(1.) } else { 1. };
                    adamw.set_learning_rate(config.lr * risen * schedule.factor(step, steps));
                    let (x, y) = data.select(batch).unwrap();
                    let loss = mse(&net.forward_at_depth(&x, 2).unwrap(), &y).unwrap();
                    adamw.backward_step(&loss).unwrap();
                    step += 1;
                }
            }
            let what = format!("{schedule:?} by {engine:?}");
            assert_close(&what, &parameters(&vars), &parameters(&by_hand), CLOSE);
        }
    }
}

/// Training that is paused after any of its steps, and resumed in a new trainer, is training without a pause,
/// bit for bit.
#[test]
fn a_paused_training_goes_on_to_the_bit() {
    let places =
        devices().into_iter().flat_map(|d| [(d.clone(), EngineName::Auto), (d, EngineName::Autograd)]);
    let models = [ModelConfig::default(), additions()];
    for ((device, engine), model) in places.flat_map(|place| models.each_ref().map(|m| (place.clone(), m))) {
        let data = data(&device);
        let start = || {
            let (vars, net) = network(&device, model);
            let schedule = Schedule::OneCycle;
            let config = TrainConfig {
                epochs: 3,
                schedule,
                warmup: 0.2,
                clip_norm: 1.,
                averaging: 0.9,
                ..config(engine)
            };
            (vars.clone(), Trainer::new(net, &vars, &config, 3, 0).unwrap())
        };
        let (expected_vars, mut expected_trainer) = start();
        let mut expected_rows: Vec<u32> = (0..53).collect();
        let expected: Vec<_> =
            (0..3).map(|_| expected_trainer.epoch(&data, &mut expected_rows).unwrap()).collect();

        // Seven steps an epoch, a pause after each fourth.
        let (mut vars, mut trainer) = start();
        let (mut rows, mut losses, mut pauses) = ((0..53).collect::<Vec<u32>>(), Vec::new(), 0);
        while losses.len() < 3 {
            let mut steps = 0;
            let mut pause = || {
                steps += 1;
                steps == 4
            };
            losses.extend(trainer.advance(&data, &mut rows, &mut pause).unwrap());
            let state = trainer.state().unwrap();
            (vars, trainer) = start();
            trainer.load_state(&state).unwrap();
            pauses += 1;
        }
        assert_eq!(pauses, 6, "one within each epoch, and one at its end");
        assert_eq!(losses, expected, "{engine:?}");
        assert_eq!(rows, expected_rows);
        assert_eq!(parameters(&vars), parameters(&expected_vars), "{engine:?}");
        let averages = |trainer: &Trainer| {
            let net = trainer.predicting_net().unwrap();
            net.named_parameters().flat_map(|(_, parameter)| values(parameter)).collect::<Vec<_>>()
        };
        assert_eq!(averages(&trainer), averages(&expected_trainer), "{engine:?}");
        assert_ne!(averages(&trainer), parameters(&vars));
    }
}

#[test]
fn a_state_of_another_network_is_refused() {
    let trainer = |hidden, engine| {
        let (vars, net) = network(&Device::Cpu, &ModelConfig { hidden, ..ModelConfig::default() });
        Trainer::new(net, &vars, &config(engine), 3, 0).unwrap()
    };
    for engine in [EngineName::Fused, EngineName::Autograd] {
        let state = trainer(8, engine).state().unwrap();
        let error = first_line(&trainer(9, engine).load_state(&state).unwrap_err());
        assert!(error.contains("hidden.bias is F64 [8], expected F64 [9]"), "{error}");
        let mut less = state.clone();
        less.tensors.remove("second_moment.input.bias");
        let error = first_line(&trainer(8, engine).load_state(&less).unwrap_err());
        assert!(error.contains("there is no tensor second_moment.input.bias"), "{error}");
        let mut less = state.clone();
        less.progress.updates.remove("input.bias");
        let error = first_line(&trainer(8, engine).load_state(&less).unwrap_err());
        assert!(error.contains("there is no state of input.bias"), "{error}");
        let mut more = state.clone();
        more.progress.updates.insert("other.bias".to_owned(), 0);
        for kind in ["first_moment", "second_moment"] {
            let tensor = more.tensors[&format!("{kind}.input.bias")].clone();
            more.tensors.insert(format!("{kind}.other.bias"), tensor);
        }
        let error = first_line(&trainer(8, engine).load_state(&more).unwrap_err());
        assert!(error.contains("there is a state of other.bias, which is no parameter"), "{error}");
    }
}

/// A single element of a gradient that is infinite, the loss being finite: the unit `unit` alone is alive,
/// and sees the feature `feature` alone, which overflows in the product with the gradient of the loss.
#[test]
fn an_infinite_element_of_a_gradient_is_found_everywhere() {
    let hidden = 33;
    for device in devices() {
        for engine in [EngineName::Auto, EngineName::Autograd] {
            let (vars, net) = network(&device, &ModelConfig { hidden, ..ModelConfig::default() });
            let mut trainer = Trainer::new(net, &vars, &config(engine), 3, 0).unwrap();
            let set = |name: &str, f: &dyn Fn(usize) -> f64| {
                let var = var(&vars, name);
                let x = Tensor::from_vec((0..var.elem_count()).map(f).collect(), var.shape(), &Device::Cpu);
                var.set(&x.unwrap().to_device(&device).unwrap()).unwrap();
            };
            for name in ["hidden.weight", "output.weight"] {
                set(name, &|_| 1.);
            }
            for name in ["hidden.bias", "output.bias", "input.weight"] {
                set(name, &|_| 0.);
            }
            for unit in [0, 1, 3, 4, 7, 8, 15, 16, 31, 32] {
                set("input.bias", &|i| if i == unit { 1. } else { -1. });
                for feature in [0, 1, 3, 4, FEATURES - 1] {
                    let before = parameters(&vars);
                    let mut row = vec![0.; FEATURES];
                    row[feature] = 1e300;
                    let x = Tensor::from_vec(row, (1, FEATURES), &device).unwrap();
                    let y = Tensor::full(1e100, (1, OUTPUTS), &device).unwrap();
                    let error = trainer.step(&x, &y, 1).unwrap_err();
                    let what = format!("{engine:?}, unit {unit}, feature {feature}: {error}");
                    let Error::NotFinite { what: found, .. } = error else { panic!("{what}") };
                    assert_eq!(found, "the gradient of input.weight", "{what}");
                    assert_eq!(parameters(&vars), before, "{what}");
                }
            }
        }
    }
}
