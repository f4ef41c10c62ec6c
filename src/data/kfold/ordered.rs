//! Folds of rows that are ordered in time.

use super::{Fold, KFold, check_k, check_share, rows_below};
use crate::error::{Error, Result};

impl KFold {
    /// Divides rows in time, of which `ranks` has the place of each, into `k` folds that are tested on what
    /// comes after their training rows: the last n / (k + 1) rows, those before them, and so on, each trained
    /// on all rows before. The first rows, at least as many as a fold has, are only trained on.
    ///
    /// scikit-learn's equivalent is `TimeSeriesSplit(k)`. Here rows of one time are never divided: they go to
    /// the earlier side.
    ///
    /// # Errors
    ///
    /// Fails when k is below 2, when there are so few times that a fold would have no rows, or when the
    /// number of rows does not fit in 32 bits.
    ///
    /// # Examples
    ///
    /// ```
    /// use taper::data::KFold;
    ///
    /// let folds = KFold::ordered(&[5, 4, 3, 2, 1, 0], 2)?;
    /// let (first, second) = (folds.fold(0).unwrap(), folds.fold(1).unwrap());
    /// assert_eq!((first.train, first.test), (vec![4, 5], vec![2, 3]));
    /// assert_eq!((second.train, second.test), (vec![2, 3, 4, 5], vec![0, 1]));
    /// # Ok::<(), taper::Error>(())
    /// ```
    pub fn ordered(ranks: &[u32], k: usize) -> Result<Self> {
        let rows = in_order(ranks)?;
        let times = rows.chunk_by(|&i, &j| ranks[i as usize] == ranks[j as usize]).count();
        check_k(k, times, "times")?;
        let n = rows.len();
        let size = n / (k + 1);
        if size == 0 {
            let problem =
                format!("is {k}, expected at most {} of {n} rows, as the first are only trained on", n - 1);
            return Err(Error::config("folds", problem));
        }
        let bounds: Vec<_> = (0..=k).map(|i| past_ties(&rows, ranks, n - (k - i) * size)).collect();
        if bounds.windows(2).any(|ends| ends[0] == ends[1]) {
            let fewer = if k > 2 { "; expected fewer folds" } else { "" };
            let problem = format!(
                "is {k}, which leaves a fold without rows: many of the {n} rows are of one time, and such rows are \
                 not divided{fewer}"
            );
            return Err(Error::config("folds", problem));
        }
        Ok(Self { rows, bounds, is_ordered: true })
    }

    /// Holds out the last `share` of rows in time, of which `ranks` has the place of each, for testing. Rows
    /// of one time are never divided: they are trained on.
    ///
    /// # Errors
    ///
    /// Fails when the share is not from 0 to below 1, when it leaves nothing to train on or, though it is
    /// above 0, nothing to test on, or when n does not fit in 32 bits.
    ///
    /// # Examples
    ///
    /// ```
    /// use taper::data::KFold;
    ///
    /// let fold = KFold::latest(&[3, 2, 1, 0], 0.25)?;
    /// assert_eq!((fold.train, fold.test), (vec![1, 2, 3], vec![0]));
    /// # Ok::<(), taper::Error>(())
    /// ```
    pub fn latest(ranks: &[u32], share: f64) -> Result<Fold> {
        check_share(share)?;
        let rows = in_order(ranks)?;
        let n = rows.len();
        let tested = (0..n).take_while(|&count| (count as f64) < share * n as f64).count();
        let start = past_ties(&rows, ranks, n - tested);
        let (mut train, mut test) = (rows[..start].to_vec(), rows[start..].to_vec());
        for (side, rows) in [("train", &train), ("test", &test)] {
            if rows.is_empty() && (side == "train" || share > 0.) {
                let why =
                    if side == "test" { ": the last rows are of one time, and are not divided" } else { "" };
                let problem = format!("is {share}, which leaves nothing to {side} on{why}");
                return Err(Error::config("holdout", problem));
            }
        }
        test.sort_unstable();
        train.sort_unstable();
        Ok(Fold { train, test })
    }
}

/// The rows in the order of their ranks; those of one rank in their own.
fn in_order(ranks: &[u32]) -> Result<Vec<u32>> {
    let mut rows = rows_below(ranks.len())?;
    rows.sort_by_key(|&row| ranks[row as usize]);
    Ok(rows)
}

/// The first place in `rows`, from `at` on, that does not divide rows of one rank.
fn past_ties(rows: &[u32], ranks: &[u32], at: usize) -> usize {
    let rank = |place: usize| rows.get(place).map(|&row| ranks[row as usize]);
    let before = at.checked_sub(1).and_then(rank);
    (at..rows.len()).find(|&place| rank(place) != before).unwrap_or(rows.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tests_of(folds: &KFold) -> Vec<Vec<u32>> {
        folds.iter().map(|fold| fold.test).collect()
    }

    /// The values of scikit-learn 1.7: `TimeSeriesSplit(3).split(range(11))`, of rows in reverse order.
    #[test]
    fn folds_are_those_of_time_series_split() {
        let ranks: Vec<u32> = (0..11).rev().collect();
        let folds = KFold::ordered(&ranks, 3).unwrap();
        let reversed = |rows: &[u32]| rows.iter().rev().map(|row| 10 - row).collect::<Vec<_>>();
        let found: Vec<_> = folds.iter().map(|fold| (reversed(&fold.train), reversed(&fold.test))).collect();
        assert_eq!(
            found,
            [
                ((0..5).collect::<Vec<_>>(), vec![5, 6]),
                ((0..7).collect(), vec![7, 8]),
                ((0..9).collect(), vec![9, 10]),
            ]
        );
        assert!(folds.fold(3).is_none());
    }

    #[test]
    fn rows_of_one_time_are_together() {
        // Without ties the bounds would be at 3, 6 and 9.
        let folds = KFold::ordered(&[0, 0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 3], 3);
        assert_eq!(tests_of(&folds.unwrap()), [vec![4, 5], vec![6, 7, 8, 9], vec![10, 11]]);
        let error = KFold::ordered(&[0, 0, 0, 1, 1, 1, 2, 2], 3).unwrap_err().to_string();
        assert!(
            error.starts_with("folds is 3, which leaves a fold without rows: many of the 8 rows are of one"),
            "{error}"
        );
        let error = KFold::ordered(&[0, 1], 2).unwrap_err().to_string();
        assert_eq!(error, "folds is 2, expected at most 1 of 2 rows, as the first are only trained on");
        assert_eq!(
            KFold::ordered(&[0, 0, 1], 3).unwrap_err().to_string(),
            "folds is 3, expected at most the 2 times"
        );
    }

    #[test]
    fn the_last_rows_are_held_out() {
        let latest = |ranks: &[u32], share| KFold::latest(ranks, share).map(|fold| fold.test);
        assert_eq!(latest(&[0, 1, 2, 3, 4], 0.3).unwrap(), [3, 4]);
        assert_eq!(latest(&[4, 3, 3, 3, 0], 0.5).unwrap(), [0]);
        assert!(latest(&[4, 3], 0.).unwrap().is_empty());
        for (ranks, share, problem) in [
            (
                vec![1, 1, 1],
                0.5,
                "holdout is 0.5, which leaves nothing to test on: the last rows are of one time, and are not divided",
            ),
            (vec![0, 1], 0.9, "holdout is 0.9, which leaves nothing to train on"),
            (vec![0, 1], f64::NAN, "holdout is NaN, expected a number from 0 to below 1"),
        ] {
            assert_eq!(latest(&ranks, share).unwrap_err().to_string(), problem);
        }
    }
}
