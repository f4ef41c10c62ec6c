//! The part of a network's training rows on which its training is watched.

use std::collections::BTreeSet;

use rand::Rng;

use crate::config::Learner;
use crate::data::{Dataset, Fold, KFold};
use crate::error::{Error, Result};
use crate::random::{Stream, generator};

/// The training rows of a network: those that it is trained on, and those that are set aside; all ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Split {
    pub(crate) train: Vec<u32>,
    pub(crate) validation: Vec<u32>,
}

impl Split {
    /// Sets the share of `learner` of `rows`, the training rows of network `index`, aside for validation,
    /// rounded up to a whole row. Rows of one group are on one side; of rows in time the last are set aside,
    /// and those of one time are not divided.
    ///
    /// Of [bagged](crate::config::TrainConfig::is_bagged) networks each `member` has another part of as many as
    /// the share gives, and when all have been set aside those of another division; but of rows in time all
    /// have the last.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Config`] when nothing would be left to train on, or nothing to validate on.
    pub(crate) fn new(
        data: &Dataset,
        learner: &Learner,
        rows: &[u32],
        index: usize,
        member: usize,
    ) -> Result<Self> {
        if !learner.train.has_validation() {
            return Ok(Self { train: rows.to_vec(), validation: Vec::new() });
        }
        let share = learner.train.validation;
        let of_rows = |of_all: &[u32]| -> Vec<u32> { rows.iter().map(|&row| of_all[row as usize]).collect() };
        let (groups, ranks) = (data.groups().map(of_rows), data.order().map(of_rows));
        let fold = if let Some(ranks) = &ranks {
            KFold::latest(ranks, share)
        } else {
            let mut rng = generator(learner.seed, Stream::Validation, index);
            if learner.train.is_bagged() {
                part(rows.len(), groups.as_deref(), share, member, &mut rng)
            } else {
                KFold::holdout(rows.len(), groups.as_deref(), share, &mut rng)
            }
        };
        // The fold has the places of rows among those of the network.
        let at = |places: Vec<u32>| -> Vec<u32> {
            places.into_iter().filter_map(|place| rows.get(place as usize).copied()).collect()
        };
        match fold {
            Ok(Fold { train, test }) => Ok(Self { train: at(train), validation: at(test) }),
            Err(_) => Err(refused(share, rows.len(), ranks.as_deref(), groups.as_deref())),
        }
    }
}

/// Part `member` of a division of `n` rows into as many as a `share` of them gives, or as there are groups; or
/// where there are fewer parts, one of the next division.
fn part(n: usize, groups: Option<&[u32]>, share: f64, member: usize, rng: &mut impl Rng) -> Result<Fold> {
    let most = groups.map_or(n, distinct).max(2);
    // The number nearest to 1 / share, as far as there are so many.
    let parts = (2..most).find(|parts| 1. <= share * (*parts as f64 + 0.5)).unwrap_or(most);
    let mut division = || match groups {
        Some(groups) => KFold::grouped(groups, parts, rng),
        None => KFold::new(n, parts, rng),
    };
    for _ in 0..member / parts {
        division()?;
    }
    let fold = division()?.fold(member % parts);
    fold.ok_or_else(|| Error::config("train.validation", format!("has no part {member}")))
}

/// Refuses a share for validation that leaves the network of one of `folds` nothing to train on or nothing to
/// validate on. [`cross_validate`](crate::cross_validate()) and [`train_model`](crate::train_model()) check
/// that, too; this is for those who have something to do before.
///
/// # Errors
///
/// Fails with [`Error::Config`] of the key `train.validation`.
pub fn check_validation(
    data: &Dataset,
    learner: &Learner,
    folds: impl IntoIterator<Item = Fold>,
) -> Result<()> {
    if !learner.train.has_validation() {
        return Ok(());
    }
    folds
        .into_iter()
        .enumerate()
        .try_for_each(|(i, fold)| Split::new(data, learner, &fold.train, i, 0).map(drop))
}

/// The error that `share` of `n` rows cannot be set aside.
fn refused(share: f64, n: usize, ranks: Option<&[u32]>, groups: Option<&[u32]>) -> Error {
    let (parts, one, many) = match (ranks, groups) {
        (Some(ranks), _) => (distinct(ranks), "time", "times"),
        (None, Some(groups)) => (distinct(groups), "group", "groups"),
        (None, None) => (n, "row", "rows"),
    };
    let takes_all = share * n as f64 > n.saturating_sub(1) as f64;
    let problem = if parts < 2 {
        format!("is {share}, but a network has training rows of only one {one}, expected at least 2 {many}")
    } else if ranks.is_some() && !takes_all {
        format!(
            "is {share}, which sets none of the {n} training rows of a network aside: the last are of one time, and are \
             not divided; expected a larger share, or 0"
        )
    } else {
        let of = match many {
            "rows" => format!("a network's {n} training rows"),
            many => format!("the {parts} {many} of a network's training rows"),
        };
        format!("is {share}, which leaves none of {of} to train on; expected a smaller share")
    };
    Error::config("train.validation", problem)
}

