//! How many steps of training there is time for.

use std::time::{Duration, Instant};

use candle_core::Device;
use tracing::subscriber::{NoSubscriber, with_default};

use crate::config::{Learner, ModelConfig, Selection, TargetTransform, TrainConfig};
use crate::data::{Dataset, Fold};
use crate::error::Result;
use crate::fit::{Prepared, fit};
use crate::run::RunOptions;
use crate::stop::Stop;

/// The steps of a trial: enough to tell how long one takes, where an epoch has fewer of them.
const TRIAL: usize = 1000;

/// The share of the time that the steps may fill, beside what has to be done once, and since steps of networks
/// side by side take longer than those of one.
const SHARE: f64 = 0.8;

/// The most steps of each network (see [`TrainConfig::max_steps`]) with which training `rounds` of them one
/// after the other, on rows like those of `fold`, takes about `time`. They are rounded down to two digits.
///
/// A trial of a thousand steps, on as many rows as they take, tells how long one is with its part of the
/// validation. What comes of it depends on the machine and on what else it does; what is trained with the steps
/// that come of it does not.
///
/// # Errors
///
/// Fails as the training does, and where `stop` says so.
pub fn steps_within(
    data: &Dataset,
    learner: &Learner,
    fold: &Fold,
    device: &Device,
    (time, rounds): (Duration, usize),
    stop: &Stop,
) -> Result<u64> {
    let start = Instant::now();
    let batch = learner.train.batch_size.max(1);
    let max_rows = TRIAL.saturating_mul(batch);
    let rows = fold.train.len().min(max_rows);
    let epochs = TRIAL.div_ceil(rows.div_ceil(batch).max(1));
    let select = if learner.train.validation > 0. { Selection::Best } else { Selection::Last };
    let train = TrainConfig {
        epochs,
        select,
        max_steps: 0,
        patience: 0,
        target_transform: TargetTransform::None,
        ..learner.train.clone()
    };
    let trial =
        Learner { train, model: ModelConfig { members: 1, ..learner.model.clone() }, ..learner.clone() };
    let options = RunOptions { stop: stop.clone(), max_rows: Some(max_rows), ..RunOptions::default() };
    let fold = Fold { train: fold.train.clone(), test: Vec::new() };
    let began = Instant::now();
    // Nobody needs to know of its epochs.
    let fitted = with_default(NoSubscriber::new(), || {
        fit(&Prepared::new(&trial, data, device)?, 0, &fold, &options, None, stop)
    })?;
    let steps = epochs as f64 * fitted.rows.div_ceil(batch) as f64;
    let each = began.elapsed().as_secs_f64() / steps;
    let left = time.saturating_sub(start.elapsed()).as_secs_f64() / rounds.max(1) as f64;
    Ok(two_digits(SHARE * left / each / trainings(&learner.train)))
}

/// How many trainings of so many steps a network may take.
fn trainings(train: &TrainConfig) -> f64 {
    let refits = if train.select == Selection::Refit { 2. } else { 1. };
    let transforms = if train.target_transform == TargetTransform::Auto { 3. } else { 1. };
    refits * transforms
}

/// `steps` rounded down to two digits, at least 1.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "numbers from 1 to 1e18")]
fn two_digits(steps: f64) -> u64 {
    let steps = steps.clamp(1., 1e18);
    let unit = 10f64.powf(steps.log10().floor() - 1.).max(1.);
    ((steps / unit).floor() * unit) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_have_two_digits() {
        let expected = [(0., 1), (1.9, 1), (99.9, 99), (100., 100), (12_999., 12_000), (456_789.1, 450_000)];
        for (steps, expected) in expected {
            assert_eq!(two_digits(steps), expected, "of {steps}");
        }
        assert_eq!(two_digits(f64::INFINITY), 1_000_000_000_000_000_000);
    }
}
