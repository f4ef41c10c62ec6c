//! The trainings by which the transform of the targets is chosen.

use super::prepared::Candidate;
use crate::config::{Selection, TrainConfig};
use crate::course::{Course, Next};
use crate::nn::Halting;
use crate::results::{TransformTrial, Validation, clearly_lowest};

/// A network's training with each transform of the targets that comes into question, one after the other.
///
/// All have the loss on the rows for validation in the same units. The one that is [clearly
/// lowest](clearly_lowest) says which is taken, and goes on with a second training where there is one. As a [`Course`] it is a function of the settings and of these
/// losses. Mostly there is one candidate, whose course it then is.
#[derive(Debug)]
pub(super) struct Trials<'a> {
    candidates: Vec<(Candidate, Course<'a>)>,
    selection: Selection,
    /// The number of the rows for validation.
    rows: usize,
}

impl<'a> Trials<'a> {
    /// With `rows` rows for validation.
    pub(super) fn new(
        candidates: Vec<Candidate>,
        train: &'a TrainConfig,
        halting: Halting,
        rows: usize,
    ) -> Self {
        let begin = |candidate| (candidate, Course::new(train, halting));
        Self { candidates: candidates.into_iter().map(begin).collect(), selection: train.selection(), rows }
    }

    /// The place of the candidate that is in training: the first whose first training is not over, and then the
    /// one that is taken.
    pub(super) fn current(&self) -> usize {
        let open = self.candidates.iter().position(|(_, course)| !course.is_over());
        open.unwrap_or_else(|| self.taken())
    }

    /// The place of the candidate that is taken as things stand.
    fn taken(&self) -> usize {
        let losses = self.candidates.iter().map(|(_, course)| course.taken_loss().unwrap_or(f64::INFINITY));
        clearly_lowest(&losses.collect::<Vec<_>>(), self.rows)
    }

    pub(super) fn candidate(&self) -> &Candidate {
        &self.candidates[self.current()].0
    }

    pub(super) fn course(&self) -> &Course<'a> {
        &self.candidates[self.current()].1
    }

    /// Whether there are several candidates.
    pub(super) fn are_several(&self) -> bool {
        self.candidates.len() > 1
    }

    /// Takes note of an epoch, as [`Course::push`]; returns whether its network is the one to keep as things
    /// stand: the best of all, or where the last epoch counts, the last of the best candidate.
    pub(super) fn push(&mut self, loss: Option<f64>) -> bool {
        let current = self.current();
        let is_best = self.candidates[current].1.push(loss);
        let is_taken = self.taken() == current;
        match self.selection {
            Selection::Best => is_best && is_taken,
            Selection::Last => self.are_several() && is_taken && self.candidates[current].1.is_over(),
            Selection::Refit | Selection::Auto => false,
        }
    }

    /// What the rows for validation showed, in the first training of the candidate that was taken.
    pub(super) fn validation(&self) -> Validation {
        let course = self.course();
        let trial = |(candidate, course): &(Candidate, Course)| TransformTrial {
            transform: candidate.name,
            loss: course.taken_loss().unwrap_or(f64::NAN),
            epochs: course.selected(),
        };
        let trials = self.candidates.iter().filter(|_| self.are_several()).map(trial).collect();
        Validation {
            rows: self.rows,
            loss: course.losses().to_vec(),
            selected: course.selected(),
            stopped: course.is_stopped(),
            trials,
        }
    }

    pub(super) fn next(&self) -> Option<Next> {
        self.course().next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TargetTransform;

    /// The losses of three candidates over three epochs each, and which networks are kept.
    #[test]
    fn the_candidate_of_the_lowest_loss_is_taken() {
        let losses = [[5., 3., 4.], [6., 3., 3.5], [4., 2., 2.5]];
        for (select, expected, taken, kept) in [
            (Selection::Best, 2, 2, vec![0, 1, 7]),
            (Selection::Last, 2, 3, vec![2, 5, 8]),
            (Selection::Refit, 2, 2, vec![]),
        ] {
            let train = TrainConfig { epochs: 3, validation: 0.2, select, ..TrainConfig::default() };
            let names = [TargetTransform::None, TargetTransform::Log, TargetTransform::YeoJohnson];
            let candidates = names.map(|name| Candidate { name, of_targets: vec![name] });
            let mut trials = Trials::new(candidates.to_vec(), &train, Halting::None, 400);
            let mut keep = Vec::new();
            for (i, loss) in losses.as_flattened().iter().enumerate() {
                assert_eq!((trials.current(), trials.next().unwrap().epoch), (i / 3, i % 3));
                if trials.push(Some(*loss)) {
                    keep.push(i);
                }
            }
            assert_eq!(keep, kept, "{select:?}");
            assert_eq!((trials.current(), trials.candidate().name), (expected, names[2]));
            let validation = trials.validation();
            assert_eq!((validation.selected, &validation.loss[..]), (taken, &losses[2][..]));
            assert_eq!(validation.trials.len(), 3);
            let second = trials.next();
            assert_eq!(second, (select == Selection::Refit).then_some(Next { epoch: 0, is_refit: true }));
        }
    }
}
