//! The optimiser and whole training runs against PyTorch and Candle, and against themselves.

// Clippy takes what is outside test functions for production code.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Tensor, Var};
use candle_nn::{Optimizer, VarBuilder, VarMap};
use common::{Tolerance, array, assert_close, indices, number, numbers, reference, shaped, tensor, values};
use serde_json::Value;
use taper::config::{CvConfig, LayerName, ModelConfig, TrainConfig};
use taper::data::{Dataset, synthetic};
use taper::nn::{CosInit, DynamicNet};
use taper::optim::{AdamW, AdamWConfig};
use taper::random::{Stream, generator};
use taper::report::CvReport;
use taper::train::Trainer;
use taper::{Error, cross_validate};

const TIGHT: Tolerance = Tolerance { rtol: 1e-12, atol: 1e-14 };

/// The gradients of step `step` of a case of `adamw.json`; every third step the second parameter has none.
fn grads_at(case: &Value, vars: &[Var], step: usize) -> GradStore {
    let mut grads = GradStore::default();
    for (k, var) in vars.iter().enumerate().filter(|&(k, _)| k == 0 || step % 3 != 2) {
        let len = var.elem_count();
        let grad = &numbers(&case["grads"][k])[step * len..(step + 1) * len];
        grads.insert(var, Tensor::from_slice(grad, var.shape(), &Device::Cpu).unwrap());
    }
    grads
}

fn start(case: &Value) -> Vec<Var> {
    let shapes: [&[usize]; 2] = [&[3, 4], &[5]];
    let start = array(&case["start"]).iter().zip(shapes);
    start.map(|(x, shape)| Var::from_tensor(&shaped(x, shape, DType::F64)).unwrap()).collect()
}

fn adamw(vars: &[Var], case: &Value) -> AdamW {
    let config =
        AdamWConfig { lr: 1e-2, weight_decay: number(&case["weight_decay"]), ..AdamWConfig::default() };
    AdamW::new(vars.to_vec(), config).unwrap()
}

#[test]
fn adamw_is_that_of_pytorch() {
    for case in array(&reference("adamw.json")) {
        let vars = start(case);
        let mut optimizer = adamw(&vars, case);
        for step in 0..100 {
            optimizer.step(&grads_at(case, &vars, step)).unwrap();
        }
        for (k, (var, state)) in vars.iter().zip(optimizer.state()).enumerate() {
            let what = format!("decay {}, parameter {k}", case["weight_decay"]);
            assert_eq!(u64::from(state.steps), case["steps"][k].as_u64().unwrap(), "{what}: steps");
            assert_close(&what, &values(var), &numbers(&case["end"][k]), TIGHT);
            for (name, moment) in
                [("first_moment", &state.first_moment), ("second_moment", &state.second_moment)]
            {
                assert_close(&format!("{what}: {name}"), &values(moment), &numbers(&case[name][k]), TIGHT);
            }
        }
    }
}

/// Candle's AdamW counts steps globally, so it agrees on the parameter that has a gradient in every step.
#[test]
fn adamw_is_that_of_candle() {
    for case in array(&reference("adamw.json")) {
        let (ours, theirs) = (start(case), start(case));
        let mut optimizer = adamw(&ours, case);
        let config = optimizer.config();
        let mut candle = candle_nn::AdamW::new(
            theirs.clone(),
            candle_nn::ParamsAdamW {
                lr: config.lr,
                beta1: config.beta1,
                beta2: config.beta2,
                eps: config.eps,
                weight_decay: config.weight_decay,
            },
        )
        .unwrap();
        for step in 0..100 {
            optimizer.step(&grads_at(case, &ours, step)).unwrap();
            candle.step(&grads_at(case, &theirs, step)).unwrap();
        }
        assert_close("candle_nn::AdamW", &values(&ours[0]), &values(&theirs[0]), TIGHT);
    }
}

#[test]
fn adamw_goes_on_from_a_restored_state() {
    let cases = reference("adamw.json");
    let case = &cases[1];
    let vars = start(case);
    let mut first = adamw(&vars, case);
    for step in 0..50 {
        first.step(&grads_at(case, &vars, step)).unwrap();
    }
    let mut second = adamw(&vars, case);
    second.load_state(first.state().to_vec()).unwrap();
    for step in 50..100 {
        second.step(&grads_at(case, &vars, step)).unwrap();
    }
    for (k, var) in vars.iter().enumerate() {
        assert_close("restored", &values(var), &numbers(&case["end"][k]), TIGHT);
    }

    let error = second.load_state(first.state()[..1].to_vec()).unwrap_err().to_string();
    assert!(error.contains("the state has 1 parameters, expected 2"), "{error}");
    let mut swapped = first.state().to_vec();
    swapped.reverse();
    let error = second.load_state(swapped).unwrap_err().to_string();
    assert!(error.contains("a moment of parameter 0 is F64 [5], expected F64 [3, 4]"), "{error}");
    let integer = Var::new(&[1u32], &Device::Cpu).unwrap();
    assert!(AdamW::new(vec![integer], AdamWConfig::default()).is_err());
}

