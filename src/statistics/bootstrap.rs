//! By how much a learner is better on new data sets.

use rand::Rng;
use serde::Serialize;

use super::test::check;
use crate::error::{Error, Result};
use crate::random::{Stream, generator};
use crate::stats::{mean, quantile_of_sorted};

/// The mean difference over data sets and the probability of a negative one, with intervals by a two-level
/// bootstrap.
///
/// Differences are log ratios of errors, so that the mean is the log of a geometric mean ratio. Each draw
/// takes as many data sets as there are, with replacement, and within each as many of its folds; all data
/// sets count the same (Davison and Hinkley 1997, section 3.8). Intervals are from quantile to quantile. Of
/// fewer than about ten data sets they are too short.
///
/// The probability of being better is that of a lower error in a fold of a data set, a tie is half of one
/// (Bouthillier et al. 2021, "Accounting for variance in machine learning benchmarks", who call it meaningful
/// where it is 0.75 or more and its interval is above 0.5).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bootstrap {
    /// The mean over the data sets of their mean differences.
    pub mean: f64,
    /// Its interval.
    pub interval: [f64; 2],
    /// The probability that a difference is negative.
    pub better: f64,
    /// Its interval.
    pub better_interval: [f64; 2],
    /// The share of the draws whose mean is negative.
    pub negative: f64,
}

impl Bootstrap {
    /// How often the data are drawn as a rule.
    pub const DRAWS: usize = 10_000;

    /// Draws from `differences` by data set and fold so many times, from the stream [`Stream::Bootstrap`] of
    /// `seed`, for intervals of this `level`.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Statistics`] where there are no data sets, one has no folds, a number is not
    /// finite, there are no draws, or the level is not above 0 and below 1.
    ///
    /// # Examples
    ///
    /// ```
    /// use taper::statistics::Bootstrap;
    ///
    /// let sets = [vec![-0.1, -0.2], vec![-0.3], vec![0.1, -0.1]];
    /// let found = Bootstrap::new(&sets, 0.95, 1000, 1)?;
    /// assert!((found.mean + 0.15).abs() < 1e-12 && (found.better - 2.5 / 3.).abs() < 1e-12);
    /// # Ok::<(), taper::Error>(())
    /// ```
    pub fn new(differences: &[Vec<f64>], level: f64, draws: usize, seed: u64) -> Result<Self> {
        if differences.is_empty() || draws == 0 || !(level > 0. && level < 1.) {
            let sets = differences.len();
            let problem = format!(
                "a bootstrap has {sets} data sets, {draws} draws and the level {level}, expected at least one, at least one, \
                 and a level above 0 and below 1"
            );
            return Err(Error::Statistics(problem));
        }
        differences.iter().try_for_each(|set| check(set, 1, "differences of a data set"))?;
        let mut random = generator(seed, Stream::Bootstrap, 0);
        let sets = differences.len();
        let (mut means, mut shares) = (Vec::with_capacity(draws), Vec::with_capacity(draws));
        for _ in 0..draws {
            let (mut sum, mut share) = (0., 0.);
            for _ in 0..sets {
                let set = &differences[random.random_range(0..sets)];
                let (mut of_set, mut negative) = (0., 0.);
                for _ in 0..set.len() {
                    let difference = set[random.random_range(0..set.len())];
                    of_set += difference;
                    negative += is_better(difference);
                }
                sum += of_set / set.len() as f64;
                share += negative / set.len() as f64;
            }
            means.push(sum / sets as f64);
            shares.push(share / sets as f64);
        }
        let negative = mean(&means.iter().map(|mean| is_better(*mean)).collect::<Vec<_>>());
        let interval = |mut drawn: Vec<f64>| {
            drawn.sort_by(f64::total_cmp);
            [(1. - level) / 2., f64::midpoint(1., level)].map(|level| quantile_of_sorted(&drawn, level))
        };
        let over_sets = |of: &dyn Fn(&Vec<f64>) -> f64| mean(&differences.iter().map(of).collect::<Vec<_>>());
        let share = |set: &Vec<f64>| mean(&set.iter().map(|x| is_better(*x)).collect::<Vec<_>>());
        Ok(Self {
            mean: over_sets(&|set| mean(set)),
            interval: interval(means),
            better: over_sets(&share),
            better_interval: interval(shares),
            negative,
        })
    }
}

/// 1 for a negative difference, half for none.
fn is_better(difference: f64) -> f64 {
    if difference < 0. {
        1.
    } else if difference == 0. {
        0.5
    } else {
        0.
    }
}
