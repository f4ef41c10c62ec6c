//! Two learners on many data sets.

use serde::Serialize;

use super::distributions::normal;
use super::ranks::ranks;
use super::test::check;
use crate::error::Result;

/// Up to so many differences the distribution is counted out.
const EXACT: usize = 50;

/// The result of a signed-rank test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Wilcoxon {
    /// The smaller of the sums of the ranks of positive and of negative differences.
    pub statistic: f64,
    /// The two-sided p-value.
    pub p: f64,
    /// The number of differences that are not 0.
    pub count: usize,
    /// Whether the p-value is counted out, and not of a normal approximation.
    pub is_exact: bool,
}

/// Tests whether paired differences, one of each data set, are as often and as far above 0 as below
/// (Wilcoxon 1945): scipy's `wilcoxon`, two-sided.
///
/// Differences of 0 are left out, and equal sizes share the mean of their ranks. For up to 50 differences the
/// distribution is counted out over all signs, also where sizes are equal, for which scipy does the same up
/// to 13; beyond, the normal approximation is corrected for ties, but not for continuity.
///
/// The least p of N differences is 2^(1 - N): see [`least_sets`].
///
/// # Errors
///
/// Fails with [`Error::Statistics`](crate::Error::Statistics) for no differences, and for numbers that are
/// not finite.
///
/// # Examples
///
/// ```
/// use taper::statistics::wilcoxon;
///
/// let test = wilcoxon(&[-1.2, -0.8, -0.5, 0.3, -2.1, -0.9, -1.7, -0.1, -0.6, -1.1])?;
/// assert_eq!((test.statistic, test.p), (2., 0.005_859_375));
/// # Ok::<(), taper::Error>(())
/// ```
pub fn wilcoxon(differences: &[f64]) -> Result<Wilcoxon> {
    check(differences, 1, "differences")?;
    let differences: Vec<_> = differences.iter().copied().filter(|difference| *difference != 0.).collect();
    let count = differences.len();
    let sizes: Vec<_> = differences.iter().map(|difference| difference.abs()).collect();
    let ranks = ranks(&sizes);
    let positive = ranks.iter().zip(&differences).filter(|(_, d)| **d > 0.);
    let positive = positive.fold(0., |sum, (rank, _)| sum + rank);
    let n = count as f64;
    let all = n * (n + 1.) / 2.;
    let statistic = positive.min(all - positive);
    let is_exact = count <= EXACT;
    let below = if is_exact { counted(&ranks, statistic) } else { approximate(&sizes, statistic) };
    Ok(Wilcoxon { statistic, p: (2. * below).min(1.), count, is_exact })
}

/// The share of all signs for which the ranks of one of them sum up to at most `statistic`.
fn counted(ranks: &[f64], statistic: f64) -> f64 {
    // Twice a rank is a whole number.
    #[allow(clippy::cast_sign_loss, reason = "ranks are positive")]
    let whole = |x: f64| (2. * x) as usize;
    let largest = ranks.len() * (ranks.len() + 1);
    // Up to 2^50 signs, whose numbers are exact.
    let mut signs = vec![0.; largest + 1];
    signs[0] = 1.;
    for rank in ranks.iter().map(|rank| whole(*rank)) {
        for sum in (rank..=largest).rev() {
            signs[sum] += signs[sum - rank];
        }
    }
    let below: f64 = signs[..=whole(statistic)].iter().sum();
    below / signs.iter().sum::<f64>()
}

/// The probability of at most `statistic` by the normal distribution of the same mean and variance.
fn approximate(sizes: &[f64], statistic: f64) -> f64 {
    let n = sizes.len() as f64;
    let mut sorted = sizes.to_vec();
    sorted.sort_by(f64::total_cmp);
    let tied = |equal: &[f64]| (equal.len() as f64).powi(3) - equal.len() as f64;
    let ties: f64 = sorted.chunk_by(|a, b| a == b).map(tied).sum();
    let variance = (n * (n + 1.) * (2. * n + 1.) - ties / 2.) / 24.;
    normal((statistic - n * (n + 1.) / 4.) / variance.sqrt())
}

/// The least number of data sets on which a signed-rank test, one of so many `comparisons`, can reject
/// anything at `1 - level` by Holm's procedure.
///
/// Even where all N differences have one sign p is 2^(1 - N), and the first of m is held against a mth of
/// the error.
///
/// # Examples
///
/// ```
/// use taper::statistics::least_sets;
///
/// assert_eq!([1, 10, 15].map(|comparisons| least_sets(comparisons, 0.95)), [6, 9, 10]);
/// ```
pub fn least_sets(comparisons: usize, level: f64) -> usize {
    let at_most = (1. - level).max(f64::MIN_POSITIVE) / comparisons.max(1) as f64;
    let mut sets = 1;
    while 2f64.powi(1 - sets) > at_most {
        sets += 1;
    }
    sets.unsigned_abs() as usize
}
