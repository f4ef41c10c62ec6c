//! The checks of settings, each refused alone.

use super::*;
use crate::config::Scale;
use crate::nn::Norm;
use crate::ops::{Prior, Quantiles};

fn problem(change: impl FnOnce(&mut CvConfig)) -> String {
    let mut config = CvConfig::default();
    change(&mut config);
    config.validate().unwrap_err().to_string()
}

#[test]
fn the_defaults_are_valid() {
    CvConfig::default().validate().unwrap();
}

#[test]
fn every_setting_is_checked() {
    assert_eq!(problem(|c| c.data.rows = 1), "data.rows is 1, expected at least 2");
    assert_eq!(problem(|c| c.data.features = 0), "data.features is 0, expected at least 1");
    assert_eq!(problem(|c| c.folds = 1), "folds is 1, expected at least 2");
    assert_eq!(problem(|c| c.folds = 16_385), "folds is 16385, expected at most the 16384 rows");
    assert_eq!(problem(|c| c.model.hidden = 0), "model.hidden is 0, expected at least 1");
    assert_eq!(problem(|c| c.model.min_depth = 5), "model.min_depth is 5, expected at most the maximum of 4");
    assert_eq!(problem(|c| c.model.max_depth = 1001), "model.max_depth is 1001, expected at most 1000");
    assert_eq!(problem(|c| c.data.noise = 1e20), "data.noise is 1e20, expected at most 2e13");
    for dropout in [-0.1, 1., f64::NAN] {
        let expected = format!("model.dropout is {dropout}, expected a finite number from 0 to below 1");
        assert_eq!(problem(|c| c.model.dropout = dropout), expected);
    }
    for holdout in [-0.1, 1., f64::NAN] {
        let expected = format!("holdout is {holdout}, expected a finite number from 0 to below 1");
        assert_eq!(problem(|c| c.holdout = holdout), expected);
        assert_eq!(problem(|c| c.interval = holdout), expected.replace("holdout", "interval"));
    }
    for exit in [0., -0.1, 1.1, f64::NAN] {
        let expected = format!("model.exit is {exit}, expected a finite number above 0 and at most 1");
        assert_eq!(problem(|c| c.model.exit = exit), expected);
    }
    assert_eq!(problem(|c| c.train.epochs = 0), "train.epochs is 0, expected at least 1");
    assert_eq!(problem(|c| c.train.batch_size = 0), "train.batch_size is 0, expected at least 1");
    for lr in [f64::NAN, f64::INFINITY, 0., -1.] {
        let expected = format!("train.lr is {lr}, expected a finite number above 0");
        assert_eq!(problem(|c| c.train.lr = lr), expected);
    }
    for delta in [f64::NAN, f64::INFINITY, 0., -1.] {
        let expected = format!("train.huber_delta is {delta}, expected a finite number above 0");
        assert_eq!(problem(|c| (c.train.loss, c.train.huber_delta) = (LossName::Huber, delta)), expected);
    }
    assert_eq!(
        problem(|c| c.train.huber_delta = 2.),
        "train.huber_delta is 2, which has a meaning only beside `train.loss=huber`"
    );
    assert_eq!(
        problem(|c| c.train.quantiles = Quantiles::new(&[0.5, 0.75]).unwrap()),
        "train.quantiles is 0.5,0.75, which has a meaning only beside `train.loss=quantile`"
    );
    for value in [f64::NAN, f64::NEG_INFINITY, -0.1] {
        let expected = format!("is {value}, expected a finite number of 0 or more");
        assert_eq!(problem(|c| c.data.noise = value), format!("data.noise {expected}"));
        assert_eq!(problem(|c| c.train.weight_decay = value), format!("train.weight_decay {expected}"));
    }
}

#[test]
fn depths_have_a_weight_each() {
    let weighted = |weights: &[f64]| {
        let mut config = CvConfig::default();
        (config.train.depths, config.train.depth_weights) = (Depths::All, weights.to_vec());
        config
    };
    for weights in [[f64::NAN, 1., 1., 1.], [1., f64::INFINITY, 1., 1.], [1., 1., 0., 1.], [1., 1., 1., 2e9]]
    {
        let error = weighted(&weights).validate().unwrap_err().to_string();
        assert!(error.ends_with("expected numbers above 0 and at most 1e9"), "{error}");
    }
    for weights in [[].as_slice(), &[1e9, 1e-300, 1., 1.]] {
        weighted(weights).validate().unwrap();
    }
    let mut narrow = weighted(&[1.; 4]);
    narrow.model.min_depth = 2;
    let error = narrow.validate().unwrap_err().to_string();
    assert_eq!(error, "train.depth_weights is 1, 1, 1, 1, expected as many numbers as depths, 3");
}

