//! The course of a training: how far it goes, at which rates, and which of its epochs is the best.

use crate::config::{Selection, TrainConfig};
use crate::nn::Halting;
use crate::optim::{Plateau, Schedule, Stagnation};

/// The course of a network's training, as the losses on its rows for validation decide it.
///
/// It is a function of the settings and of these losses, so that a training that is resumed with those of the
/// epochs that are done takes the course that it would have taken.
#[derive(Debug, Clone)]
pub(crate) struct Course<'a> {
    config: &'a TrainConfig,
    /// The epochs at the beginning that are neither the best nor without improvement: those after which a
    /// network has not begun to learn its depths.
    warm_up: usize,
    /// The epochs that are done of the first training.
    first: usize,
    /// The losses after them, if there are rows for validation.
    losses: Vec<f64>,
    /// The number of them after which the loss was lowest.
    best: Option<usize>,
    /// The epochs that are done of the second training, on all training rows.
    refit: usize,
    stagnation: Stagnation,
    plateau: Plateau,
}

/// An epoch to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Next {
    /// Its number in its training.
    pub(crate) epoch: usize,
    /// Whether it is one of the second training, of a new network on all training rows.
    pub(crate) is_refit: bool,
}

impl<'a> Course<'a> {
    /// The course before the first epoch.
    pub(crate) fn new(config: &'a TrainConfig, halting: Halting) -> Self {
        let warm_up = if halting == Halting::None { 0 } else { config.warm_up() };
        Self {
            config,
            warm_up,
            first: 0,
            losses: Vec::new(),
            best: None,
            refit: 0,
            stagnation: Stagnation::new(config.min_improvement),
            plateau: Plateau::default(),
        }
    }

    /// The epoch that comes next, if training is not over.
    pub(crate) fn next(&self) -> Option<Next> {
        let (epoch, epochs, is_refit) = match self.is_refit() {
            false if self.is_stopped() => return None,
            false => (self.first, self.config.epochs, false),
            true => (self.refit, self.best.unwrap_or(0), true),
        };
        (epoch < epochs).then_some(Next { epoch, is_refit })
    }

    /// The most epochs of the first training.
    pub(crate) fn epochs(&self) -> usize {
        self.config.epochs
    }

    /// Whether the first training is over.
    pub(crate) fn is_over(&self) -> bool {
        self.first >= self.config.epochs || self.is_stopped()
    }

    /// Whether the first training is over and there is a second one, done or not.
    pub(crate) fn is_refit(&self) -> bool {
        self.is_over() && self.config.selection() == Selection::Refit
    }

    /// Takes note of another epoch, in the first training with the `loss` on the rows for validation; returns
    /// whether it is the best so far.
    pub(crate) fn push(&mut self, loss: Option<f64>) -> bool {
        if self.is_refit() {
            // At the rates of the first training.
            if let Some(loss) = self.losses.get(self.refit) {
                self.plateau.push(*loss);
            }
            self.refit += 1;
            return false;
        }
        self.first += 1;
        let Some(loss) = loss else { return false };
        let counts = self.first > self.warm_up;
        let is_best = counts && self.best.is_none_or(|best| loss <= self.losses[best - 1]);
        if is_best {
            self.best = Some(self.first);
        }
        self.losses.push(loss);
        if counts {
            self.stagnation.push(loss);
        }
        self.plateau.push(loss);
        if self.is_refit() {
            self.plateau = Plateau::default();
        }
        is_best
    }

    /// The epochs that are done of the first training.
    pub(crate) fn first(&self) -> usize {
        self.first
    }

    /// Whether the first training stopped since the loss no longer improved.
    pub(crate) fn is_stopped(&self) -> bool {
        self.config.patience > 0 && self.stagnation.epochs() >= self.config.patience
    }

    /// By what the rate that the settings tell for a step of the next epoch is multiplied.
    pub(crate) fn rate_factor(&self) -> f64 {
        if self.config.schedule == Schedule::Plateau { self.plateau.factor() } else { 1. }
    }

    /// The losses on the rows for validation after the epochs of the first training.
    pub(crate) fn losses(&self) -> &[f64] {
        &self.losses
    }

    /// The one of them after which the network is taken.
    pub(crate) fn taken_loss(&self) -> Option<f64> {
        self.losses.get(self.selected().checked_sub(1)?).copied()
    }

