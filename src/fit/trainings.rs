//! The trainings of a network, one after the other.

use std::iter;

use super::prepared::Candidate;
use crate::config::{Learner, Selection};
use crate::course::{Course, Next};
use crate::results::{TransformTrial, Validation, clearly_lowest};

/// The trainings that a network comes of: one with each transform of the targets that comes into question, and
/// then, with the one that is taken, the second training on all training rows or those of the other members of
/// a bag.
///
/// All transforms have the loss on the rows for validation in the same units, of which the one that is [clearly
/// lowest](clearly_lowest) is taken. As a [`Course`] this is a function of the settings and of these losses.
/// Mostly there is one training, whose course it then is.
#[derive(Debug)]
pub(super) struct Trainings<'a> {
    candidates: Vec<(Candidate, Course<'a>)>,
    /// The courses of the members of a bag after the first, which has those of the candidates.
    others: Vec<Course<'a>>,
    selection: Selection,
    /// The number of the rows for validation.
    rows: usize,
}

/// One of the trainings of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stage {
    /// The place of its candidate.
    pub(super) candidate: usize,
    /// The member of a bag that is trained, else 0.
    pub(super) member: usize,
    /// Whether it is the second training.
    pub(super) is_refit: bool,
}

impl<'a> Trainings<'a> {
    /// With `rows` rows for validation.
    pub(super) fn new(candidates: Vec<Candidate>, learner: &'a Learner, rows: usize) -> Self {
        let Learner { model, train, .. } = learner;
        let course = || Course::new(train, model.halting);
        let others = if train.is_bagged() { model.members.saturating_sub(1) } else { 0 };
        Self {
            candidates: candidates.into_iter().map(|candidate| (candidate, course())).collect(),
            others: (0..others).map(|_| course()).collect(),
            selection: train.selection(),
            rows,
        }
    }

    /// The training that is under way, or the last: that of the first candidate whose first training is not
    /// over, and then what follows for the one that is taken.
    pub(super) fn stage(&self) -> Stage {
        if let Some(candidate) = self.candidates.iter().position(|(_, course)| !course.is_over()) {
            return Stage { candidate, member: 0, is_refit: false };
        }
        let candidate = self.taken();
        let is_refit = self.candidates[candidate].1.is_refit();
        Stage { candidate, member: self.open_member(), is_refit }
    }

    /// The first of the other members whose training is not over, or the last.
    fn open_member(&self) -> usize {
        let open = self.others.iter().position(|course| !course.is_over());
        open.map_or(self.others.len(), |place| place + 1)
    }

    /// The place of the candidate that is taken as things stand.
    fn taken(&self) -> usize {
        let losses = self.candidates.iter().map(|(_, course)| course.taken_loss().unwrap_or(f64::INFINITY));
        clearly_lowest(&losses.collect::<Vec<_>>(), self.rows)
    }

    pub(super) fn candidate(&self) -> &Candidate {
        &self.candidates[self.stage().candidate].0
    }

    pub(super) fn course(&self) -> &Course<'a> {
        let Stage { candidate, member, .. } = self.stage();
        match member.checked_sub(1) {
            None => &self.candidates[candidate].1,
            Some(place) => &self.others[place],
        }
    }

    pub(super) fn next(&self) -> Option<Next> {
        self.course().next()
    }

    /// Whether there are several candidates.
    pub(super) fn are_several(&self) -> bool {
        self.candidates.len() > 1
    }

    /// The members of the bag that are trained one after the other, else 1.
    pub(super) fn members(&self) -> usize {
        self.others.len() + 1
    }

    /// The most epochs of the first trainings with one candidate.
    pub(super) fn epochs(&self) -> usize {
        self.members().saturating_mul(self.course().epochs())
    }

    /// Whether the network of an epoch that is taken as things stand has to be kept: it is not the one that is
    /// trained in the end.
    pub(super) fn keeps_networks(&self) -> bool {
        match self.selection {
            Selection::Best | Selection::Bag => true,
            Selection::Last | Selection::Auto => self.are_several(),
            Selection::Refit => false,
        }
    }

    /// Takes note of an epoch, as [`Course::push`]; returns whether it is taken as things stand: the best of all or
    /// of the member, or where the last epoch counts, the last of the best candidate.
    pub(super) fn push(&mut self, loss: Option<f64>) -> bool {
        let Stage { candidate, member, .. } = self.stage();
        if let Some(place) = member.checked_sub(1) {
            return self.others[place].push(loss);
        }
        let is_best = self.candidates[candidate].1.push(loss);
        let is_taken = self.taken() == candidate;
        match self.selection {
            Selection::Best | Selection::Bag | Selection::Refit => is_best && is_taken,
            Selection::Last | Selection::Auto => is_taken && self.candidates[candidate].1.is_over(),
        }
    }

    /// What the rows for validation showed, in the first training of the candidate that was taken; of a bag in
    /// the mean of its members.
    pub(super) fn validation(&self) -> Validation {
        let first = &self.candidates[self.stage().candidate].1;
        let courses: Vec<_> = iter::once(first).chain(&self.others).collect();
        let selected: Vec<_> = courses.iter().map(|course| course.selected()).collect();
        let trial = |(candidate, course): &(Candidate, Course)| TransformTrial {
            transform: candidate.name,
            loss: course.taken_loss().unwrap_or(f64::NAN),
            epochs: course.selected(),
        };
        Validation {
            rows: self.rows,
            loss: means(&courses.iter().map(|course| course.losses()).collect::<Vec<_>>()),
            selected: (selected.iter().sum::<usize>() + selected.len() / 2) / selected.len(),
            stopped: courses.iter().all(|course| course.is_stopped()),
            members: if selected.len() > 1 { selected } else { Vec::new() },
            trials: self.candidates.iter().filter(|_| self.are_several()).map(trial).collect(),
        }
    }
}

