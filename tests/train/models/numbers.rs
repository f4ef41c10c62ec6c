//! Models give the numbers that training gave, before and after they are written.

use candle_core::{DType, Device, Tensor};
use candle_nn::VarMap;
use taper::Model;
use taper::config::{Depths, FileConfig, Fill, FloatType, LossName, ModelConfig, TrainConfig};
use taper::data::{Dataset, Scaling, read};
use taper::evaluate::evaluate;
use taper::metrics::{Accumulator, Details};
use taper::model::{Holdout, Objective, Schema, Training};
use taper::nn::{Block, CosInit, DynamicNet, Halting, LayerKind, Nonlinearity, Norm, seeded_builder};
use taper::random::{Stream, generator};
use taper::train::Trainer;

use super::{bits, folder, net, towns};
use crate::compare::values;

/// Trains on the diabetes data, all rows of it and scaled, and holds the predictions of the model, written
/// and read again, against the evaluation of the network that was trained.
#[test]
fn predictions_are_those_of_the_training_to_the_bit() {
    for (dtype, layer, min_depth) in [
        (FloatType::F32, LayerKind::Linear, 1),
        (FloatType::F64, LayerKind::Linear, 0),
        (FloatType::F32, LayerKind::Cos(CosInit::Centred), 2),
        (FloatType::F64, LayerKind::Cos(CosInit::Centred), 1),
    ] {
        let file = FileConfig {
            file: "tests/data/diabetes.csv".into(),
            target: vec!["y".to_owned()],
            ..FileConfig::default()
        };
        let table = read(&file, dtype).unwrap();
        let (x, y) = (table.data.x(), table.data.y());
        let rows: Vec<u32> = (0..table.data.rows() as u32).collect();
        let feature_scaling = Scaling::standard(x, &rows).unwrap();
        let target_scaling = Scaling::standard(y, &rows).unwrap();
        let scaled_x = feature_scaling.apply(x).unwrap();
        let scaled_y = target_scaling.apply(y).unwrap();
        let train = Dataset::new(scaled_x.clone(), scaled_y).unwrap().rounded().unwrap();

        let config = ModelConfig { layer, min_depth, ..ModelConfig::default() };
        let vars = VarMap::new();
        let vb = seeded_builder(&vars, generator(1, Stream::Init, 0), dtype.into(), &Device::Cpu);
        let net = DynamicNet::new(&config.network(10, 1), vb).unwrap();
        let mut trainer = Trainer::new(net, &vars, &TrainConfig::default(), 1, 0).unwrap();
        let mut order = rows.clone();
        for _ in 0..3 {
            trainer.epoch(&train, &mut order).unwrap();
        }
        let test = Dataset::new(scaled_x, y.clone()).unwrap();
        let expected = evaluate(trainer.net(), &test, &rows, Some(&target_scaling)).unwrap();

        let schema = Schema {
            features: table.features.clone(),
            targets: table.data.target_names().to_vec(),
            na: Vec::new(),
            fills_missing: false,
            fill: Fill::Mean,
            category_means: None,
            feature_scaling: Some(feature_scaling),
            target_scaling: Some(target_scaling),
            quantiles: None,
            residuals: None,
        };
        let path = folder().join(format!("diabetes_{dtype:?}_{layer:?}.safetensors"));
        Model::new(trainer.net(), schema).unwrap().save(&path).unwrap();
        // What is trained later does not reach the model.
        trainer.epoch(&train, &mut order).unwrap();
        let model = Model::load(&path).unwrap();

        let errors = |predictions: &Tensor| {
            let mut errors = Accumulator::default();
            errors.add(&values(predictions), &values(y));
            errors.metrics().unwrap()
        };
        let prediction = model.predict_all_depths(x).unwrap();
        assert_eq!(errors(&prediction.mean), expected.metrics);
        for (i, (_, mse)) in expected.mse_by_depth.iter().enumerate() {
            assert_eq!(errors(&prediction.by_depth.narrow(1, i, 1).unwrap()).mse, *mse);
        }
        assert_eq!(bits(&model.predict(x).unwrap()), bits(&prediction.mean));
        // The features that it reads by itself are those that it was trained on.
        let read = model.read(&file.file).unwrap();
        assert_eq!(bits(&read.to_dtype(x.dtype()).unwrap()), bits(x));
        assert_eq!(bits(&model.predict(&read).unwrap()), bits(&prediction.mean));
    }
}