    /// The number of epochs after which the network is taken.
    pub(crate) fn selected(&self) -> usize {
        match self.config.selection() {
            Selection::Best | Selection::Refit | Selection::Bag => self.best.unwrap_or(self.first),
            Selection::Last | Selection::Auto => self.first,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes the course that `losses` say, as many as are needed, and returns it with the epochs that were the
    /// best so far.
    fn take<'a>(config: &'a TrainConfig, losses: &[f64]) -> (Course<'a>, Vec<usize>) {
        let (mut course, mut bests) = (Course::new(config, Halting::None), Vec::new());
        for loss in losses {
            let Some(Next { epoch, is_refit: false }) = course.next() else { break };
            if course.push(Some(*loss)) {
                bests.push(epoch);
            }
        }
        (course, bests)
    }

    fn config(patience: usize, min_improvement: f64, select: Selection) -> TrainConfig {
        TrainConfig {
            epochs: 8,
            validation: 0.5,
            patience,
            min_improvement,
            select,
            ..TrainConfig::default()
        }
    }

    const LOSSES: [f64; 8] = [1., 0.5, 0.6, 0.5, 0.6, 0.499, 0.7, 0.8];

    #[test]
    fn training_stops_when_the_loss_no_longer_improves() {
        for (patience, min_improvement, made, stopped, selected) in [
            (0, 0., 8, false, 6),
            (1, 0., 3, true, 2),
            // An equal loss is no improvement, and the better network all the same.
            (2, 0., 4, true, 4),
            (4, 0., 8, false, 6),
            // From 0.5 to 0.499 it falls by a five-hundredth.
            (4, 1e-3, 8, false, 6),
            (4, 5e-3, 6, true, 6),
            (6, 5e-3, 8, true, 6),
        ] {
            let config = config(patience, min_improvement, Selection::Auto);
            let (course, bests) = take(&config, &LOSSES);
            assert_eq!((course.first, course.is_stopped()), (made, stopped), "{config:?}");
            assert_eq!(course.selected(), selected, "{config:?}");
            assert_eq!(bests, [0, 1, 3, 5].into_iter().filter(|epoch| *epoch < made).collect::<Vec<_>>());
            assert_eq!(course.next(), None);
            // The last one, however good others were.
            let last = TrainConfig { select: Selection::Last, ..config.clone() };
            assert_eq!(take(&last, &LOSSES).0.selected(), made);
        }
    }

    #[test]
    fn without_validation_training_takes_all_epochs() {
        let config = TrainConfig { epochs: 2, ..TrainConfig::default() };
        let mut course = Course::new(&config, Halting::None);
        for epoch in 0..2 {
            assert_eq!(course.next(), Some(Next { epoch, is_refit: false }));
            assert!(!course.push(None));
        }
        assert_eq!((course.next(), course.selected(), course.is_stopped()), (None, 2, false));
    }

    /// The second training takes as many epochs as the best took, at the rates of the first.
    #[test]
    fn a_refit_repeats_the_rates_up_to_the_best_epoch() {
        let losses = [1., 1., 1., 1., 1., 1., 0.5, 0.6];
        let config = TrainConfig { schedule: Schedule::Plateau, ..config(0, 0., Selection::Refit) };
        let mut course = Course::new(&config, Halting::None);
        let mut rates = Vec::new();
        for loss in losses {
            rates.push(course.rate_factor());
            course.push(Some(loss));
        }
        assert_eq!(rates, [1., 1., 1., 1., 1., 1., 0.1, 0.1]);
        let mut again = Vec::new();
        while let Some(Next { epoch, is_refit }) = course.next() {
            assert_eq!((epoch, is_refit), (again.len(), true));
            again.push(course.rate_factor());
            course.push(None);
        }
        assert_eq!(again, rates[..7]);
        assert_eq!(course.selected(), 7);
    }

    /// Of 20 epochs a network that learns its depths begins to after 2: a low loss before is not the best, and
    /// patience begins then.
    #[test]
    fn what_comes_before_depths_are_learned_does_not_count() {
        let config = TrainConfig { epochs: 20, validation: 0.2, patience: 2, ..TrainConfig::default() };
        let mut course = Course::new(&config, Halting::Adaptive);
        let bests: Vec<_> = [1., 2., 4., 5., 3., 6., 7.].map(|loss| course.push(Some(loss))).into();
        assert_eq!(bests, [false, false, true, false, true, false, false]);
        assert_eq!((course.selected(), course.is_stopped()), (5, true));
    }
}
