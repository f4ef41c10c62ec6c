//! Training steps, epochs and whole runs, against PyTorch and against their parts.

use crate::compare::{Tolerance, assert_close, values};
use candle_core::{DType, Device, Tensor};
use candle_nn::{Optimizer, VarMap};
use rand::Rng;
use rand::seq::SliceRandom;
use serde_json::Value;
use taper::config::{CvConfig, EngineName, Learner, ModelConfig, Recipe, TrainConfig};
use taper::data::{Dataset, Fold, KFold, synthetic};
use taper::evaluate::evaluate;
use taper::nn::{CosInit, DynamicNet, LayerKind, seeded_builder};
use taper::optim::{AdamW, AdamWConfig};
use taper::random::{Stream, generator};
use taper::report::CvReport;
use taper::run::RunOptions;
use taper::train::Trainer;
use taper::{Error, Partition, Stop, baselines, cross_validate};

#[test]
fn fifty_steps_follow_pytorch() {
    crate::trajectories::follow_pytorch(&Device::Cpu);
}

#[test]
fn every_shape_trains_as_by_autograd() {
    crate::autograd::every_shape_trains_as_by_autograd(&Device::Cpu);
}

/// In single precision the engines differ by rounding, which three epochs do not blow up.
#[test]
fn engines_give_one_result() {
    for layer in [LayerKind::Linear, LayerKind::Cos(CosInit::Centred)] {
        let run = |engine| {
            let mut learner = Learner::default();
            (learner.train.epochs, learner.train.engine, learner.model.layer) = (3, engine, layer);
            let rng = generator(learner.seed, Stream::Data, 0);
            let data = synthetic(500, 16, 0.1, rng, DType::F32, &Device::Cpu).unwrap();
            let options = RunOptions::default();
            let folds = Partition::new(&data, 4, 1, learner.seed).unwrap();
            let results = cross_validate(&data, &learner, &folds, &[Device::Cpu], &options).unwrap();
            let of_fold = results.folds.iter().flat_map(|fold| {
                fold.train_loss.iter().chain(fold.mse_by_depth.values()).copied().chain([fold.metrics.mse])
            });
            of_fold.collect::<Vec<_>>()
        };
        let close = Tolerance { rtol: 1e-4, atol: 1e-6 };
        assert_close(&format!("{layer:?}"), &run(EngineName::Fused), &run(EngineName::Autograd), close);
    }
}

/// A depth of 0 leaves the hidden layer without a gradient, and 16-bit floats have no kernels.
#[test]
fn the_fused_engine_refuses_what_it_cannot_train() {
    let trainer = |dtype, min_depth, engine| {
        let vars = VarMap::new();
        let vb = seeded_builder(&vars, generator(1, Stream::Init, 0), dtype, &Device::Cpu);
        let model = ModelConfig { min_depth, ..ModelConfig::default() };
        let net = DynamicNet::new(&model.network(3, 1), vb).unwrap();
        Trainer::new(net, &vars, &TrainConfig { engine, ..TrainConfig::default() }, 1, 0)
    };
    for (dtype, min_depth) in [(DType::F32, 0), (DType::F16, 1)] {
        let error = trainer(dtype, min_depth, EngineName::Fused).unwrap_err().to_string();
        assert!(error.contains("train.engine is fused, which trains"), "{error}");
        assert!(trainer(dtype, min_depth, EngineName::Auto).is_ok());
    }
}

/// The trainer of a small network, with its parameters.
fn small_trainer(engine: EngineName) -> (VarMap, Trainer) {
    let vars = VarMap::new();
    let vb = seeded_builder(&vars, generator(1, Stream::Init, 0), DType::F32, &Device::Cpu);
    let net = DynamicNet::new(&ModelConfig::default().network(3, 1), vb).unwrap();
    let config = TrainConfig { batch_size: 4, engine, ..TrainConfig::default() };
    let trainer = Trainer::new(net, &vars, &config, 1, 0);
    (vars, trainer.unwrap())
}

