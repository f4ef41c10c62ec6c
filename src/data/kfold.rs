//! The division of rows into folds.

use rand::Rng;
use rand::seq::SliceRandom;

use crate::error::{Error, Result};

/// A shuffled partition of n rows into k folds whose sizes differ by at most one.
///
/// The first n mod k folds have a row more than the rest. scikit-learn's equivalent is `KFold(k, shuffle=True)`.
#[derive(Debug, Clone)]
pub struct KFold {
    shuffled: Vec<u32>,
    k: usize,
}

/// The rows of one fold: those to test on, and all others to train on, both ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// The rows to train on.
    pub train: Vec<u32>,
    /// The rows to test on.
    pub test: Vec<u32>,
}

impl KFold {
    /// Divides `n` rows into `k` folds, shuffled by `rng`.
    ///
    /// # Errors
    ///
    /// Fails when k is below 2 or above n, or when n does not fit in 32 bits.
    ///
    /// # Examples
    ///
    /// ```
    /// use taper::data::KFold;
    /// use taper::random::{Stream, generator};
    ///
    /// let folds = KFold::new(10, 3, &mut generator(1, Stream::Folds, 0))?;
    /// let sizes: Vec<_> = folds.iter().map(|fold| fold.test.len()).collect();
    /// assert_eq!(sizes, [4, 3, 3]);
    /// # Ok::<(), taper::Error>(())
    /// ```
    pub fn new(n: usize, k: usize, rng: &mut impl Rng) -> Result<Self> {
        if k < 2 {
            return Err(Error::config("folds", format!("is {k}, expected at least 2")));
        }
        if k > n {
            return Err(Error::config("folds", format!("is {k}, expected at most the {n} rows")));
        }
        let n = u32::try_from(n)
            .map_err(|_| Error::config("data.rows", format!("is {n}, expected at most {}", u32::MAX)))?;
        let mut shuffled: Vec<u32> = (0..n).collect();
        shuffled.shuffle(rng);
        Ok(Self { shuffled, k })
    }

    /// The rows of fold `i`, or `None` when there are not so many folds.
    pub fn fold(&self, i: usize) -> Option<Fold> {
        if i >= self.k {
            return None;
        }
        let (size, larger) = (self.shuffled.len() / self.k, self.shuffled.len() % self.k);
        let start = i * size + i.min(larger);
        let end = start + size + usize::from(i < larger);
        let mut test = self.shuffled[start..end].to_vec();
        let mut train = [&self.shuffled[..start], &self.shuffled[end..]].concat();
        test.sort_unstable();
        train.sort_unstable();
        Some(Fold { train, test })
    }

    /// All folds in their order.
    pub fn iter(&self) -> impl Iterator<Item = Fold> + '_ {
        (0..self.k).filter_map(|i| self.fold(i))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Stream, generator};
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    fn kfold(n: usize, k: usize) -> Result<KFold> {
        KFold::new(n, k, &mut generator(5, Stream::Folds, 0))
    }

    proptest! {
        #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

        #[test]
        fn every_row_is_tested_once_and_trained_on_otherwise(n in 2usize..200, k in 2usize..20) {
            prop_assume!(k <= n);
            let all: Vec<u32> = (0..n as u32).collect();
            let mut tested = Vec::new();
            for fold in kfold(n, k).unwrap().iter() {
                prop_assert!(fold.test.len() == n / k || fold.test.len() == n / k + 1);
                let mut both = [fold.train, fold.test.clone()].concat();
                both.sort_unstable();
                prop_assert_eq!(&both, &all);
                tested.extend(fold.test);
            }
            tested.sort_unstable();
            prop_assert_eq!(tested, all);
        }
    }

    #[test]
    fn rows_are_shuffled() {
        let first = kfold(100, 4).unwrap().fold(0).unwrap().test;
        assert_ne!(first, (0..25).collect::<Vec<u32>>());
    }

    #[test]
    fn impossible_divisions_are_refused() {
        let message = |n, k| kfold(n, k).unwrap_err().to_string();
        assert_eq!(message(10, 1), "folds is 1, expected at least 2");
        assert_eq!(message(3, 4), "folds is 4, expected at most the 3 rows");
        assert!(kfold(4, 4).unwrap().fold(4).is_none());
    }
}
