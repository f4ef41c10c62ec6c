//! Means, standard deviations and medians.

mod normal;
mod student;

use candle_core::WithDType;

pub(crate) use normal::normal_quantile;
pub(crate) use student::student_quantile;

/// The count, mean and spread of some numbers.
///
/// Collected one at a time by Welford's recurrence: sums of raw squares would cancel.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Moments {
    count: usize,
    mean: f64,
    squared_deviations: f64,
}

impl Moments {
    /// Those of zeros and ones of which this `share` are ones, as if of one number.
    pub(crate) fn of_share(share: f64) -> Self {
        Self { count: 1, mean: share, squared_deviations: share * (1. - share) }
    }

    /// Adds a number.
    pub(crate) fn push(&mut self, x: f64) {
        self.count += 1;
        let delta = x - self.mean;
        self.mean += delta / self.count as f64;
        self.squared_deviations += delta * (x - self.mean);
    }

    /// How many numbers there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Their mean, 0 of no numbers.
    pub(crate) fn mean(&self) -> f64 {
        self.mean
    }

    /// The sum of their squared deviations from the mean.
    pub(crate) fn squared_deviations(&self) -> f64 {
        self.squared_deviations
    }

    /// The standard deviation of the population, 0 of no numbers.
    pub(crate) fn std(&self) -> f64 {
        (self.squared_deviations / self.count.max(1) as f64).sqrt()
    }
}

impl FromIterator<f64> for Moments {
    fn from_iter<I: IntoIterator<Item = f64>>(numbers: I) -> Self {
        let mut moments = Self::default();
        numbers.into_iter().for_each(|x| moments.push(x));
        moments
    }
}

/// The moments of each column over `rows` of a row-major matrix, without its NaN.
///
/// Two passes over the rows: the first shifts each column by its first value, so that a constant column has
/// exactly its value as the mean and no deviation; the second compensates for the rounding of the mean.
pub(crate) fn of_columns<T: WithDType>(values: &[T], columns: usize, rows: &[u32]) -> Vec<Moments> {
    let each = |visit: &mut dyn FnMut(usize, f64)| {
        for &row in rows {
            let start = row as usize * columns;
            for (column, value) in values[start..start + columns].iter().enumerate() {
                let value = value.to_f64();
                if !value.is_nan() {
                    visit(column, value);
                }
            }
        }
    };
    let (mut first, mut counts, mut sums) = (vec![0.; columns], vec![0usize; columns], vec![0.; columns]);
    each(&mut |column, value| {
        if counts[column] == 0 {
            first[column] = value;
        }
        counts[column] += 1;
        sums[column] += value - first[column];
    });
    let n = |column: usize| counts[column].max(1) as f64;
    let means: Vec<_> = (0..columns).map(|column| first[column] + sums[column] / n(column)).collect();
    let (mut sums, mut squares) = (vec![0.; columns], vec![0.; columns]);
    each(&mut |column, value| {
        let deviation = value - means[column];
        sums[column] += deviation;
        squares[column] += deviation * deviation;
    });
    let moments = |column: usize| {
        let (sum, squares): (f64, f64) = (sums[column], squares[column]);
        Moments {
            count: counts[column],
            mean: means[column],
            squared_deviations: (squares - sum * sum / n(column)).max(0.),
        }
    };
    (0..columns).map(moments).collect()
}

/// The mean of `x`, 0 of no numbers. The sum of large numbers does not overflow.
pub(crate) fn mean(x: &[f64]) -> f64 {
    let n = x.len() as f64;
    x.iter().map(|x| x / n).sum()
}

/// The standard deviation of the sample `x`, 0 of fewer than two numbers.
pub(crate) fn sample_std(x: &[f64]) -> f64 {
    deviation(x, x.len() as f64 - 1.)
}

/// The standard deviation of the population `x`, 0 of no numbers.
pub(crate) fn population_std(x: &[f64]) -> f64 {
    deviation(x, x.len() as f64)
}

/// The root of the sum of squared deviations divided by `divisor`.
fn deviation(x: &[f64], divisor: f64) -> f64 {
    let mean = mean(x);
    let largest = x.iter().fold(0f64, |largest, x| largest.max((x - mean).abs()));
    if largest == 0. {
        return 0.;
    }
    // Scaled, so that the squares of large numbers do not overflow.
    let sum: f64 = x.iter().map(|x| ((x - mean) / largest).powi(2)).sum();
    largest * (sum / divisor).sqrt()
}

