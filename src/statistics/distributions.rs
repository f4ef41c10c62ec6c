//! The distributions of test statistics where there is no difference, by `statrs`.
//!
//! A parameter for which there is no such distribution gives NaN; callers refuse these before.

use statrs::distribution::{ChiSquared, ContinuousCDF, FisherSnedecor, Normal, StudentsT};

/// The probability that Student's T of these degrees of freedom is at most `t`.
pub(super) fn student(t: f64, freedom: f64) -> f64 {
    StudentsT::new(0., 1., freedom).map_or(f64::NAN, |student| student.cdf(t))
}

/// The probability that Student's T of these degrees of freedom is as far from 0 as `t` or farther.
pub(super) fn student_beyond(t: f64, freedom: f64) -> f64 {
    // The tail itself: 1 - cdf would have no digits left where it is small.
    2. * student(-t.abs(), freedom)
}

/// The probability that Fisher's F of these degrees of freedom is at least `f`.
pub(super) fn fisher_above(f: f64, freedom: [f64; 2]) -> f64 {
    FisherSnedecor::new(freedom[0], freedom[1]).map_or(f64::NAN, |fisher| fisher.sf(f))
}

/// The probability that chi-squared of these degrees of freedom is at least `x`.
pub(super) fn chi_squared_above(x: f64, freedom: f64) -> f64 {
    ChiSquared::new(freedom).map_or(f64::NAN, |chi_squared| chi_squared.sf(x))
}

/// The probability that a standard normal number is at most `z`.
pub(super) fn normal(z: f64) -> f64 {
    Normal::new(0., 1.).map_or(f64::NAN, |normal| normal.cdf(z))
}

/// The density of the standard normal distribution.
pub(super) fn normal_density(z: f64) -> f64 {
    (-z * z / 2.).exp() / std::f64::consts::TAU.sqrt()
}
