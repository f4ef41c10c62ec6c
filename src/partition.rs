//! The division of a data set into folds.

use crate::data::{Dataset, Fold, KFold};
use crate::error::{Error, Result};
use crate::memory;
use crate::random::{Stream, generator};

/// The folds of a cross-validation, which may be repeated, each time with another division of the rows.
///
/// # Examples
///
/// ```
/// use candle_core::{DType, Device};
/// use taper::Partition;
/// use taper::data::synthetic;
/// use taper::random::{Stream, generator};
///
/// let data = synthetic(100, 4, 0.1, generator(1, Stream::Data, 0), DType::F32, &Device::Cpu)?;
/// let folds = Partition::new(&data, 5, 2, 1)?;
/// assert_eq!((folds.count(), folds.fold(9).unwrap().test.len()), (10, 20));
/// # Ok::<(), taper::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Partition {
    /// One for each repetition.
    divisions: Vec<KFold>,
    folds: usize,
    rows: usize,
}

impl Partition {
    /// Divides the rows of `data` into `folds`, `repeats` times, under `seed`. Rows of one group are in one
    /// fold; rows in time are in folds that are tested on what comes after their training rows. The first
    /// division is the same however many follow.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Config`] when there cannot be so many folds, or there is no memory for so many
    /// repetitions.
    pub fn new(data: &Dataset, folds: usize, repeats: usize, seed: u64) -> Result<Self> {
        let division = |repeat| {
            let mut rng = generator(seed, Stream::Folds, repeat);
            match (data.order(), data.groups()) {
                (Some(order), _) => KFold::ordered(order, folds),
                (None, Some(groups)) => KFold::grouped(groups, folds, &mut rng),
                (None, None) => KFold::new(data.rows(), folds, &mut rng),
            }
        };
        memory::check::<u32>(data.rows().saturating_mul(repeats)).map_err(|problem| {
            Error::config("repeats", format!("is {repeats}, and a list of their rows {problem}"))
        })?;
        let divisions = (0..repeats).map(division).collect::<Result<_>>()?;
        Ok(Self { divisions, folds, rows: data.rows() })
    }

    /// The number of folds of one repetition.
    pub(crate) fn folds(&self) -> usize {
        self.folds
    }

    /// The number of folds of all repetitions together.
    pub fn count(&self) -> usize {
        self.divisions.len() * self.folds
    }

    /// Refuses data that are not those which were divided, as far as their number of rows tells.
    pub(crate) fn check(&self, data: &Dataset) -> Result<()> {
        if self.rows == data.rows() {
            return Ok(());
        }
        let problem = format!("are of {} rows, expected the {} of the data", self.rows, data.rows());
        Err(Error::config("folds", problem))
    }

    /// The rows of fold `i`, counted through all repetitions; `None` when there are fewer.
    pub fn fold(&self, i: usize) -> Option<Fold> {
        self.divisions.get(i.checked_div(self.folds)?)?.fold(i % self.folds)
    }

    /// All folds, one repetition after the other.
    pub fn iter(&self) -> impl Iterator<Item = Fold> + '_ {
        self.divisions.iter().flat_map(KFold::iter)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Tensor};

    use super::*;

    fn data(rows: usize) -> Dataset {
        let zeros = Tensor::zeros((rows, 1), DType::F32, &Device::Cpu).unwrap();
        Dataset::new(zeros.clone(), zeros).unwrap()
    }

    #[test]
    fn each_repetition_tests_each_row_once_in_other_folds() {
        let partition = Partition::new(&data(20), 4, 3, 7).unwrap();
        let tests: Vec<_> = partition.iter().map(|fold| fold.test).collect();
        assert_eq!((tests.len(), partition.count()), (12, 12));
        for (i, repeat) in tests.chunks(4).enumerate() {
            let mut rows = repeat.concat();
            rows.sort_unstable();
            assert_eq!(rows, (0..20).collect::<Vec<_>>());
            assert_eq!(partition.fold(4 * i + 1).unwrap().test, repeat[1]);
        }
        assert!(tests[..4] != tests[4..8] && tests[4..8] != tests[8..]);
        assert!(partition.fold(12).is_none());
        let once = Partition::new(&data(20), 4, 1, 7).unwrap();
        assert_eq!(once.iter().map(|fold| fold.test).collect::<Vec<_>>(), tests[..4]);
    }

    #[test]
    fn the_order_decides() {
        let data = data(6).with_order(vec![5, 4, 3, 2, 1, 0]).unwrap();
        let last = Partition::new(&data, 2, 1, 1).unwrap().fold(1).unwrap();
        assert_eq!((last.train, last.test), (vec![2, 3, 4, 5], vec![0, 1]));
    }
}