#[test]
fn what_needs_rows_for_validation_says_so() {
    for share in [-0.1, 1., f64::NAN] {
        let expected = format!("is {share}, expected a finite number from 0 to below 1");
        assert_eq!(problem(|c| c.train.validation = share), format!("train.validation {expected}"));
        assert_eq!(problem(|c| c.train.min_improvement = share), format!("train.min_improvement {expected}"));
    }
    let needs = "needs rows for validation; `train.validation=0.2` sets a fifth aside";
    let of = |change: fn(&mut TrainConfig)| {
        let mut train = TrainConfig::default();
        change(&mut train);
        train
    };
    for (start, train) in [
        ("train.patience is 9", of(|train| train.patience = 9)),
        ("train.schedule is plateau", of(|train| train.schedule = Schedule::Plateau)),
        ("train.select is best", of(|train| train.select = Selection::Best)),
        ("train.select is refit", of(|train| train.select = Selection::Refit)),
        ("train.select is bag", of(|train| train.select = Selection::Bag)),
        ("train.target_transform is auto", of(|train| train.target_transform = TargetTransform::Auto)),
    ] {
        assert_eq!(problem(|c| c.train = train.clone()), format!("{start}, which {needs}"));
        let train = TrainConfig { validation: 0.2, ..train };
        let data = DataConfig { scale: Scale::Standard, ..DataConfig::default() };
        CvConfig { data, train, ..CvConfig::default() }.validate().unwrap();
    }
    let expected = "train.min_improvement is 0.01, which has a meaning only beside `train.patience`";
    assert_eq!(problem(|c| c.train.min_improvement = 0.01), expected);
}

#[test]
fn a_transform_needs_scaled_targets() {
    let of = |scale| {
        move |c: &mut CvConfig| (c.data.scale, c.train.target_transform) = (scale, TargetTransform::Log)
    };
    assert_eq!(
        problem(of(Scale::None)),
        "train.target_transform is log, whose values are scaled before they are learned; expected none, or \
         `data.scale=standard`"
    );
    let mut config = CvConfig::default();
    of(Scale::Standard)(&mut config);
    config.validate().unwrap();
}

#[test]
fn a_batch_norm_needs_batches() {
    let of = |rows| move |c: &mut CvConfig| (c.model.norm, c.train.batch_size) = (Norm::Batch, rows);
    assert_eq!(
        problem(of(1)),
        "train.batch_size is 1, and `model.norm=batch` normalises over the rows of a batch; expected at least 2"
    );
    let mut config = CvConfig::default();
    of(2)(&mut config);
    config.validate().unwrap();
}

#[test]
fn what_halting_needs_is_checked() {
    let only = "which has a meaning only beside `model.halting`";
    assert_eq!(problem(|c| c.model.prior = Prior::Geometric), format!("model.prior is geometric, {only}"));
    assert_eq!(problem(|c| c.model.exit = 1.), format!("model.exit is 1, {only}"));
    for (depths, expected) in [
        ((0, 4), "needs a min_depth of 1 or more"),
        ((4, 4), "has one depth to learn, 4; expected several"),
        ((1, 65), "has 65 depths to learn, expected at most 64"),
    ] {
        let model = |c: &mut CvConfig| {
            (c.model.halting, (c.model.min_depth, c.model.max_depth)) = (Halting::Shared, depths);
        };
        assert_eq!(problem(model), format!("model.halting is shared, which {expected}"));
    }
    let adaptive = |c: &mut CvConfig| (c.model.halting, c.train.loss) = (Halting::Adaptive, LossName::Mae);
    assert_eq!(
        problem(adaptive),
        "train.loss is mae, expected mse for a network that learns its depths by `model.halting`"
    );
}

#[test]
fn what_cannot_fit_in_memory_is_refused() {
    let message = problem(|c| (c.data.rows, c.data.features) = (4_000_000_000, 1_000_000));
    assert!(message.starts_with("data.rows is 4000000000 with 1000000 features need"), "{message}");
    let message = problem(|c| c.data.features = usize::MAX);
    assert!(message.contains("more than any machine has"), "{message}");
    let message = problem(|c| c.model.hidden = 10_000_000);
    assert!(message.starts_with("model.hidden is 10000000, whose parameters"), "{message}");
    let data = 16_384 * 65 * 4;
    assert!(fits_in_memory(&CvConfig::default(), data - 1).is_err());
    assert!(fits_in_memory(&CvConfig::default(), data).is_ok());
}

#[test]
fn unknown_keys_are_refused() {
    assert!(serde_json::from_str::<CvConfig>(r#"{"train": {"learning_rate": 1}}"#).is_err());
    let config: CvConfig = serde_json::from_str(r#"{"train": {"lr": 0.5}, "device": "cuda:1"}"#).unwrap();
    assert_eq!((config.train.lr, config.train.epochs), (0.5, 25));
}