fn distinct(values: &[u32]) -> usize {
    values.iter().collect::<BTreeSet<_>>().len()
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Tensor};

    use super::*;
    use crate::config::TrainConfig;
    use crate::partition::Partition;

    fn data(rows: usize) -> Dataset {
        let zeros = Tensor::zeros((rows, 1), DType::F32, &Device::Cpu).unwrap();
        Dataset::new(zeros.clone(), zeros).unwrap()
    }

    fn learner(validation: f64) -> Learner {
        Learner { train: TrainConfig { validation, ..TrainConfig::default() }, ..Learner::default() }
    }

    /// Both sides together are the training rows, so that no test row is among them.
    fn check(split: &Split, fold: &Fold) {
        let mut both = [split.train.clone(), split.validation.clone()].concat();
        both.sort_unstable();
        assert_eq!(both, fold.train);
        assert!(split.train.is_sorted() && split.validation.is_sorted());
        assert!(!split.train.is_empty() && !split.validation.is_empty());
    }

    #[test]
    fn a_share_of_the_training_rows_is_drawn() {
        let data = data(103);
        let folds = Partition::new(&data, 4, 2, 1).unwrap();
        let splits = |learner: &Learner| -> Vec<_> {
            folds
                .iter()
                .enumerate()
                .map(|(i, fold)| Split::new(&data, learner, &fold.train, i, 0).unwrap())
                .collect()
        };
        let found = splits(&learner(0.2));
        for (split, fold) in found.iter().zip(folds.iter()) {
            check(split, &fold);
            // 77 or 78 rows.
            assert_eq!(split.validation.len(), 16);
        }
        assert_eq!(splits(&learner(0.2)), found);
        assert_ne!(splits(&Learner { seed: 2, ..learner(0.2) }), found);
        // The same rows of two networks are divided otherwise, and not as those of a holdout.
        let all: Vec<u32> = (0..103).collect();
        let [one, other] = [0, 1].map(|i| Split::new(&data, &learner(0.2), &all, i, 0).unwrap());
        assert_ne!(one, other);
        let rest = splits(&learner(0.)).swap_remove(3);
        assert_eq!((rest.train, rest.validation), (folds.fold(3).unwrap().train, vec![]));
    }

    #[test]
    fn groups_are_not_divided() {
        let groups: Vec<u32> = (0..60).map(|row| row * row % 13).collect();
        let data = data(60).with_groups(groups.clone()).unwrap();
        let folds = Partition::new(&data, 3, 1, 1).unwrap();
        for (i, fold) in folds.iter().enumerate() {
            let split = Split::new(&data, &learner(0.25), &fold.train, i, 0).unwrap();
            check(&split, &fold);
            let of = |rows: &[u32]| -> BTreeSet<_> { rows.iter().map(|&row| groups[row as usize]).collect() };
            assert!(of(&split.train).is_disjoint(&of(&split.validation)));
            assert!(split.validation.len() >= fold.train.len() / 4);
        }
    }

    #[test]
    fn of_rows_in_time_the_last_training_rows_are_set_aside() {
        let ranks: Vec<u32> = (0..40).map(|row| (39 - row) / 2).collect();
        let data = data(40).with_order(ranks.clone()).unwrap();
        for (i, fold) in Partition::new(&data, 3, 1, 1).unwrap().iter().enumerate() {
            let split = Split::new(&data, &learner(0.3), &fold.train, i, 0).unwrap();
            check(&split, &fold);
            let times = |rows: &[u32]| {
                let times = rows.iter().map(|&row| ranks[row as usize]);
                (times.clone().min().unwrap(), times.max().unwrap())
            };
            assert!(times(&split.train).1 < times(&split.validation).0);
            assert!(times(&split.validation).1 < times(&fold.test).0);
        }
    }

    #[test]
    fn too_few_rows_are_refused() {
        let message = |data: &Dataset, share| {
            let rows = (0..data.rows() as u32).collect();
            let fold = Fold { train: rows, test: Vec::new() };
            check_validation(data, &learner(share), [fold]).unwrap_err().to_string()
        };
        assert_eq!(
            message(&data(3), 0.9),
            "train.validation is 0.9, which leaves none of a network's 3 training rows to train on; expected a \
             smaller share"
        );
        let one = "train.validation is 0.2, but a network has training rows of only one";
        assert_eq!(message(&data(1), 0.2), format!("{one} row, expected at least 2 rows"));
        let grouped = data(3).with_groups(vec![7; 3]).unwrap();
        assert_eq!(message(&grouped, 0.2), format!("{one} group, expected at least 2 groups"));
        let ordered = data(4).with_order(vec![0, 1, 1, 1]).unwrap();
        assert_eq!(
            message(&ordered, 0.2),
            "train.validation is 0.2, which sets none of the 4 training rows of a network aside: the last are of one \
             time, and are not divided; expected a larger share, or 0"
        );
        let all = "which leaves none of the 2 times of a network's training rows to train on; expected a smaller share";
        assert!(message(&ordered, 0.9).ends_with(all));
    }
}
