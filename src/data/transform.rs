//! Monotone transforms of skewed targets, fitted on the training rows alone.

use serde::{Deserialize, Serialize};

use crate::stats::Moments;

/// The most values that a transform is fitted on; of more of them only every second, third and so on is.
const MOST_VALUES: usize = 1 << 16;
/// Where the parameter of Yeo and Johnson's transform is looked for.
const LAMBDAS: [f64; 2] = [-4., 6.];
/// How much further than the training targets predictions may reach, as a share of the range of these.
const MARGIN: f64 = 0.1;

/// A monotone function of a target that a network learns in its place.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Transform {
    /// log(y), of targets above 0.
    Log,
    /// The power transform of Yeo and Johnson (2000, "A new family of power transformations to improve
    /// normality or symmetry"), as scikit-learn's `PowerTransformer` has it:
    ///
    /// ```text
    /// y >= 0: ((1 + y)^lambda - 1) / lambda,                   log(1 + y)  where lambda is 0
    /// y < 0:  -((1 - y)^(2 - lambda) - 1) / (2 - lambda),      -log(1 - y) where lambda is 2
    /// ```
    YeoJohnson {
        /// The power; 1 leaves y as it is.
        lambda: f64,
    },
}

impl Transform {
    /// The transform of Yeo and Johnson whose lambda makes `values` most likely as numbers of a normal
    /// distribution; none where they are constant, or where lambda is so extreme that digits of them are
    /// lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use taper::data::Transform;
    ///
    /// let salaries = [67.5, 90., 110., 150., 250., 475., 500., 750., 1100., 2460.];
    /// let Some(Transform::YeoJohnson { lambda }) = Transform::yeo_johnson(&salaries) else { panic!() };
    /// assert!(lambda.abs() < 0.2, "almost the logarithm, {lambda}");
    /// ```
    pub fn yeo_johnson(values: &[f64]) -> Option<Self> {
        let every = values.len().div_ceil(MOST_VALUES).max(1);
        let logs: Vec<f64> = values.iter().step_by(every).map(|y| y.signum() * y.abs().ln_1p()).collect();
        let sum: f64 = logs.iter().sum();
        let likelihood = |lambda: f64| {
            let variance = logs.iter().map(|log| power(*log, lambda)).collect::<Moments>().std().powi(2);
            (lambda - 1.) * sum - logs.len() as f64 / 2. * variance.ln()
        };
        let found = Self::YeoJohnson { lambda: highest(LAMBDAS, likelihood) };
        let moments: Moments = values.iter().copied().collect();
        let is_exact = |y: &f64| (found.invert(found.apply(*y)) - y).abs() <= 1e-6 * moments.std();
        (moments.std() > 0. && values.iter().all(is_exact)).then_some(found)
    }

    /// The transformed `y`; NaN where it has none.
    pub fn apply(self, y: f64) -> f64 {
        match self {
            Self::Log => y.ln(),
            Self::YeoJohnson { lambda } => power(y.signum() * y.abs().ln_1p(), lambda),
        }
    }

    /// The number that is transformed to `z`; an infinite one where none is.
    pub fn invert(self, z: f64) -> f64 {
        match self {
            Self::Log => z.exp(),
            Self::YeoJohnson { lambda } if z < 0. => -root(-z, 2. - lambda),
            Self::YeoJohnson { lambda } => root(z, lambda),
        }
    }
}

/// Of a y with this log(1 + |y|), of the sign of y, its transform.
fn power(log: f64, lambda: f64) -> f64 {
    let of = |log: f64, lambda: f64| if lambda == 0. { log } else { (lambda * log).exp_m1() / lambda };
    if log < 0. { -of(-log, 2. - lambda) } else { of(log, lambda) }
}

/// The y of 0 or more whose transform is `z`.
fn root(z: f64, lambda: f64) -> f64 {
    if lambda == 0. || z.is_nan() {
        return z.exp_m1();
    }
    // Of a negative lambda no transform is above -1 / lambda.
    ((lambda * z).max(-1.).ln_1p() / lambda).exp_m1()
}

