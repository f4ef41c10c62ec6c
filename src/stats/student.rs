//! Student's distribution.

use std::f64::consts::PI;

/// The quantile of this level, from 0.5 to below 1, of Student's distribution with a whole number of degrees
/// of freedom, infinite for 0 of them.
pub(crate) fn student_quantile(level: f64, freedom: usize) -> f64 {
    if freedom == 0 {
        return f64::INFINITY;
    }
    let (mut low, mut high) = (0., 1.);
    while distribution(high, freedom) < level && high < f64::MAX / 2. {
        (low, high) = (high, 2. * high);
    }
    // Each step halves the interval, down to neighbouring numbers.
    for _ in 0..64 {
        let middle = f64::midpoint(low, high);
        if distribution(middle, freedom) < level { low = middle } else { high = middle }
    }
    high
}

/// The probability of being at most t >= 0.
///
/// With n degrees of freedom and the angle a = atan(t / sqrt(n)), |T| <= t has a probability that is a finite
/// sum of powers of cos a (Abramowitz and Stegun, 26.7.3 and 26.7.4).
fn distribution(t: f64, freedom: usize) -> f64 {
    let angle = (t / (freedom as f64).sqrt()).atan();
    let (sine, cosine) = angle.sin_cos();
    let is_odd = freedom % 2 == 1;
    let (mut term, mut k) = if is_odd { (cosine, 2.) } else { (1., 1.) };
    let mut sum = 0.;
    for _ in 0..freedom / 2 {
        sum += term;
        term *= cosine * cosine * k / (k + 1.);
        k += 2.;
    }
    let within = if is_odd { 2. / PI * (angle + sine * sum) } else { sine * sum };
    0.5 + within / 2.
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy.stats.t.cdf(0.5, 4), .cdf(2, 4) and .ppf(0.975, n) of scipy 1.17.1.
    #[test]
    fn it_is_scipys() {
        let mut largest = 0f64;
        for (found, expected) in [
            (distribution(0.5, 4), 0.678_335_018_4),
            (distribution(2., 4), 0.941_941_738_2),
            (student_quantile(0.975, 1), 12.706_204_736_2),
            (student_quantile(0.975, 2), 4.302_652_729_7),
            (student_quantile(0.975, 3), 3.182_446_305_3),
            (student_quantile(0.975, 4), 2.776_445_105_2),
            (student_quantile(0.975, 24), 2.063_898_561_6),
            (student_quantile(0.975, 99), 1.984_216_951_6),
        ] {
            let difference = (found / expected - 1.).abs();
            largest = if difference <= largest { largest } else { difference };
        }
        println!("largest difference {largest:e}");
        assert!(largest <= 1e-10, "{largest}");
        assert_eq!(student_quantile(0.975, 0), f64::INFINITY);
    }
}
