//! Records of runs, real and made up.

use std::collections::BTreeMap;
use std::time::Instant;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarMap;
use rand::Rng;
use taper::Result;
use taper::config::{CvConfig, FileConfig, ModelConfig, TrainConfig};
use taper::data::{self, Dataset, KFold, Scaling};
use taper::evaluate::{Evaluation, TargetErrors, evaluate};
use taper::metrics::{Accumulator, Details, Metrics};
use taper::nn::{DynamicNet, LayerKind, seeded_builder};
use taper::plan::Predictor;
use taper::random::{Stream, generator};
use taper::results::FoldReport;
use taper::run::{EpochRecord, Predictions, RunRecord, Weights};
use taper::train::Trainer;

/// A cross-validation on the diabetes data, as `taper cv` makes it, with a test after every epoch.
pub(crate) fn diabetes(layer: LayerKind) -> Result<RunRecord> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/diabetes.csv");
    let file = FileConfig { file: file.into(), target: vec!["y".to_owned()], ..FileConfig::default() };
    let model = ModelConfig { layer, ..ModelConfig::default() };
    let train = TrainConfig { epochs: 60, lr: 2e-3, ..TrainConfig::default() };
    let config = CvConfig { model, train, ..CvConfig::default() };
    let table = data::read(&file, config.dtype)?;
    let start = Instant::now();
    let mut run = RunRecord {
        command: "cv".to_owned(),
        config: config.clone(),
        environment: environment(),
        folds: Vec::new(),
        pooled: None,
        intervals: None,
        baselines: Vec::new(),
        explanation: None,
        data: None,
        warnings: Vec::new(),
        epochs: Vec::new(),
        predictions: Predictions::new(table.data.target_names().to_vec(), config.model.depths().collect()),
        weights: Vec::new(),
        seconds: None,
    };
    let mut rng = generator(config.seed, Stream::Folds, 0);
    for (index, fold) in KFold::new(table.data.rows(), config.folds, &mut rng)?.iter().enumerate() {
        let scaling = Scaling::standard(table.data.y(), &fold.train)?;
        let x = Scaling::standard(table.data.x(), &fold.train)?.apply(table.data.x())?;
        let test = Dataset::new(x.clone(), table.data.y().clone())?;
        let train = Dataset::new(x, scaling.apply(table.data.y())?)?.rounded()?;
        train_fold(&mut run, &config, index, (&train, fold.train), (&test, fold.test), &scaling)?;
    }
    run.predictions.sort();
    run.seconds = Some(start.elapsed().as_secs_f64());
    Ok(run)
}

fn train_fold(
    run: &mut RunRecord,
    config: &CvConfig,
    fold: usize,
    (train, mut rows): (&Dataset, Vec<u32>),
    (test, test_rows): (&Dataset, Vec<u32>),
    scaling: &Scaling,
) -> Result<()> {
    let start = Instant::now();
    let vars = VarMap::new();
    let vb = seeded_builder(&vars, generator(config.seed, Stream::Init, fold), DType::F32, &Device::Cpu);
    let net = DynamicNet::new(&config.model.network(train.features(), 1), vb)?;
    let before = parameters(&net)?;
    let mut trainer = Trainer::new(net, &vars, &config.train, config.seed, fold)?;
    let unit: f64 = scaling.scales().map(|scale| scale * scale).product();
    let mut errors = Vec::new();
    for epoch in 0..config.train.epochs {
        let start = Instant::now();
        let train_loss = trainer.epoch(train, &mut rows)? * unit;
        let seconds = start.elapsed().as_secs_f64();
        let (test, lr) =
            (Some(evaluate(trainer.net(), test, &test_rows, Some(scaling))?.metrics), config.train.lr);
        run.epochs.push(EpochRecord { fold, epoch, train_loss, test, lr, seconds, ..EpochRecord::default() });
        errors.push(train_loss);
    }
    let evaluation = evaluate(trainer.net(), test, &test_rows, Some(scaling))?;
    run.folds.push(FoldReport::new(fold, test_rows.len(), evaluation, errors, start.elapsed().as_secs_f64()));
    let after = parameters(trainer.net())?;
    for ((name, before), (_, after)) in before.into_iter().zip(after) {
        run.weights.push(Weights { fold, name, before, after });
    }
    let (x, y) = test.select(&test_rows)?;
    let predicted = Predictor::new(trainer.net())?.predict_all_depths(&x)?;
    let numbers = |tensor: &Tensor| tensor.flatten_all()?.to_dtype(DType::F64)?.to_vec1::<f64>();
    let (y, mut mean, mut by_depth) =
        (numbers(&y)?, numbers(&predicted.mean)?, numbers(&predicted.by_depth)?);
    scaling.invert(&mut mean);
    scaling.invert(&mut by_depth);
    for ((row, by_depth), (y, mean)) in test_rows.iter().zip(by_depth.chunks(4)).zip(y.iter().zip(mean)) {
        run.predictions.push(*row as usize, fold, &[*y], &[mean], by_depth)?;
    }
    Ok(())
}