/// Data whose features are one and whose targets are `y`.
fn targets(y: f32) -> Dataset {
    let x = Tensor::ones((10, 3), DType::F32, &Device::Cpu).unwrap();
    Dataset::new(x, Tensor::full(y, (10, 1), &Device::Cpu).unwrap()).unwrap()
}

#[test]
fn what_is_not_finite_is_named_with_its_place() {
    for engine in [EngineName::Fused, EngineName::Autograd] {
        not_finite_is_named(engine);
    }
}

fn not_finite_is_named(engine: EngineName) {
    let (_, mut trainer) = small_trainer(engine);
    let mut rows: Vec<u32> = (0..10).collect();
    for _ in 0..2 {
        trainer.epoch(&targets(1.), &mut rows).unwrap();
    }
    // Two epochs of three steps are done; the first step of the third meets NaN, or a square that is no
    // float.
    for bad in [f32::NAN, 1e30] {
        let error = trainer.epoch(&targets(bad), &mut rows).unwrap_err();
        assert!(
            matches!(error, Error::NotFinite { ref what, epoch: 2, step: 0, .. } if what == "the loss"),
            "{bad}: {error}"
        );
        assert!(error.to_string().contains("a lower lr"), "{error}");
    }

    // A loss that is finite with a gradient that is not: the square of 1e19 is a float, its product with 2 x
    // is none.
    let (vars, mut trainer) = small_trainer(engine);
    let x = Tensor::full(1e38f32, (1, 3), &Device::Cpu).unwrap();
    let zeros = |name: &str| {
        let data = vars.data().lock().unwrap();
        data[name].set(&data[name].zeros_like().unwrap()).unwrap();
    };
    zeros("input.weight");
    let before = values(&vars.data().lock().unwrap()["output.bias"]);
    let y = Tensor::full(1e6f32, (1, 1), &Device::Cpu).unwrap();
    let error = trainer.step(&x, &y, 1).unwrap_err();
    println!("{error}");
    let Error::NotFinite { what, epoch: 0, step: 0, depth: 1 } = error else { panic!("{error}") };
    assert_eq!(what, "the gradient of input.weight");
    assert_eq!(values(&vars.data().lock().unwrap()["output.bias"]), before, "the parameters are left alone");

    assert!(matches!(trainer.epoch(&targets(1.), &mut []), Err(Error::NoRows)));
    let nothing = |columns: usize| Tensor::zeros((0, columns), DType::F32, &Device::Cpu).unwrap();
    assert!(matches!(trainer.step(&nothing(3), &nothing(1), 1), Err(Error::NoRows)));
}

#[test]
fn an_evaluation_that_overflows_or_has_no_rows_is_an_error() {
    let (vars, trainer) = small_trainer(EngineName::Auto);
    assert!(matches!(evaluate(trainer.net(), &targets(1.), &[], None), Err(Error::NoRows)));
    evaluate(trainer.net(), &targets(1.), &[0, 1], None).unwrap();
    let bias = vars.data().lock().unwrap()["output.bias"].clone();
    bias.set(&Tensor::full(f32::INFINITY, 1, &Device::Cpu).unwrap()).unwrap();
    assert!(matches!(evaluate(trainer.net(), &targets(1.), &[0, 1], None), Err(Error::NotFiniteResult(_))));
}

