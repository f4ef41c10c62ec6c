//! Histograms.

/// Bins of equal width over the range of some numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bins {
    low: f64,
    width: f64,
    count: usize,
}

impl Bins {
    /// Divides the range of `values` into `count` bins, at least one; equal values are in the middle of a
    /// narrow range.
    pub(super) fn new(count: usize, values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), x| (low.min(x), high.max(x)));
        let (low, high) = if low > high { (0., 0.) } else { (low, high) };
        let n = count as f64;
        // Divided before they are subtracted, since the difference may be too large for a float.
        let width = high / n - low / n;
        if width > f64::EPSILON * low.abs().max(high.abs()) && width > f64::MIN_POSITIVE {
            return Self { low, width, count };
        }
        let width = if low.abs() < 1e-300 { 1. } else { low.abs() * 0.1 / n };
        Self { low: low - width * (n / 2.), width, count }
    }

    /// The width of a bin.
    pub(super) fn width(&self) -> f64 {
        self.width
    }

    /// The lower edge of bin `bin`.
    pub(super) fn edge(&self, bin: usize) -> f64 {
        self.low + bin as f64 * self.width
    }

    /// The bin of `x`.
    pub(super) fn of(&self, x: f64) -> usize {
        whole(x / self.width - self.low / self.width).min(self.count - 1)
    }

    /// The number of `values` in each bin.
    pub(super) fn counts(&self, values: impl Iterator<Item = f64>) -> Vec<usize> {
        let mut counts = vec![0; self.count];
        for value in values {
            counts[self.of(value)] += 1;
        }
        counts
    }
}

/// `x` rounded down, 0 if it is negative.
#[allow(clippy::cast_sign_loss, reason = "the cast makes 0 of negative numbers")]
pub(super) fn whole(x: f64) -> usize {
    x as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_its_bin() {
        let values =
            [-f64::MAX, -1e300, -1., -1e-300, 0., 5e-324, 1e-300, 1., 1. + 1e-15, 1e9, 1e300, f64::MAX];
        for a in values {
            for b in values.into_iter().filter(|b| *b >= a) {
                let bins = Bins::new(10, [a, b].into_iter());
                let counts = bins.counts([a, b].into_iter());
                assert_eq!(counts.iter().sum::<usize>(), 2);
                assert!(bins.width() > 0. && bins.width().is_finite(), "{a} {b}: {bins:?}");
                if bins.edge(0) == a && a < b {
                    assert_eq!((bins.of(a), bins.of(b)), (0, 9), "{a} {b}: {bins:?}");
                }
            }
        }
        let bins = Bins::new(4, [0., 4.].into_iter());
        assert_eq!(bins.counts([0., 0.9, 1., 3.9, 4.].into_iter()), [2, 1, 0, 2]);
        assert_eq!(bins.edge(3), 3.);
        assert_eq!(Bins::new(3, [7.].into_iter()).of(7.), 1);
        assert_eq!(Bins::new(3, [].into_iter()).of(0.), 1);
    }
}