/// The median of `x`, 0 of no numbers; of an even count the midpoint of the middle two.
pub(crate) fn median(mut x: Vec<f64>) -> f64 {
    if x.is_empty() {
        return 0.;
    }
    let is_even = x.len().is_multiple_of(2);
    let middle = x.len() / 2;
    let (below, &mut upper, _) = x.select_nth_unstable_by(middle, f64::total_cmp);
    let lower = below.iter().copied().max_by(f64::total_cmp).filter(|_| is_even);
    lower.map_or(upper, |lower| f64::midpoint(lower, upper))
}

/// The quantile of this level, from 0 to 1, of numbers in ascending order, 0 of no numbers: on the line
/// between the two nearest, as by default in NumPy.
pub(crate) fn quantile_of_sorted(x: &[f64], level: f64) -> f64 {
    let position = level * x.len().saturating_sub(1) as f64;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most the last position")]
    let below = position as usize;
    match (x.get(below), x.get(below + 1)) {
        (Some(lower), Some(upper)) => lower + (position - below as f64) * (upper - lower),
        (Some(last), None) => *last,
        (None, _) => 0.,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 1, 2, ..., n the mean is (n + 1) / 2, the population variance (n^2 - 1) / 12 and the sample
    /// variance n (n + 1) / 12.
    #[test]
    fn the_first_integers_have_their_closed_forms() {
        for n in [1u32, 2, 3, 10, 1001] {
            let x: Vec<f64> = (1..=n).map(f64::from).collect();
            let n = f64::from(n);
            let close = |what: &str, value: f64, expected: f64| {
                assert!(
                    (value - expected).abs() <= 1e-13 * expected,
                    "{what} of 1 to {n}: {value}, {expected}"
                );
            };
            let population = ((n * n - 1.) / 12.).sqrt();
            close("mean", mean(&x), f64::midpoint(n, 1.));
            close("median", median(x.clone()), f64::midpoint(n, 1.));
            close("population std", population_std(&x), population);
            close("sample std", sample_std(&x), if n == 1. { 0. } else { (n * (n + 1.) / 12.).sqrt() });
            let moments: Moments = x.iter().copied().collect();
            close("streamed mean", moments.mean(), f64::midpoint(n, 1.));
            close("streamed std", moments.std(), population);
            close("sum of squares", moments.squared_deviations(), n * population * population);
            assert_eq!(moments.count(), x.len());
        }
    }

    /// numpy.quantile([1, 2, 4, 8], [0, 0.1, 0.5, 0.75, 1]).
    #[test]
    fn quantiles_are_numpys() {
        let levels = [0., 0.1, 0.5, 0.75, 1.];
        let found = levels.map(|level| quantile_of_sorted(&[1., 2., 4., 8.], level));
        let largest = found.iter().zip([1., 1.3, 3., 5., 8.]).map(|(a, b)| (a - b).abs()).fold(0., f64::max);
        println!("largest difference {largest:e}");
        assert!(largest <= 1e-15);
        assert_eq!([quantile_of_sorted(&[], 0.5), quantile_of_sorted(&[3.], 1.)], [0., 3.]);
    }

    #[test]
    fn no_numbers_give_zero() {
        let moments = Moments::from_iter([]);
        let all =
            [mean(&[]), sample_std(&[]), population_std(&[]), median(vec![]), moments.mean(), moments.std()];
        assert_eq!(all, [0.; 6]);
    }

    #[test]
    fn large_numbers_do_not_overflow() {
        let x = [f64::MAX, f64::MAX / 2.];
        assert_eq!(mean(&x), f64::MAX * 0.75);
        assert_eq!(population_std(&x), f64::MAX / 4.);
        assert_eq!(median(vec![f64::MAX; 2]), f64::MAX);
    }

    #[test]
    fn a_large_mean_does_not_cancel() {
        let x: Vec<f64> = (0..100).map(|i| 1e9 + f64::from(i % 2)).collect();
        let rows: Vec<_> = (0..100).collect();
        assert_eq!(of_columns(&x, 1, &rows)[0].std(), 0.5);
        assert!((x.iter().copied().collect::<Moments>().std() - 0.5).abs() <= 1e-7);
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![3., 1., 2.]), 2.);
        assert_eq!(median(vec![4., 1., 2., 3.]), 2.5);
        assert_eq!(median(vec![5., 5., -1., 5.]), 5.);
    }

    #[test]
    fn columns_are_taken_over_the_rows_asked_for_and_without_nan() {
        let x = [1f32, 7., f32::NAN, 7., 99., 99., 3., 7.];
        let columns = of_columns(&x, 2, &[0, 1, 3]);
        let all: Vec<_> = columns.iter().map(|m| (m.count(), m.mean(), m.std())).collect();
        assert_eq!(all, [(2, 2., 1.), (3, 7., 0.)]);
    }
}