/// An evaluation goes block by block on kernels of its own; all rows at once by the network's operations must
/// give the same.
#[test]
fn an_evaluation_takes_every_row_and_depth() {
    let vb = seeded_builder(&VarMap::new(), generator(1, Stream::Init, 0), DType::F64, &Device::Cpu);
    let net = DynamicNet::new(&ModelConfig::default().network(3, 1), vb).unwrap();
    let data = synthetic(10_000, 3, 0.1, generator(1, Stream::Data, 0), DType::F64, &Device::Cpu).unwrap();
    let rows: Vec<u32> = (0..10_000).rev().collect();
    let evaluation = evaluate(&net, &data, &rows, None).unwrap();
    let y = values(data.y());
    let mse = |output: &Tensor| {
        values(output).iter().zip(&y).map(|(output, y)| (output - y).powi(2)).sum::<f64>() / y.len() as f64
    };
    let close = Tolerance { rtol: 1e-12, atol: 0. };
    for depth in 1..=4 {
        let direct = mse(&net.forward_at_depth(data.x(), depth).unwrap());
        assert_close(&format!("depth {depth}"), &[evaluation.mse_by_depth[&depth]], &[direct], close);
    }
    let direct = mse(&net.predict(data.x()).unwrap());
    assert_close("prediction", &[evaluation.metrics.mse], &[direct], close);
    assert_close("root", &[evaluation.metrics.rmse], &[direct.sqrt()], close);
}

fn small_config() -> CvConfig {
    let (model, train) = (Recipe::Seed.model(), Recipe::Seed.train());
    let mut config = CvConfig { model, train, ..CvConfig::default() };
    (config.data.rows, config.data.features, config.train.epochs) = (330, 6, 3);
    config.model.hidden = 8;
    config
}

fn run(config: CvConfig, jobs: usize) -> Result<CvReport, Error> {
    let config = config.validate()?;
    let rng = generator(config.seed, Stream::Data, 0);
    let data = &config.data;
    let data = synthetic(data.rows, data.features, data.noise, rng, config.dtype.into(), &Device::Cpu)?;
    let devices = vec![Device::Cpu; jobs];
    let folds = Partition::new(&data, config.folds, config.repeats, config.seed)?;
    let results = cross_validate(&data, &config.learner(), &folds, &devices, &RunOptions::default())?;
    Ok(CvReport::new(config, None, results))
}

