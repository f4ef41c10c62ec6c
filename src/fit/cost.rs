//! What training costs before it is made.

use super::{Fit, Prepared};
use crate::config::{Depths, Selection};
use crate::data::Fold;
use crate::error::Result;
use crate::nn::{DynamicNet, Halting};
use crate::plan::Plan;
use crate::run::RunOptions;

/// The floating-point operations that training network `index` on the training rows of `fold` is expected to
/// take, if it is not stopped early: those of the training steps in the mean over the depths of its
/// [plan](Plan), times the steps.
pub(crate) fn operations(prepared: &Prepared, index: usize, fold: &Fold) -> Result<f64> {
    let learner = prepared.learner;
    let options = RunOptions::default();
    let fit = Fit::new(prepared, index, fold, &options, None)?;
    let steps = |rows| (learner.train.steps(rows) * learner.train.epochs as u64) as f64;
    let trainings = if learner.train.is_bagged() { learner.model.members as f64 } else { 1. };
    let refit = match learner.train.selection() {
        Selection::Refit => steps(fold.train.len()),
        _ => 0.,
    };
    let rows = learner.train.batch_size.min(fit.training.rows.len());
    let each = step_operations(prepared, fit.training.trainer.net(), rows)?;
    Ok(each * (steps(fit.training.rows.len()) * trainings + refit))
}

/// Those of a step on `rows` rows in the mean over the depths that are drawn, all of which are taken to be as
/// likely.
fn step_operations(prepared: &Prepared, net: &DynamicNet, rows: usize) -> Result<f64> {
    let learner = prepared.learner;
    let (loss, updates) = (learner.train.loss(), learner.train.updates(&learner.model));
    if learner.model.halting != Halting::None || learner.train.depths == Depths::All {
        let weights: &[f64] = match learner.model.halting {
            Halting::None => &learner.train.depth_weights,
            _ => &[],
        };
        let plan = Plan::training_step_at_all_depths(net, weights, rows, loss, &updates.optimizer)?;
        return Ok(plan.flops as f64);
    }
    let (mut sum, mut count) = (0., 0.);
    for depth in net.depths() {
        sum += Plan::training_step(net, depth, rows, loss, &updates.optimizer)?.flops as f64;
        count += 1.;
    }
    Ok(sum / count)
}
