//! The studentised range.

use super::distributions::{normal, normal_density};
use crate::error::{Error, Result};

/// The probability that the largest and the smallest of `count` independent standard normal numbers are at
/// most `q` apart: scipy's `studentized_range.cdf(q, count, inf)`.
///
/// It is k times the integral of phi(z) (Phi(z) - Phi(z - q))^(k - 1) over z, the largest number, by
/// Simpson's rule. 1e-10 of it is right.
pub fn range_distribution(q: f64, count: usize) -> f64 {
    // Beyond the density is less than 1e-22.
    const END: f64 = 10.;
    const STEPS: usize = 2000;
    if !(q > 0. && count > 1) {
        return if q.is_nan() { f64::NAN } else { f64::from(q > 0.) };
    }
    let k = count as f64;
    let width = 2. * END / STEPS as f64;
    let value = |i: usize| {
        let z = -END + i as f64 * width;
        let within = (normal(z) - normal(z - q)).max(0.);
        let weight = if i == 0 || i == STEPS { 1. } else { 2. * (1 + i % 2) as f64 };
        weight * normal_density(z) * within.powf(k - 1.)
    };
    let sum: f64 = (0..=STEPS).map(value).sum();
    (k * sum * width / 3.).min(1.)
}

/// The range that `count` independent standard normal numbers do not exceed with the probability `level`:
/// scipy's `studentized_range.ppf(level, count, inf)`.
///
/// # Errors
///
/// Fails with [`Error::Statistics`] for fewer than two numbers and for a level that is not above 0 and below
/// 1.
pub fn range_quantile(level: f64, count: usize) -> Result<f64> {
    if count < 2 || !(level > 0. && level < 1.) {
        let problem = format!(
            "the range of {count} numbers at the level {level} is not known, expected at least 2 and a level above 0 and \
             below 1"
        );
        return Err(Error::Statistics(problem));
    }
    let (mut low, mut high) = (0., 1.);
    while range_distribution(high, count) < level && high < 64. {
        (low, high) = (high, 2. * high);
    }
    for _ in 0..48 {
        let middle = f64::midpoint(low, high);
        if range_distribution(middle, count) < level { low = middle } else { high = middle }
    }
    Ok(high)
}
