//! Validation on a part of the training rows, against trainings that are put together by hand.

use candle_core::{DType, Device};
use candle_nn::{Optimizer, VarMap};
use rand::Rng;
use rand::seq::SliceRandom;
use taper::config::{Fill, Learner, ModelConfig, Preparation, Selection, TrainConfig};
use taper::data::{Dataset, Fold, KFold, Scaling, synthetic};
use taper::evaluate::{Evaluation, evaluate};
use taper::nn::{DynamicNet, seeded_builder};
use taper::ops::mse;
use taper::optim::{AdamW, AdamWConfig, Plateau, Schedule};
use taper::random::{Stream, generator};
use taper::run::RunOptions;
use taper::train::Trainer;
use taper::{CrossValidated, Partition, cross_validate, train_model};

use crate::compare::{Tolerance, assert_close, values};

const ROWS: usize = 90;
const FOLDS: usize = 3;

/// Few and noisy rows, of which a network soon knows too much.
fn data() -> Dataset {
    synthetic(ROWS, 5, 2., generator(1, Stream::Data, 0), DType::F64, &Device::Cpu).unwrap()
}

fn learner(train: TrainConfig) -> Learner {
    let model = ModelConfig { hidden: 16, ..ModelConfig::default() };
    let train = TrainConfig { batch_size: 16, lr: 1e-2, ..train };
    Learner { model, train, preparation: Preparation::Standardise, fill: Fill::Mean, seed: 5 }
}

fn validated(epochs: usize, patience: usize, select: Selection) -> Learner {
    learner(TrainConfig { epochs, validation: 0.25, patience, select, ..TrainConfig::default() })
}

fn folds() -> Partition {
    Partition::new(&data(), FOLDS, 1, 5).unwrap()
}

fn run(learner: &Learner, jobs: usize) -> CrossValidated {
    let devices = vec![Device::Cpu; jobs];
    cross_validate(&data(), learner, &folds(), &devices, &RunOptions::default()).unwrap()
}

/// The training rows of fold `i` that are trained on, and those that are set aside.
fn split(learner: &Learner, i: usize) -> (Vec<u32>, Vec<u32>) {
    let rows = folds().fold(i).unwrap().train;
    let mut rng = generator(learner.seed, Stream::Validation, i);
    let Fold { train, test } = KFold::holdout(rows.len(), None, learner.train.validation, &mut rng).unwrap();
    let at = |places: Vec<u32>| places.into_iter().map(|place| rows[place as usize]).collect();
    (at(train), at(test))
}

/// A training of fold `i` on `rows`, by hand.
struct ByHand {
    train: Dataset,
    test: Dataset,
    targets: Scaling,
    rows: Vec<u32>,
    trainer: Trainer,
}

impl ByHand {
    fn new(learner: &Learner, i: usize, rows: Vec<u32>) -> Self {
        let data = data();
        let features = Scaling::standard_features(&data, &rows).unwrap();
        let targets = Scaling::standard(data.y(), &rows).unwrap();
        let x = features.apply(data.x()).unwrap();
        let test = Dataset::new(x.clone(), data.y().clone()).unwrap();
        let train = Dataset::new(x, targets.apply(data.y()).unwrap()).unwrap();
        let vars = VarMap::new();
        let vb = seeded_builder(&vars, generator(learner.seed, Stream::Init, i), DType::F64, &Device::Cpu);
        let net = DynamicNet::new(&learner.model.network(5, 1), vb).unwrap();
        let trainer = Trainer::new(net, &vars, &learner.train, learner.seed, i).unwrap();
        Self { train, test, targets, rows, trainer }
    }

    fn epochs(mut self, epochs: usize) -> Self {
        for _ in 0..epochs {
            self.trainer.epoch(&self.train, &mut self.rows).unwrap();
        }
        self
    }

