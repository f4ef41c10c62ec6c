//! Numbers by their place among the quantiles of a column, as numbers of a normal distribution.

use serde::{Deserialize, Serialize};

use crate::stats::normal_quantile;

/// The most quantiles of a column.
const MOST: usize = 1000;
/// The share that is below the least quantile, and above the largest.
const END: f64 = 1e-7;

/// The share of a column's numbers below a number, as the number of a standard normal distribution that has
/// this share below it; within 5.2 of 0.
///
/// It is scikit-learn's `QuantileTransformer(output_distribution="normal")`: with up to 1000 quantiles, on
/// the line between the two nearest, and of equal ones in the middle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct QuantileNormal(Vec<f64>);

impl QuantileNormal {
    /// Fits it to numbers in ascending order; none where there are fewer than three different ones, which it
    /// would only move apart.
    pub(super) fn new(sorted: &[f64]) -> Option<Self> {
        if sorted.chunk_by(|a, b| a == b).take(3).count() < 3 {
            return None;
        }
        let (last, last_quantile) = (sorted.len() - 1, sorted.len().min(MOST) - 1);
        // A place among the numbers that is whole has to be exactly so: a quantile nearly equal to the next
        // is another one.
        let quantile = |i: usize| {
            let (below, beyond) = (i * last / last_quantile, i * last % last_quantile);
            let (low, high) = (sorted[below], sorted[(below + 1).min(last)]);
            low + beyond as f64 / last_quantile as f64 * (high - low)
        };
        Some(Self((0..=last_quantile).map(quantile).collect()))
    }

    /// What `x` becomes; NaN of NaN.
    pub(super) fn of(&self, x: f64) -> f64 {
        if x.is_nan() {
            return x;
        }
        normal_quantile(self.share(x).clamp(END, 1. - END))
    }

    /// The share of the numbers below `x`.
    fn share(&self, x: f64) -> f64 {
        let Self(quantiles) = self;
        let last = quantiles.len() - 1;
        // The first that is not below x, and the last that is not above.
        let (first, after) = (quantiles.partition_point(|q| *q < x), quantiles.partition_point(|q| *q <= x));
        if first == 0 {
            return 0.;
        }
        if after > last {
            return 1.;
        }
        let place = if first < after {
            f64::midpoint(first as f64, (after - 1) as f64)
        } else {
            let [low, high] = [quantiles[first - 1], quantiles[first]];
            (first - 1) as f64 + (x - low) / (high - low)
        };
        place / last as f64
    }

    /// Whether it can be used.
    pub(super) fn is_sound(&self) -> bool {
        let Self(quantiles) = self;
        quantiles.len() > 1
            && quantiles.iter().all(|q| q.is_finite())
            && quantiles.windows(2).all(|pair| pair[0] <= pair[1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn largest_difference(of: &QuantileNormal, expected: &[[f64; 2]]) -> f64 {
        let differences = expected.iter().map(|[x, z]| (of.of(*x) - z).abs());
        differences.fold(0., |largest, d| if d <= largest { largest } else { d })
    }

    /// `QuantileTransformer(output_distribution="normal")` of scikit-learn 1.9.1: of ten quantiles with equal
    /// ones among them, and of 1000 of 2500 numbers.
    #[test]
    fn numbers_become_those_of_scikit_learn() {
        let few = QuantileNormal::new(&[1., 2., 2., 4., 4.5, 7., 8., 30., 30., 31.]).unwrap();
        let expected = [
            [-5., -5.199_337_582_605_575],
            [1., -5.199_337_582_605_575],
            [1.5, -1.593_218_818_023_050_7],
            [2., -0.967_421_566_101_701],
            [3., -0.589_455_797_849_778_3],
            [4., -0.430_727_299_295_456_5],
            [5.25, -0.055_731_687_742_979_89],
            [29., 0.747_858_594_763_302_2],
            [30.5, 1.593_218_818_023_05],
            [31., 5.199_337_582_703_42],
            [1e9, 5.199_337_582_703_42],
        ];
        let squares: Vec<f64> = (0..2500).map(|i| f64::from(i * i) / 10.).collect();
        let of_many = [
            [0.05, -3.784_815_765_076_250_4],
            [3.3, -2.840_110_210_573_305_6],
            [1000., -1.750_505_235_492_437_5],
            [77777.7, -0.377_482_728_448_604_2],
            [400_000., 0.842_764_629_718_889_3],
            [624_000., 3.352_373_820_863_17],
        ];
        let many = QuantileNormal::new(&squares).unwrap();
        let largest = largest_difference(&few, &expected).max(largest_difference(&many, &of_many));
        println!("largest difference {largest:e}");
        // Its ends are at 1e-7 - 2.2e-16. It also takes what is within 1e-7 of an end to be there.
        assert!(largest <= 1e-9);
        // Both 2 and 30 are twice there, next but one to an end; scikit-learn's quantiles miss 30 by a
        // rounding.
        assert!((few.of(30.) + few.of(2.)).abs() <= 1e-15);
        assert!(few.of(f64::NAN).is_nan() && few.is_sound() && many.is_sound());
        assert_eq!((few.of(f64::NEG_INFINITY), few.of(f64::INFINITY)), (few.of(1.), few.of(31.)));
    }

    #[test]
    fn two_values_are_left_alone() {
        assert_eq!(QuantileNormal::new(&[0., 0., 1., 1.]), None);
        assert_eq!(QuantileNormal::new(&[]), None);
        let broken = [vec![1.], vec![1., 0.], vec![0., f64::NAN]].map(|q| QuantileNormal(q).is_sound());
        assert_eq!(broken, [false; 3]);
    }
}