/// The means of the losses after each epoch, over the courses that came so far.
fn means(losses: &[&[f64]]) -> Vec<f64> {
    let most = losses.iter().map(|losses| losses.len()).max().unwrap_or(0);
    let mean = |epoch: usize| {
        let there: Vec<_> = losses.iter().filter_map(|losses| losses.get(epoch)).collect();
        there.iter().copied().sum::<f64>() / there.len() as f64
    };
    (0..most).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ModelConfig, TargetTransform, TrainConfig};

    /// The losses of three candidates over three epochs each, and which networks are kept.
    #[test]
    fn the_candidate_of_the_lowest_loss_is_taken() {
        let losses = [[5., 3., 4.], [6., 3., 3.5], [4., 2., 2.5]];
        for (select, expected, taken, kept) in [
            (Selection::Best, 2, 2, vec![0, 1, 7]),
            (Selection::Last, 2, 3, vec![2, 5, 8]),
            (Selection::Refit, 2, 2, vec![0, 1, 7]),
        ] {
            let train = TrainConfig { epochs: 3, validation: 0.2, select, ..TrainConfig::default() };
            let learner = Learner { train, ..Learner::default() };
            let names = [TargetTransform::None, TargetTransform::Log, TargetTransform::YeoJohnson];
            let candidates = names.map(|name| Candidate { name, of_targets: vec![name] });
            let mut trainings = Trainings::new(candidates.to_vec(), &learner, 400);
            let mut keep = Vec::new();
            for (i, loss) in losses.as_flattened().iter().enumerate() {
                assert_eq!((trainings.stage().candidate, trainings.next().unwrap().epoch), (i / 3, i % 3));
                if trainings.push(Some(*loss)) {
                    keep.push(i);
                }
            }
            assert_eq!(keep, kept, "{select:?}");
            assert_eq!((trainings.stage().candidate, trainings.candidate().name), (expected, names[2]));
            let validation = trainings.validation();
            assert_eq!((validation.selected, &validation.loss[..]), (taken, &losses[2][..]));
            assert_eq!(validation.trials.len(), 3);
            let second = trainings.next();
            assert_eq!(second, (select == Selection::Refit).then_some(Next { epoch: 0, is_refit: true }));
        }
    }

    /// A bag of three members over two epochs each, of which the first chooses the transform.
    #[test]
    fn the_members_of_a_bag_follow_each_other() {
        let model = ModelConfig { members: 3, ..ModelConfig::default() };
        let train =
            TrainConfig { epochs: 2, validation: 0.2, select: Selection::Bag, ..TrainConfig::default() };
        let learner = Learner { model, train, ..Learner::default() };
        let names = [TargetTransform::None, TargetTransform::Log];
        let candidates = names.map(|name| Candidate { name, of_targets: vec![name] });
        let mut trainings = Trainings::new(candidates.to_vec(), &learner, 400);
        // The transform, the member and the loss of each epoch, and whether its network is kept.
        for (candidate, member, loss, is_kept) in [
            (0, 0, 4., true),
            (0, 0, 5., false),
            (1, 0, 3., true),
            (1, 0, 2., true),
            (1, 1, 1., true),
            (1, 1, 3., false),
            (1, 2, 6., true),
            (1, 2, 4., true),
        ] {
            assert!(trainings.next().is_some());
            assert_eq!(trainings.stage(), Stage { candidate, member, is_refit: false });
            assert_eq!(trainings.push(Some(loss)), is_kept, "member {member}, {loss}");
        }
        assert_eq!(trainings.next(), None);
        let Validation { loss, selected, members, .. } = trainings.validation();
        // After 2, 1 and 2 epochs.
        assert_eq!((loss, selected, members), (vec![10. / 3., 3.], 2, vec![2, 1, 2]));
    }
}