    fn errors(&self, rows: &[u32]) -> Evaluation {
        evaluate(self.trainer.net(), &self.test, rows, Some(&self.targets)).unwrap()
    }
}

/// Scaling, training and losses are those of the rows that they should be of, in the target's own units.
#[test]
fn the_losses_are_the_errors_on_the_rows_that_are_set_aside() {
    let learner = validated(6, 0, Selection::Last);
    let results = run(&learner, 2);
    for (i, fold) in results.folds.iter().enumerate() {
        let (rows, aside) = split(&learner, i);
        let validation = fold.validation.as_ref().unwrap();
        assert_eq!((rows.len(), aside.len(), validation.rows), (45, 15, 15));
        assert_eq!((validation.selected, validation.stopped, validation.loss.len()), (6, false, 6));
        let mut by_hand = ByHand::new(&learner, i, rows);
        for loss in &validation.loss {
            by_hand = by_hand.epochs(1);
            let expected = by_hand.errors(&aside).metrics.mse;
            let close = Tolerance { rtol: 1e-12, atol: 0. };
            assert_close(&format!("fold {i}"), &[*loss], &[expected], close);
        }
        assert_eq!(by_hand.errors(&folds().fold(i).unwrap().test).metrics, fold.metrics);
    }
}

/// The network of the best epoch is that of a training that ends there, bit for bit.
#[test]
fn training_stops_and_the_best_network_is_taken() {
    let (patience, epochs) = (6, 80);
    let results = run(&validated(epochs, patience, Selection::Auto), 2);
    for (i, fold) in results.folds.iter().enumerate() {
        let validation = fold.validation.as_ref().unwrap();
        let loss = &validation.loss;
        println!("fold {i}: {} of {} epochs", validation.selected, loss.len());
        assert!(validation.stopped && validation.selected > 1 && loss.len() < epochs);
        // The lowest comes `patience` epochs before the end, and until then there was never as long a wait.
        let lowest = loss.iter().copied().fold(f64::INFINITY, f64::min);
        assert_eq!(loss[validation.selected - 1], lowest);
        assert_eq!(validation.selected + patience, loss.len());
        let is_better = |at: usize| loss[..at].iter().all(|before| loss[at] < *before);
        let better: Vec<_> = (0..loss.len()).filter(|&at| is_better(at)).collect();
        assert!(better.windows(2).all(|pair| pair[1] - pair[0] <= patience));
        let learner = validated(epochs, 0, Selection::Last);
        let by_hand = ByHand::new(&learner, i, split(&learner, i).0).epochs(validation.selected);
        assert_eq!(by_hand.errors(&folds().fold(i).unwrap().test).metrics, fold.metrics, "fold {i}");
    }
}

/// At a constant rate a refit is a training on all training rows with fewer epochs, and along a schedule one
/// that ends before it.
#[test]
fn a_refit_is_a_plain_training_of_as_many_epochs() {
    for schedule in [Schedule::Constant, Schedule::OneCycle] {
        let mut learner = validated(25, 4, Selection::Refit);
        learner.train.schedule = schedule;
        let results = run(&learner, 2);
        for (i, fold) in results.folds.iter().enumerate() {
            let Fold { train, test } = folds().fold(i).unwrap();
            let selected = fold.validation.as_ref().unwrap().selected;
            println!("fold {i}, {schedule:?}: {selected} epochs");
            let by_hand = ByHand::new(&learner, i, train).epochs(selected);
            assert_eq!(by_hand.errors(&test).metrics, fold.metrics, "fold {i}, {schedule:?}");
            assert_eq!(fold.train_loss.len(), selected);
            if schedule == Schedule::Constant {
                let plain = self::learner(TrainConfig { epochs: selected, ..TrainConfig::default() });
                let plain = &run(&plain, 1).folds[i];
                assert_eq!(
                    (&plain.metrics, &plain.train_loss),
                    (&fold.metrics, &fold.train_loss),
                    "fold {i}"
                );
                assert!(plain.validation.is_none());
            }
        }
    }
}

