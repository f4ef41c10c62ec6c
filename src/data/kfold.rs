//! Partitions of rows into folds.

mod ordered;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::iter;

use rand::Rng;
use rand::seq::SliceRandom;

use crate::error::{Error, Result};

/// A division of n rows into k folds.
#[derive(Debug, Clone)]
pub struct KFold {
    /// The test rows of the first fold, then those of the second, and so on; before them, those that are only
    /// trained on.
    rows: Vec<u32>,
    /// Where the first fold starts in `rows`, and where each ends.
    bounds: Vec<usize>,
    /// Whether a fold is trained only on what is before its test rows.
    is_ordered: bool,
}

/// The rows of one fold, those to train on and those to test on, both ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// The training rows.
    pub train: Vec<u32>,
    /// The test rows.
    pub test: Vec<u32>,
}

impl KFold {
    /// Divides `n` rows into `k` folds whose sizes differ by at most one, shuffled by `rng`.
    ///
    /// The first n mod k folds have one more row than the rest. scikit-learn's equivalent is `KFold(k,
    /// shuffle=True)`.
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
        check_k(k, n, "rows")?;
        let mut rows = rows_below(n)?;
        rows.shuffle(rng);
        let (size, larger) = (rows.len() / k, rows.len() % k);
        let bounds = (0..=k).map(|i| i * size + i.min(larger)).collect();
        Ok(Self { rows, bounds, is_ordered: false })
    }

    /// Divides rows into `k` folds that never split a group; `groups` has the group id of each row.
    ///
    /// From the largest group to the smallest, each goes to the fold with the fewest rows so far; `rng`
    /// shuffles groups of equal size. scikit-learn's `GroupKFold(k)` gives folds of the same sizes.
    ///
    /// # Errors
    ///
    /// Fails when k is below 2 or above the number of groups, or when the number of rows does not fit in 32
    /// bits.
    ///
    /// # Examples
    ///
    /// ```
    /// use taper::data::KFold;
    /// use taper::random::{Stream, generator};
    ///
    /// let folds = KFold::grouped(&[7, 7, 8, 9, 9, 9], 2, &mut generator(1, Stream::Folds, 0))?;
    /// assert_eq!(folds.fold(0).unwrap().test, [3, 4, 5]);
    /// assert_eq!(folds.fold(1).unwrap().test, [0, 1, 2]);
    /// # Ok::<(), taper::Error>(())
    /// ```
    pub fn grouped(groups: &[u32], k: usize, rng: &mut impl Rng) -> Result<Self> {
        let mut rows_of: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (row, group) in (0..=u32::MAX).zip(groups) {
            rows_of.entry(*group).or_default().push(row);
        }
        check_k(k, rows_of.len(), "groups")?;
        if u32::try_from(groups.len()).is_err() {
            return Err(Error::config(
                "data.file",
                format!("has {} rows, expected at most {}", groups.len(), u32::MAX),
            ));
        }
        let mut rows_of: Vec<_> = rows_of.into_values().collect();
        rows_of.shuffle(rng);
        rows_of.sort_by_key(|rows| Reverse(rows.len()));
        let mut folds = vec![Vec::new(); k];
        for rows in rows_of {
            if let Some(smallest) = folds.iter_mut().min_by_key(|fold| fold.len()) {
                smallest.extend(rows);
            }
        }
        let ends = folds.iter().scan(0, |end, fold| {
            *end += fold.len();
            Some(*end)
        });
        Ok(Self { bounds: iter::once(0).chain(ends).collect(), rows: folds.concat(), is_ordered: false })
    }

    /// Holds out a `share` of `n` rows for testing: a single fold, shuffled by `rng`. Of rows in `groups`,
    /// whole groups are held out until they make up at least the share. A share of 0 holds out nothing.
    ///
    /// # Errors
    ///
    /// Fails when the share is not from 0 to below 1, when it leaves nothing to train on, or when n does not
    /// fit in 32 bits.
    ///
    /// # Examples
    ///
    /// ```
    /// use taper::data::KFold;
    /// use taper::random::{Stream, generator};
    ///
    /// let fold = KFold::holdout(10, None, 0.25, &mut generator(1, Stream::Holdout, 0))?;
    /// assert_eq!((fold.train.len(), fold.test.len()), (7, 3));
    /// # Ok::<(), taper::Error>(())
    /// ```
    pub fn holdout(n: usize, groups: Option<&[u32]>, share: f64, rng: &mut impl Rng) -> Result<Fold> {
        check_share(share)?;
        let mut rows = rows_below(n)?;
        // Ungrouped rows are groups of one.
        let group = |row: &u32| groups.map_or(*row, |groups| groups[*row as usize]);
        rows.sort_by_key(group);
        let mut parts: Vec<&[u32]> = rows.chunk_by(|a, b| group(a) == group(b)).collect();
        parts.shuffle(rng);
        let (mut test, mut train) = (Vec::new(), Vec::new());
        for part in parts {
            if (test.len() as f64) < share * n as f64 { test.extend(part) } else { train.extend(part) }
        }
        if train.is_empty() {
            let problem = format!("is {share}, which leaves nothing to train on");
            return Err(Error::config("holdout", problem));
        }
        test.sort_unstable();
        train.sort_unstable();
        Ok(Fold { train, test })
    }

    /// The rows of fold `i`, or `None` when there are fewer folds.
    pub fn fold(&self, i: usize) -> Option<Fold> {
        let (start, end) = (*self.bounds.get(i)?, *self.bounds.get(i + 1)?);
        let mut test = self.rows[start..end].to_vec();
        let after = if self.is_ordered { &[] } else { &self.rows[end..] };
        let mut train = [&self.rows[..start], after].concat();
        test.sort_unstable();
        train.sort_unstable();
        Some(Fold { train, test })
    }

    /// All folds, in order.
    pub fn iter(&self) -> impl Iterator<Item = Fold> + '_ {
        (0..self.bounds.len() - 1).filter_map(|i| self.fold(i))
    }
}