/// The report as JSON without the times.
fn timeless(report: &CvReport) -> Value {
    crate::times::timeless(serde_json::to_value(report).unwrap())
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

/// Every fold, put together here from its parts: its rows, streams, batches, steps and test.
#[test]
fn a_run_is_what_its_parts_make() {
    let mut config = small_config();
    (config.seed, config.train.batch_size, config.train.lr, config.train.weight_decay) = (11, 50, 1e-2, 0.3);
    let report = run(config.clone(), 2).unwrap();
    let data = synthetic(330, 6, 0.1, generator(11, Stream::Data, 0), DType::F32, &Device::Cpu).unwrap();
    let folds = KFold::new(330, 4, &mut generator(11, Stream::Folds, 0)).unwrap();
    let close = Tolerance { rtol: 1e-6, atol: 0. };
    for (i, Fold { mut train, test }) in folds.iter().enumerate() {
        let vars = VarMap::new();
        let vb = seeded_builder(&vars, generator(11, Stream::Init, i), DType::F32, &Device::Cpu);
        let net = DynamicNet::new(&config.model.network(6, 1), vb).unwrap();
        let settings = AdamWConfig { lr: 1e-2, weight_decay: 0.3, ..AdamWConfig::default() };
        let mut optimizer =
            AdamW::new(vars.all_vars(), settings).unwrap().decaying_only(|var| var.rank() > 1);
        let (mut shuffle, mut depths) = (generator(11, Stream::Shuffle, i), generator(11, Stream::Depth, i));
        let mut train_loss = vec![];
        for _ in 0..3 {
            train.shuffle(&mut shuffle);
            let mut sum = 0.;
            for batch in train.chunks(50) {
                let (x, y) = data.select(batch).unwrap();
                let depth: usize = depths.random_range(1..=4);
                let difference = (net.forward_at_depth(&x, depth).unwrap() - y).unwrap();
                let loss = difference.sqr().unwrap().mean_all().unwrap();
                sum += f64::from(loss.to_scalar::<f32>().unwrap()) * batch.len() as f64;
                optimizer.backward_step(&loss).unwrap();
            }
            train_loss.push(sum / train.len() as f64);
        }
        let fold = &report.folds[i];
        assert_close(&format!("fold {i}: train_loss"), &fold.train_loss, &train_loss, close);

        let (x, y) = data.select(&test).unwrap();
        let errors = |output: Tensor| values(&(output - &y).unwrap());
        let mse = |output| errors(output).iter().map(|e| e * e).sum::<f64>() / test.len() as f64;
        for depth in 1..=4 {
            let direct = mse(net.forward_at_depth(&x, depth).unwrap());
            assert_close(&format!("fold {i}, depth {depth}"), &[fold.mse_by_depth[&depth]], &[direct], close);
        }
        assert_close(&format!("fold {i}"), &[fold.metrics.mse], &[mse(net.predict(&x).unwrap())], close);
        let mae = errors(net.predict(&x).unwrap()).iter().map(|e| e.abs()).sum::<f64>() / test.len() as f64;
        assert_close(&format!("fold {i}: mae"), &[fold.metrics.mae], &[mae], close);
    }
}

/// The learner is checked whether or not it came from a configuration that was.
#[test]
fn settings_that_are_not_valid_are_refused() {
    let rng = generator(1, Stream::Data, 0);
    let data = synthetic(20, 3, 0.1, rng, DType::F32, &Device::Cpu).unwrap();
    let partition = |folds| Partition::new(&data, folds, 1, 1);
    assert_eq!(partition(1).unwrap_err().to_string(), "folds is 1, expected at least 2");
    assert_eq!(partition(21).unwrap_err().to_string(), "folds is 21, expected at most the 20 rows");
    let folds = partition(4).unwrap();
    let refused = |data: &Dataset, learner: &Learner, devices: &[Device]| {
        cross_validate(data, learner, &folds, devices, &RunOptions::default()).unwrap_err().to_string()
    };
    let (mut learner, cpu) = (Learner::default(), [Device::Cpu]);
    let more = synthetic(21, 3, 0.1, generator(1, Stream::Data, 0), DType::F32, &Device::Cpu).unwrap();
    let other = "folds are of 20 rows, expected the 21 of the data";
    assert_eq!(refused(&more, &learner, &cpu), other);
    assert_eq!(baselines(&more, &folds, &Stop::default()).unwrap_err().to_string(), other);
    assert_eq!(refused(&data, &learner, &[]), "device is none, expected at least one");
    learner.train.epochs = 0;
    assert_eq!(refused(&data, &learner, &cpu), "train.epochs is 0, expected at least 1");
    learner.model.min_depth = 5;
    assert_eq!(refused(&data, &learner, &cpu), "model.min_depth is 5, expected at most the maximum of 4");
}

#[test]
fn the_report_is_complete() {
    let report = run(small_config(), 2).unwrap();
    assert_eq!(report.folds.len(), 4);
    for (i, fold) in report.folds.iter().enumerate() {
        assert_eq!((fold.fold, fold.train_loss.len()), (i, 3));
        assert_eq!(fold.mse_by_depth.keys().copied().collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert!(fold.metrics.mse.is_finite() && fold.metrics.r2.unwrap() < 1.);
    }
}

/// The weights of a linear law are found: without noise and with one depth the error falls to next to
/// nothing.
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
    config.model.layer = LayerKind::Cos(CosInit::Centred);
    (config.data.features, config.model.hidden) = (64, 32);
    let centred = run(config.clone(), 2).unwrap().mean.metrics.mse;
    config.model.layer = LayerKind::Cos(CosInit::Kaiming);
    let kaiming = run(config, 2).unwrap().mean.metrics.mse;
    println!("mse {centred} centred, {kaiming} Kaiming");
    assert!(kaiming.is_finite() && kaiming > 1e6 * centred);
}