/// Where `f`, which rises and then falls, is highest: golden section search.
fn highest([mut low, mut high]: [f64; 2], f: impl Fn(f64) -> f64) -> f64 {
    let ratio = (5f64.sqrt() - 1.) / 2.;
    let inner = |low: f64, high: f64| [high - ratio * (high - low), low + ratio * (high - low)];
    let [mut left, mut right] = inner(low, high);
    let (mut at_left, mut at_right) = (f(left), f(right));
    while high - low > 1e-9 {
        if at_left >= at_right {
            (high, right, at_right) = (right, left, at_left);
            left = inner(low, high)[0];
            at_left = f(left);
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = inner(low, high)[1];
            at_right = f(right);
        }
    }
    f64::midpoint(low, high)
}

/// The skewness of `values`, the mean of the cubes of their distances from the mean in standard deviations;
/// 0 of constant ones.
pub(crate) fn skewness(values: &[f64]) -> f64 {
    let moments: Moments = values.iter().copied().collect();
    let (mean, std) = (moments.mean(), moments.std());
    if std > 0. {
        values.iter().map(|y| ((y - mean) / std).powi(3)).sum::<f64>() / values.len() as f64
    } else {
        0.
    }
}

/// A transform with the range to which what is inverted is limited.
///
/// A network's output a little beyond those that it was trained for is harmless, but not its exponential. So
/// predictions reach no further than the training targets do, and a tenth of the range of these.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limited {
    pub(crate) transform: Transform,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Limited {
    /// Limits `transform` to the reach of `values`.
    pub(crate) fn new(transform: Transform, values: &[f64]) -> Self {
        let [low, high] = range(values);
        let margin = MARGIN * (high - low);
        Self { transform, low: low - margin, high: high + margin }
    }

    /// The number that is transformed to `z`, or the nearest within the limits; NaN of NaN.
    pub(crate) fn invert(&self, z: f64) -> f64 {
        self.transform.invert(z).clamp(self.low, self.high)
    }

    /// Whether it can be used.
    pub(crate) fn is_sound(&self) -> bool {
        let is_finite = match self.transform {
            Transform::Log => true,
            Transform::YeoJohnson { lambda } => lambda.is_finite(),
        };
        is_finite && self.low.is_finite() && self.high.is_finite() && self.low <= self.high
    }
}

