//! One pass over a matrix of numbers, column by column.

use candle_core::WithDType;

/// The most pairs of a feature and a target that are compared, where both are many.
const MOST_PAIRS: usize = 1 << 20;

/// What the numbers of a column are like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Numbers {
    pub(super) missing: usize,
    pub(super) min: f64,
    pub(super) max: f64,
    sum: f64,
    count: usize,
    last: f64,
    /// Whether all numbers are whole, none is missing, and each is greater than the one before.
    pub(super) rises: bool,
    /// Whether each is also the one before and 1.
    pub(super) counts: bool,
}

impl Numbers {
    fn new() -> Self {
        let (min, max) = (f64::INFINITY, f64::NEG_INFINITY);
        Self { missing: 0, min, max, sum: 0., count: 0, last: f64::NEG_INFINITY, rises: true, counts: true }
    }

    fn push(&mut self, number: f64) {
        if number.is_nan() {
            self.missing += 1;
            (self.rises, self.counts) = (false, false);
            return;
        }
        self.rises &= number > self.last && number.fract() == 0.;
        self.counts &= self.rises && (self.count == 0 || number - self.last == 1.);
        self.last = number;
        self.min = self.min.min(number);
        self.max = self.max.max(number);
        self.sum += number;
        self.count += 1;
    }

    /// Their mean, if there are any.
    pub(super) fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }

    /// Whether all rows have the same number.
    pub(super) fn is_constant(&self) -> bool {
        self.missing == 0 && self.count > 0 && self.min == self.max
    }
}

/// The numbers of each column of a row-major matrix whose columns are relative to `origins`, if there are
/// such.
pub(super) fn of_columns<T: WithDType>(x: &[T], columns: usize, origins: Option<&[f64]>) -> Vec<Numbers> {
    let mut numbers = vec![Numbers::new(); columns];
    let zeros = vec![0.; columns];
    let origins = origins.unwrap_or(&zeros);
    for row in x.chunks(columns.max(1)) {
        for ((numbers, x), origin) in numbers.iter_mut().zip(row).zip(origins) {
            numbers.push(origin + x.to_f64());
        }
    }
    numbers
}

/// The pairs of a feature and a target that are equal in every row of `x` (n, features), relative to
/// `origins`, and `y` (n, targets). Where both are many, only the first targets are compared.
pub(super) fn equal_columns<T: WithDType>(
    x: &[T],
    features: usize,
    origins: Option<&[f64]>,
    y: &[f64],
    targets: usize,
) -> Vec<(usize, usize)> {
    let origin = |feature: usize| origins.map_or(0., |origins| origins[feature]);
    let compared = targets.min(MOST_PAIRS / features.max(1)).max(1).min(targets);
    let pairs = (0..features).flat_map(|feature| (0..compared).map(move |target| (feature, target)));
    let mut pairs: Vec<_> = pairs.collect();
    for (x, y) in x.chunks(features.max(1)).zip(y.chunks(targets.max(1))) {
        if pairs.is_empty() {
            break;
        }
        // Features are rounded.
        pairs.retain(|&(feature, target)| x[feature] == T::from_f64(y[target] - origin(feature)));
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_described() {
        let nan = f32::NAN;
        let x = [0f32, 5., 1., 2., nan, 1., 5., 3., 1., 1., 2., 5., 7., 2.5, 3.];
        let [counts, constant, rises, steps, missing] =
            <[Numbers; 5]>::try_from(of_columns(&x, 5, Some(&[10., 0., 0., 0., 0.]))).unwrap();
        assert_eq!((counts.counts, counts.min, counts.max, counts.mean()), (true, 10., 12., Some(11.)));
        assert!(constant.is_constant() && !constant.rises && !counts.is_constant());
        assert!(rises.rises && !rises.counts && !steps.rises);
        assert_eq!((missing.missing, missing.mean(), missing.counts), (1, Some(2.), false));
        assert_eq!(of_columns::<f32>(&[], 1, None)[0].mean(), None);
    }

    #[test]
    fn equal_columns_are_found_though_features_are_rounded() {
        let y = [0.1, 7., 0.3, 8.];
        let x = [0f32, 7., 0.2, 8.];
        assert_eq!(equal_columns(&x, 2, Some(&[0.1, 0.]), &y, 2), [(0, 0), (1, 1)]);
        assert!(equal_columns(&x, 2, None, &[9., 9., 9., 9.], 2).is_empty());
    }
}
