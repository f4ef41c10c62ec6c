//! Several learners on many data sets.

use serde::Serialize;

use super::distributions::{chi_squared_above, fisher_above};
use super::range::range_quantile;
use super::ranks::{check_table, mean_ranks, ranks};
use super::test::Test;
use crate::error::{Error, Result};

/// The tests of whether any of several arms differs from the others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Friedman {
    /// The mean rank of each arm, 1 is the lowest error on all sets.
    pub mean_ranks: Vec<f64>,
    /// Friedman's chi-squared, of k - 1 degrees of freedom for k arms.
    pub chi_squared: Test,
    /// Iman and Davenport's F, of k - 1 and (k - 1)(N - 1) degrees of freedom for N sets, which is less
    /// conservative.
    pub f: Test,
}

/// Tests whether the arms have the same ranks, of `errors` by set and arm, one number for each: the mean
/// over its folds.
///
/// Friedman's statistic is corrected for ties, as scipy's `friedmanchisquare`. That of Iman and Davenport
/// (1980, "Approximations of the critical region of the Friedman statistic") follows from it, as Demsar
/// (2006, "Statistical comparisons of classifiers over multiple data sets") recommends. Where all sets have
/// the arms in the same order F is infinite, and p is 0; where all arms are equal everywhere p is 1.
///
/// # Errors
///
/// Fails with [`Error::Statistics`] for fewer than two sets or arms, for sets that lack an arm, and for
/// numbers that are not finite.
pub fn friedman(errors: &[Vec<f64>]) -> Result<Friedman> {
    let arms = check_table(errors, 2)?;
    let (n, k) = (errors.len() as f64, arms as f64);
    let mean_ranks = mean_ranks(errors)?;
    let middle = f64::midpoint(1., k);
    let spread: f64 = mean_ranks.iter().map(|rank| (rank - middle) * (rank - middle)).sum();
    // The sum of squared deviations of the ranks of all sets, which ties make smaller than n k (k^2 - 1) /
    // 12.
    let total: f64 =
        errors.iter().flat_map(|set| ranks(set)).map(|rank| (rank - middle) * (rank - middle)).sum();
    if total == 0. {
        let equal = Test { statistic: 0., p: 1. };
        return Ok(Friedman { mean_ranks, chi_squared: equal, f: equal });
    }
    let chi_squared = n * n * (k - 1.) * spread / total;
    let rest = n * (k - 1.) - chi_squared;
    // Of equal orders nothing but rounding is left.
    let f = if rest <= 1e-12 * n * k { f64::INFINITY } else { (n - 1.) * chi_squared / rest };
    let p = if f.is_finite() { fisher_above(f, [k - 1., (k - 1.) * (n - 1.)]) } else { 0. };
    Ok(Friedman {
        mean_ranks,
        chi_squared: Test { statistic: chi_squared, p: chi_squared_above(chi_squared, k - 1.) },
        f: Test { statistic: f, p },
    })
}

/// The difference of mean ranks over so many `sets` from which on two of so many `arms` differ at `1 -
/// level`, all pairs considered: Nemenyi's critical difference, q sqrt(k (k + 1) / (6 N)), as in Demsar
/// (2006) and in autorank.
///
/// It depends on which arms there are, so it is for a picture; what is compared with what is better decided
/// by [`wilcoxon`](super::wilcoxon) and [`holm`](super::holm()) (Benavoli, Corani and Mangili 2016, "Should
/// we really use post-hoc tests based on mean-ranks?").
///
/// # Errors
///
/// Fails with [`Error::Statistics`] for fewer than two arms, no sets, and a level outside 0 to 1.
pub fn critical_difference(arms: usize, sets: usize, level: f64) -> Result<f64> {
    if sets == 0 {
        return Err(Error::Statistics("there are 0 data sets, expected at least 1".to_owned()));
    }
    let k = arms as f64;
    // The range of ranks has a variance of half of that of the range of normal numbers.
    let q = range_quantile(level, arms)? / std::f64::consts::SQRT_2;
    Ok(q * (k * (k + 1.) / (6. * sets as f64)).sqrt())
}
