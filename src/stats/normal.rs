//! The standard normal distribution.

use statrs::distribution::{ContinuousCDF, Normal};

/// The number below which a standard normal number is with this probability, from 0 to 1: infinite at its
/// ends, and NaN of what is no probability.
pub(crate) fn normal_quantile(level: f64) -> f64 {
    if (0. ..=1.).contains(&level) { Normal::standard().inverse_cdf(level) } else { f64::NAN }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `scipy.stats.norm.ppf` of scipy 1.17.1.
    #[test]
    fn quantiles_are_scipys() {
        let expected = [
            (1e-300, -37.047_096_299_361_2),
            (1e-20, -9.262_340_089_798_409),
            (1e-7, -5.199_337_582_192_816_5),
            (0.001, -3.090_232_306_167_813),
            (0.07, -1.475_791_028_179_170_6),
            (0.076, -1.432_502_720_825_811_6),
            (0.2, -0.841_621_233_572_914_2),
            (0.49, -0.025_068_908_258_711_06),
            (0.6, 0.253_347_103_135_799_7),
            (0.924, 1.432_502_720_825_812),
            (0.93, 1.475_791_028_179_171),
            (0.999, 3.090_232_306_167_813),
            (0.999_999_9, 5.199_337_582_290_661),
        ];
        let mut largest = 0f64;
        for (level, expected) in expected {
            let difference = (normal_quantile(level) / expected - 1.).abs();
            largest = if difference <= largest { largest } else { difference };
        }
        println!("largest relative difference {largest:e}");
        assert!(largest <= 5e-16);
        assert_eq!([0., 0.5, 1.].map(normal_quantile), [f64::NEG_INFINITY, 0., f64::INFINITY]);
        assert!(normal_quantile(f64::NAN).is_nan());
    }
}