/// Rejects what is no share of the rows to hold out.
fn check_share(share: f64) -> Result<()> {
    if (0. ..1.).contains(&share) {
        return Ok(());
    }
    Err(Error::config("holdout", format!("is {share}, expected a number from 0 to below 1")))
}

/// The indices of `n` rows.
fn rows_below(n: usize) -> Result<Vec<u32>> {
    let n = u32::try_from(n)
        .map_err(|_| Error::config("data.rows", format!("is {n}, expected at most {}", u32::MAX)))?;
    Ok((0..n).collect())
}

/// Rejects a number of folds that `n` of `what` cannot fill.
fn check_k(k: usize, n: usize, what: &str) -> Result<()> {
    if k < 2 {
        return Err(Error::config("folds", format!("is {k}, expected at least 2")));
    }
    if n < 2 {
        let problem =
            format!("is {k}, but there is no more than one of the {what}, expected at least 2 to divide");
        return Err(Error::config("folds", problem));
    }
    if k > n {
        return Err(Error::config("folds", format!("is {k}, expected at most the {n} {what}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Stream, generator};
    use std::collections::BTreeSet;

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

    proptest! {
        #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

        #[test]
        fn groups_stay_together(groups in prop::collection::vec(0u32..12, 2..100), k in 2usize..6) {
            let distinct: BTreeSet<_> = groups.iter().copied().collect();
            prop_assume!(k <= distinct.len());
            let kfold = KFold::grouped(&groups, k, &mut generator(5, Stream::Folds, 0)).unwrap();
            let (mut tested, mut tested_groups) = (Vec::new(), Vec::new());
            for fold in kfold.iter() {
                let of = |rows: &[u32]| -> BTreeSet<u32> { rows.iter().map(|&row| groups[row as usize]).collect() };
                prop_assert!(of(&fold.train).is_disjoint(&of(&fold.test)));
                prop_assert!(!fold.test.is_empty());
                tested_groups.extend(of(&fold.test));
                tested.extend(fold.test);
            }
            tested.sort_unstable();
            prop_assert_eq!(tested, (0..groups.len() as u32).collect::<Vec<_>>());
            tested_groups.sort_unstable();
            prop_assert_eq!(tested_groups, distinct.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn groups_of_one_size_are_shuffled() {
        let groups: Vec<u32> = (0..100).collect();
        let fold = |seed| {
            KFold::grouped(&groups, 4, &mut generator(seed, Stream::Folds, 0)).unwrap().fold(0).unwrap().test
        };
        assert_eq!(fold(1), fold(1));
        assert_ne!(fold(1), fold(2));
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
        let one = "folds is 4, but there is no more than one of the rows, expected at least 2 to divide";
        assert_eq!(message(1, 4), one);
        assert!(kfold(4, 4).unwrap().fold(4).is_none());
        let grouped = KFold::grouped(&[1, 1, 2, 2], 3, &mut generator(5, Stream::Folds, 0));
        assert_eq!(grouped.unwrap_err().to_string(), "folds is 3, expected at most the 2 groups");
    }
}
