//! Ranks.

use super::test::check;
use crate::error::{Error, Result};

/// The rank of each number from 1 for the smallest; equal ones share the mean of their ranks: scipy's
/// `rankdata`.
///
/// # Examples
///
/// ```
/// assert_eq!(taper::statistics::ranks(&[0.3, 0.1, 0.3]), [2.5, 1., 2.5]);
/// ```
pub fn ranks(x: &[f64]) -> Vec<f64> {
    let mut order: Vec<_> = (0..x.len()).collect();
    order.sort_by(|&a, &b| x[a].total_cmp(&x[b]));
    let mut ranks = vec![0.; x.len()];
    let mut below = 0;
    for equal in order.chunk_by(|&a, &b| x[a] == x[b]) {
        for &i in equal {
            ranks[i] = below as f64 + f64::midpoint(1., equal.len() as f64);
        }
        below += equal.len();
    }
    ranks
}

/// The mean rank of each arm over the sets, of `errors` by set and arm: 1 is the lowest error everywhere.
///
/// # Errors
///
/// As [`friedman`](super::friedman), but one set is enough.
pub fn mean_ranks(errors: &[Vec<f64>]) -> Result<Vec<f64>> {
    let arms = check_table(errors, 1)?;
    let mut sums = vec![0.; arms];
    for set in errors {
        for (sum, rank) in sums.iter_mut().zip(ranks(set)) {
            *sum += rank;
        }
    }
    Ok(sums.into_iter().map(|sum| sum / errors.len() as f64).collect())
}

/// Refuses a table of fewer sets, rows of different lengths, and numbers that are not finite; the number of
/// arms.
pub(super) fn check_table(errors: &[Vec<f64>], least: usize) -> Result<usize> {
    let arms = errors.first().map_or(0, Vec::len);
    if errors.len() < least || arms < 2 {
        let sets = errors.len();
        let problem = format!("there are {sets} data sets of {arms} arms, expected at least {least} of 2");
        return Err(Error::Statistics(problem));
    }
    for set in errors {
        if set.len() != arms {
            let problem =
                format!("a data set has {} arms and another {arms}, expected all of them", set.len());
            return Err(Error::Statistics(problem));
        }
        check(set, 2, "errors of arms")?;
    }
    Ok(arms)
}