#[test]
fn what_is_written_is_read_back() {
    let default = ModelConfig { hidden: 5, ..ModelConfig::default() };
    let cos = LayerKind::Cos(CosInit::Centred);
    let additions = ModelConfig {
        activation: Nonlinearity::Silu,
        skip: true,
        norm: Norm::Layer,
        dropout: 0.1,
        min_depth: 2,
        max_depth: 2,
        ..default.clone()
    };
    for (dtype, config) in [
        (DType::F32, default.clone()),
        (DType::F32, ModelConfig { layer: cos, min_depth: 0, max_depth: 0, ..default.clone() }),
        (DType::F64, ModelConfig { min_depth: 0, max_depth: 2, block: Block::Residual, ..default.clone() }),
        (DType::F64, ModelConfig { layer: cos, min_depth: 3, block: Block::Injection, ..default }),
        (DType::F32, ModelConfig { norm: Norm::Batch, ..additions.clone() }),
        (DType::F64, ModelConfig { norm: Norm::Batch, min_depth: 0, max_depth: 0, ..additions.clone() }),
        (DType::F32, additions),
    ] {
        let depths = config.depths();
        for is_scaled in [true, false] {
            let mut schema = Schema { fills_missing: is_scaled, ..towns(dtype) };
            if !is_scaled {
                (schema.feature_scaling, schema.target_scaling) = (None, None);
            }
            let rows = Tensor::randn(0f64, 1., (20, 5), &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
            let net = net(&config, &schema, dtype).with_statistics(&rows).unwrap();
            let model = Model::new(&net, schema.clone()).unwrap();
            let mut errors = Accumulator::default();
            errors.add(&[0.1, 0.25], &[0.3, 1. / 3.]);
            let learnt = TrainConfig {
                loss: LossName::Huber,
                huber_delta: 1. / 3.,
                depths: Depths::All,
                depth_weights: vec![0.1 + 0.2, 1e-7],
                ..TrainConfig::default()
            };
            let training = Training {
                data: Some("ä \"b\".csv".to_owned()),
                rows: 9,
                epochs: 3,
                seed: u64::MAX,
                train_loss: Some(0.1 + 0.2),
                objective: Some(Objective::new(&learnt, Halting::None)),
                holdout: Some(Holdout {
                    rows: 2,
                    metrics: errors.metrics().unwrap(),
                    details: Details::default(),
                    targets: Vec::new(),
                }),
            };
            let model = if is_scaled { model.with_training(training) } else { model };
            let bytes = model.to_bytes().unwrap();
            let read = Model::from_bytes(&bytes).unwrap();
            assert_eq!(read.to_bytes().unwrap(), bytes);
            assert_eq!((read.schema(), read.training()), (&schema, model.training()));
            assert_eq!((read.network().spec(), read.dtype()), (model.network().spec(), model.dtype()));
            assert_eq!((read.network().depths(), DType::from(read.dtype())), (depths.clone(), dtype));
            let x = Tensor::randn(0f64, 30., (9, 5), &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
            let (y, again) = (model.predict_all_depths(&x).unwrap(), read.predict_all_depths(&x).unwrap());
            assert_eq!(bits(&y.by_depth), bits(&again.by_depth));
            assert_eq!(bits(&y.mean), bits(&again.mean));
            assert_eq!(y.by_depth.dims(), [9, depths.clone().count(), 2]);
        }
    }
}