/// The least and the largest of `values`; infinity and -infinity of none.
pub(super) fn range(values: &[f64]) -> [f64; 2] {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    [low, values.iter().copied().fold(f64::NEG_INFINITY, f64::max)]
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALARIES: [f64; 16] =
        [67.5, 75., 90., 110., 150., 190., 250., 300., 475., 480., 500., 750., 815., 1100., 1925., 2460.];
    const OF_BOTH_SIGNS: [f64; 12] = [-3.2, -1.5, -0.4, 0., 0.3, 0.7, 1.1, 2.5, 4., 9.5, 17., 33.];

    fn largest(found: impl Iterator<Item = f64>, expected: &[f64]) -> f64 {
        let difference = |(found, expected): (f64, &f64)| (found - expected).abs() / expected.abs().max(1.);
        found.zip(expected).map(difference).fold(0., |largest, d| if d <= largest { largest } else { d })
    }

    /// `scipy.stats.yeojohnson` 1.17.1 of numbers of both signs, each lambda in turn.
    #[test]
    fn transforms_are_those_of_scipy() {
        for (lambda, expected) in [
            (
                0.,
                [
                    -8.32,
                    -2.625,
                    -0.48,
                    0.,
                    0.262_364_264_467_491_06,
                    0.530_628_251_062_170_4,
                    0.741_937_344_729_377_3,
                    1.252_762_968_495_368,
                    1.609_437_912_434_100_3,
                    2.351_375_257_163_477_6,
                    2.890_371_757_896_164_5,
                    3.526_360_524_616_161_6,
                ],
            ),
            (
                2.,
                [
                    -1.435_084_525_289_322_7,
                    -0.916_290_731_874_155_1,
                    -0.336_472_236_621_212_95,
                    0.,
                    0.345,
                    0.945,
                    1.705,
                    5.625,
                    12.,
                    54.625,
                    161.5,
                    577.5,
                ],
            ),
            (
                -0.7,
                [
                    -17.470_224_034_775_207,
                    -4.025_797_412_803_091,
                    -0.548_347_009_367_148_3,
                    0.,
                    0.239_681_594_896_123_34,
                    0.443_227_794_728_956_35,
                    0.578_709_345_074_365_4,
                    0.834_204_921_134_250_8,
                    0.965_526_686_659_210_7,
                    1.153_104_510_191_714_6,
                    1.239_680_454_397_107_8,
                    1.307_548_761_927_418_6,
                ],
            ),
            (1., OF_BOTH_SIGNS),
        ] {
            let transform = Transform::YeoJohnson { lambda };
            let found = OF_BOTH_SIGNS.iter().map(|y| transform.apply(*y));
            let back = OF_BOTH_SIGNS.iter().map(|y| transform.invert(transform.apply(*y)));
            let (there, back) = (largest(found, &expected), largest(back, &OF_BOTH_SIGNS));
            println!("lambda {lambda}: largest difference {there:e}, there and back {back:e}");
            assert!(there <= 1e-14 && back <= 1e-13);
        }
        let logs = SALARIES.iter().map(|y| Transform::Log.invert(Transform::Log.apply(*y)));
        assert!(largest(logs, &SALARIES) <= 1e-13);
    }

    /// `PowerTransformer().fit(y).lambdas_` of scikit-learn 1.9.1, which `scipy.stats.yeojohnson` agrees
    /// with.
    #[test]
    fn lambda_is_that_of_scikit_learn() {
        let mirrored = SALARIES.map(|y| -y / 100.);
        for (values, expected) in [
            (&SALARIES[..], -0.076_684_294_098_787_91),
            (&OF_BOTH_SIGNS, 0.380_448_583_496_182_77),
            (&mirrored, 2.315_931_551_116_39),
        ] {
            let Some(Transform::YeoJohnson { lambda }) = Transform::yeo_johnson(values) else {
                panic!("none of {values:?}")
            };
            println!("lambda {lambda}, scikit-learn's is {expected}");
            assert!((lambda - expected).abs() <= 1e-7);
        }
    }

    #[test]
    fn constant_values_have_no_transform_nor_those_whose_digits_it_would_lose() {
        assert_eq!(Transform::yeo_johnson(&[3.; 9]), None);
        assert_eq!(Transform::yeo_johnson(&[]), None);
        // Of a lambda of -4 their transforms differ in the 30th digit.
        let far: Vec<_> = (0..20).map(|i| 1e9 + 1.5f64.powi(i)).collect();
        assert_eq!(Transform::yeo_johnson(&far), None);
    }

    #[test]
    fn skewness_is_scipys() {
        let difference = (skewness(&SALARIES) - 1.637_209_160_574_887_7).abs();
        println!("largest difference {difference:e}");
        assert!(difference <= 1e-13);
        assert_eq!((skewness(&[2.; 4]), skewness(&[])), (0., 0.));
    }

    #[test]
    fn what_is_inverted_stays_within_reach() {
        for transform in [Transform::Log, Transform::YeoJohnson { lambda: -0.5 }] {
            let limited = Limited::new(transform, &[1., 11., 5.]);
            assert!(limited.is_sound());
            let far = [-1e9, 1.9999, 2.1, 1e9].map(|z| limited.invert(z));
            assert!(far[3] == 12. && (0. ..1e-300).contains(&far[0].max(0.)), "{far:?}");
            assert!((limited.invert(transform.apply(4.)) - 4.).abs() <= 1e-14);
            assert!(limited.invert(f64::NAN).is_nan());
        }
        let broken = [(f64::NAN, 0., 1.), (1., 1., 0.), (1., 0., f64::INFINITY)];
        let broken = broken.map(|(lambda, low, high)| {
            Limited { transform: Transform::YeoJohnson { lambda }, low, high }.is_sound()
        });
        assert_eq!(broken, [false; 3]);
        let mirrored = Limited::new(Transform::YeoJohnson { lambda: 3. }, &[-11., -1.]);
        assert_eq!([-1e9, 1e9].map(|z| mirrored.invert(z)), [-12., 0.]);
    }
}