/// The plateau's rates, against a loop by hand with an optimiser whose rate is set; a refit repeats them.
#[test]
fn a_plateau_lowers_the_rate() {
    let mut learner = validated(40, 0, Selection::Last);
    learner.train.schedule = Schedule::Plateau;
    let data = synthetic(ROWS, 5, 2., generator(1, Stream::Data, 0), DType::F64, &Device::Cpu).unwrap();
    learner.preparation = Preparation::None;
    let fitted = |select| {
        let learner = Learner { train: TrainConfig { select, ..learner.train.clone() }, ..learner.clone() };
        train_model(&data, &learner, 0.2, &Device::Cpu, &RunOptions::default()).unwrap()
    };
    let last = fitted(Selection::Last);
    let mut plateau = Plateau::default();
    let mut rates = Vec::new();
    for epoch in &last.epochs {
        rates.push(1e-2 * plateau.factor());
        plateau.push(epoch.validation_loss.unwrap());
    }
    assert_eq!(last.epochs.iter().map(|epoch| epoch.lr).collect::<Vec<_>>(), rates);
    println!("{rates:?}");
    assert!(rates[39] < 1e-3, "it fell more than once");

    let Fold { train, test } = taper::hold_out(&data, 0.2, learner.seed).unwrap();
    let mut rng = generator(learner.seed, Stream::Validation, 0);
    let parts = KFold::holdout(train.len(), None, 0.25, &mut rng).unwrap();
    let mut rows: Vec<u32> = parts.train.iter().map(|place| train[*place as usize]).collect();
    let vars = VarMap::new();
    let vb = seeded_builder(&vars, generator(learner.seed, Stream::Init, 0), DType::F64, &Device::Cpu);
    let net = DynamicNet::new(&learner.model.network(5, 1), vb).unwrap();
    let settings = AdamWConfig { lr: 1e-2, weight_decay: 0., ..AdamWConfig::default() };
    let mut adamw = AdamW::new(vars.all_vars(), settings).unwrap();
    let [mut shuffle, mut depths] =
        [Stream::Shuffle, Stream::Depth].map(|stream| generator(learner.seed, stream, 0));
    for rate in &rates {
        adamw.set_learning_rate(*rate);
        rows.shuffle(&mut shuffle);
        for batch in rows.chunks(16) {
            let (x, y) = data.select(batch).unwrap();
            let depth = depths.random_range(1..=4);
            let loss = mse(&net.forward_at_depth(&x, depth).unwrap(), &y).unwrap();
            adamw.backward_step(&loss).unwrap();
        }
    }
    let (x, _) = data.select(&test).unwrap();
    let [found, expected] = [&last.net, &net].map(|net| values(&net.predict(&x).unwrap()));
    assert_close("predictions", &found, &expected, Tolerance { rtol: 1e-9, atol: 1e-9 });

    let refit = fitted(Selection::Refit);
    let (first, second) = refit.epochs.split_at(40);
    assert_eq!((refit.rows, last.rows), (72, 54));
    assert_eq!(first.iter().map(|epoch| epoch.lr).collect::<Vec<_>>(), rates);
    assert_eq!(second.iter().map(|epoch| epoch.lr).collect::<Vec<_>>(), rates[..second.len()]);
    assert_eq!(refit.validation.unwrap().selected, second.len());
    assert!(second.iter().all(|epoch| epoch.refit && epoch.validation_loss.is_none()));
}

#[test]
fn jobs_do_not_change_the_result() {
    for select in [Selection::Last, Selection::Best, Selection::Refit] {
        let [one, three] = [1, 3].map(|jobs| {
            let mut results = run(&validated(12, 3, select), jobs);
            results.folds.iter_mut().for_each(|fold| fold.seconds = 0.);
            (results.folds, results.pooled)
        });
        assert_eq!(one, three, "{select:?}");
    }
}