#[test]
fn fifty_steps_follow_pytorch() {
    for case in array(&reference("trajectories.json")) {
        let vars = VarMap::new();
        for (name, value) in case["start"].as_object().unwrap() {
            let var = Var::from_tensor(&tensor(value, DType::F32)).unwrap();
            vars.data().lock().unwrap().insert(name.clone(), var);
        }
        let layer = match case["layer"].as_str() {
            Some("linear") => LayerName::Linear,
            Some("cos") => LayerName::Cos,
            layer => panic!("unknown layer {layer:?}"),
        };
        let model = ModelConfig { hidden: 16, layer, ..ModelConfig::default() };
        let vb = VarBuilder::from_varmap(&vars, DType::F32, &Device::Cpu);
        let net = DynamicNet::new(&model.network(8, 1), vb).unwrap();
        let config = TrainConfig { lr: number(&case["lr"]), ..TrainConfig::default() };
        let mut trainer = Trainer::new(net, &vars, &config, 0, 0).unwrap();

        let x = shaped(&case["x"], (64, 8), DType::F32);
        let data = Dataset::new(x, shaped(&case["y"], (64, 1), DType::F32)).unwrap();
        let steps = array(&case["batches"]).iter().zip(indices(&case["depths"]));
        let losses: Vec<f64> = steps
            .map(|(batch, depth)| {
                let batch: Vec<u32> = indices(batch).into_iter().map(|i| i as u32).collect();
                let (x, y) = data.select(&batch).unwrap();
                trainer.step(&x, &y, depth).unwrap()
            })
            .collect();
        let what = format!("50 steps of {}", case["layer"]);
        let losses_close = Tolerance { rtol: 1e-5, atol: 1e-5 };
        assert_close(&format!("{what}: losses"), &losses, &numbers(&case["losses"]), losses_close);
        for (name, value) in case["end"].as_object().unwrap() {
            let end = values(&vars.data().lock().unwrap()[name]);
            // Relative to the largest parameter of the tensor: single ones pass through zero.
            let expected = numbers(&value["values"]);
            let largest = expected.iter().fold(0f64, |largest, x| largest.max(x.abs()));
            let close = Tolerance { rtol: 0., atol: 1e-4 * largest };
            assert_close(&format!("{what}: {name}"), &end, &expected, close);
        }
    }
}

fn small_config() -> CvConfig {
    let mut config = CvConfig::default();
    (config.data.rows, config.data.features, config.train.epochs) = (330, 6, 3);
    config.model.hidden = 8;
    config
}

fn run(config: CvConfig, jobs: usize) -> Result<CvReport, Error> {
    let config = config.validate()?;
    let rng = generator(config.seed, Stream::Data, 0);
    let data = &config.data;
    let data = synthetic(data.rows, data.features, data.noise, rng, config.dtype.into(), &Device::Cpu)?;
    cross_validate(&config, &data, jobs)
}

/// The report as JSON without the times.
fn timeless(report: &CvReport) -> Value {
    let mut json = serde_json::to_value(report).unwrap();
    json["seconds"].take();
    for fold in json["folds"].as_array_mut().unwrap() {
        fold["seconds"].take();
    }
    json
}

#[test]
fn the_result_does_not_depend_on_the_jobs_and_repeats() {
    let once = timeless(&run(small_config(), 1).unwrap());
    for jobs in [1, 2, 3, 4, 9] {
        assert_eq!(timeless(&run(small_config(), jobs).unwrap()), once, "{jobs} jobs");
    }
    let other = CvConfig { seed: 2, ..small_config() };
    assert_ne!(timeless(&run(other, 1).unwrap())["folds"], once["folds"]);
}

#[test]
fn the_report_is_complete() {
    let report = run(small_config(), 2).unwrap();
    assert_eq!(report.folds.len(), 4);
    for (i, fold) in report.folds.iter().enumerate() {
        assert_eq!((fold.fold, fold.train_mse.len()), (i, 3));
        assert_eq!(fold.mse_by_depth.keys().copied().collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert!(fold.metrics.mse.is_finite() && fold.metrics.r2.unwrap() < 1.);
    }
}

/// The weights of a linear law are found: without noise and with one depth the error falls to next to nothing.
#[test]
fn a_linear_law_is_learnt() {
    let mut config = small_config();
    (config.data.rows, config.data.noise) = (2000, 0.);
    (config.train.epochs, config.train.lr) = (30, 1e-2);
    let report = run(config, 2).unwrap();
    println!("r2 {:?}", report.mean.metrics.r2);
    assert!(report.mean.metrics.r2.unwrap() > 0.99);
}

#[test]
fn an_explosion_is_an_error_that_says_where() {
    let mut config = small_config();
    config.train.lr = 1e18;
    for jobs in [1, 4] {
        let error = run(config.clone(), jobs).unwrap_err();
        let Error::Fold { fold: 0, source } = &error else { panic!("{error}") };
        let Error::NotFinite { what, epoch, step, depth } = &**source else { panic!("{source}") };
        println!("{error}: {source}");
        assert!(what.starts_with("the loss") || what.starts_with("the gradient of "), "{what}");
        assert_eq!(*epoch, 0);
        assert!((1..4).contains(step) && (1..=4).contains(depth), "step {step}, depth {depth}");
    }
}

#[test]
fn a_kaiming_cosine_explodes_as_in_pytorch() {
    let mut config = small_config();
    config.model.layer = LayerName::Cos;
    (config.data.features, config.model.hidden) = (64, 32);
    let centred = run(config.clone(), 2).unwrap().mean.metrics.mse;
    config.model.cos_init = CosInit::Kaiming;
    let kaiming = run(config, 2).unwrap().mean.metrics.mse;
    println!("mse {centred} centred, {kaiming} Kaiming");
    assert!(kaiming.is_finite() && kaiming > 1e6 * centred);
}