fn parameters(net: &DynamicNet) -> Result<Vec<(String, Vec<f32>)>> {
    net.named_parameters().map(|(name, tensor)| Ok((name, tensor.flatten_all()?.to_vec1()?))).collect()
}

fn environment() -> Vec<(String, String)> {
    let pairs = [
        ("started", "2026-11-24 04:12:07 UTC"),
        ("taper", "0.1.0, commit 3fed4d7, features none"),
        ("device", "cpu, AMD EPYC 9R14, 2 threads, AVX-512"),
        ("system", "Debian 12, x86_64"),
        ("data", "tests/data/diabetes.csv, 442 rows, 10 features"),
        ("data hash", "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

/// How large a made-up run is.
#[derive(Clone)]
pub(crate) struct Size {
    pub(crate) folds: usize,
    pub(crate) epochs: usize,
    pub(crate) rows: usize,
    pub(crate) depths: usize,
    pub(crate) targets: Vec<String>,
    /// By what every number is multiplied.
    pub(crate) scale: f64,
}

impl Default for Size {
    fn default() -> Self {
        Self { folds: 4, epochs: 25, rows: 200, depths: 4, targets: vec!["y".to_owned()], scale: 1. }
    }
}

/// A run with numbers that nothing was trained for, the same ones each time.
pub(crate) fn made_up(size: &Size) -> RunRecord {
    let Size { folds, epochs, rows, depths, ref targets, scale } = *size;
    let mut rng = generator(1, Stream::Data, 0);
    let mut noise = move || rng.random::<f64>() + rng.random::<f64>() + rng.random::<f64>() - 1.5;
    let squared = scale * scale;
    let squared = if squared.is_finite() && squared > 0. { squared } else { scale };
    let mut run = RunRecord {
        command: "cv".to_owned(),
        config: CvConfig::default(),
        environment: environment(),
        folds: Vec::new(),
        pooled: None,
        intervals: None,
        baselines: Vec::new(),
        explanation: None,
        data: None,
        warnings: Vec::new(),
        epochs: Vec::new(),
        predictions: Predictions::new(targets.clone(), (1..=depths).collect()),
        weights: Vec::new(),
        seconds: Some(4000.),
    };
    for row in 0..rows {
        let truth: Vec<_> = targets.iter().map(|_| scale * noise()).collect();
        let near = |truth: &f64, noise: f64| truth * 0.9 + scale * 0.1 * noise;
        let mean: Vec<_> = truth.iter().map(|truth| near(truth, noise())).collect();
        let by_depth: Vec<_> = (0..depths)
            .flat_map(|_| truth.iter().map(|truth| near(truth, noise())).collect::<Vec<_>>())
            .collect();
        run.predictions.push(row, row % folds, &truth, &mean, &by_depth).unwrap();
    }
    for fold in 0..folds {
        for epoch in 0..epochs {
            let mse = squared * (0.02 + (-(epoch as f64) / 4.).exp()) * (1. + 0.1 * noise());
            let test = Metrics { mse: mse * 1.1, rmse: mse.sqrt(), mae: mse.sqrt(), r2: Some(0.9) };
            let (lr, seconds) = (1e-3, 0.05 + 0.01 * noise().abs());
            let (train_loss, test) = (mse, Some(test));
            run.epochs.push(EpochRecord {
                fold,
                epoch,
                train_loss,
                test,
                lr,
                seconds,
                ..EpochRecord::default()
            });
        }
        let mut errors = Accumulator::default();
        errors.add(&[noise() * 0.1, 0.1, 0.9], &[0., 0.2, 1.]);
        let metrics = errors.metrics().unwrap();
        let metrics = Metrics {
            mse: metrics.mse * squared,
            rmse: metrics.rmse * scale,
            mae: metrics.mae * scale,
            ..metrics
        };
        let mse_by_depth: BTreeMap<_, _> =
            (1..=depths).map(|depth| (depth, squared * (0.02 + 0.01 * noise().abs()))).collect();
        let of_target = |target: &String| TargetErrors {
            target: target.clone(),
            metrics,
            details: Details::default(),
            mse_by_depth: mse_by_depth.clone(),
        };
        let evaluation = Evaluation::of_targets(targets.iter().map(of_target).collect()).unwrap();
        run.folds.push(FoldReport::new(fold, rows / folds, evaluation, Vec::new(), 1. + noise().abs()));
        for name in ["input.weight", "input.bias", "output.weight"] {
            let before = (0..500).map(|_| noise() as f32).collect();
            let after = (0..500).map(|_| (noise() * 1.5) as f32).collect();
            run.weights.push(Weights { fold, name: name.to_owned(), before, after });
        }
    }
    run
}
