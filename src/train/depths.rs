//! The depths of training steps.

use std::ops::RangeInclusive;

use rand::Rng;
use rand_distr::{Distribution, Normal, Poisson};

use crate::config::Depths;

/// The standard deviation of the logarithm of the mean of [`Depths::Poisson`].
const SPREAD: f64 = 0.5;

/// Draws the depth of a step from `depths`.
pub(super) fn draw(how: Depths, depths: RangeInclusive<usize>, rng: &mut impl Rng) -> usize {
    match how {
        Depths::Poisson => poisson(&depths, rng).unwrap_or(*depths.start()),
        Depths::Uniform => rng.random_range(depths),
        // The outputs at the others are on the way to the deepest.
        Depths::All => *depths.end(),
    }
}

/// A draw of [`Depths::Poisson`]; none where there is only one depth.
#[allow(clippy::cast_sign_loss, reason = "a Poisson number is not negative")]
fn poisson(depths: &RangeInclusive<usize>, rng: &mut impl Rng) -> Option<usize> {
    let most = depths.end() - depths.start();
    // The mean of a log-normal number is that much above its median.
    let location = (most as f64 / 2.).ln() - SPREAD * SPREAD / 2.;
    let logarithm = Normal::new(location, SPREAD).ok().filter(|_| most > 0)?;
    loop {
        let excess = Poisson::new(logarithm.sample(rng).exp()).ok()?.sample(rng);
        if excess <= most as f64 {
            return Some(depths.start() + excess as usize);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unreadable_literal, reason = "as Python prints them")]
mod tests {
    use super::*;
    use crate::random::{Stream, generator};

    /// By numpy 1.26: the integral of exp(-e^t + k t) / k! times the density of a normal t of mean log(m) - 1/8
    /// and standard deviation 1/2, for m of half the largest excess, divided by the sum over k.
    #[test]
    fn the_depths_have_their_probabilities() {
        for (depths, expected) in [(1..=4, &POISSON_3[..]), (2..=3, &POISSON_1), (0..=8, &POISSON_8)] {
            let rng = &mut generator(1, Stream::Depth, 0);
            let mut counts = vec![0.; expected.len()];
            let draws = 200_000;
            for _ in 0..draws {
                counts[draw(Depths::Poisson, depths.clone(), rng) - depths.start()] += 1.;
            }
            for (k, (count, p)) in counts.iter().zip(expected).enumerate() {
                let (share, deviation) = (count / f64::from(draws), (p * (1. - p) / f64::from(draws)).sqrt());
                println!("{depths:?}: {k} more {share:.4}, expected {p:.4} ± {deviation:.4}");
                assert!((share - p).abs() <= 4. * deviation);
            }
        }
        let rng = &mut generator(1, Stream::Depth, 0);
        assert!((0..100).all(|_| draw(Depths::Poisson, 3..=3, rng) == 3));
    }
    const POISSON_3: [f64; 4] = [0.3087755485, 0.3415658969, 0.2280989325, 0.1215596222];
    const POISSON_1: [f64; 2] = [0.6935494837, 0.3064505163];
    const POISSON_8: [f64; 9] = [
        0.0623512114,
        0.1374150893,
        0.1766193845,
        0.1749968824,
        0.1491164073,
        0.1156317212,
        0.0843573937,
        0.0591297103,
        0.0403821997,
    ];
}
