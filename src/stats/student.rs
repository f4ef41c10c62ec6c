//! Student's distribution.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// The quantile of this level, from 0.5 to below 1, of Student's distribution with a whole number of degrees
/// of freedom, infinite for 0 of them.
pub(crate) fn student_quantile(level: f64, freedom: usize) -> f64 {
    StudentsT::new(0., 1., freedom as f64).map_or(f64::INFINITY, |student| student.inverse_cdf(level))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy.stats.t.cdf(0.5, 4), .cdf(2, 4) and .ppf(0.975, n) of scipy 1.17.1.
    #[test]
    fn it_is_scipys() {
        let student = |t| StudentsT::new(0., 1., 4.).unwrap().cdf(t);
        let mut largest = 0f64;
        for (found, expected) in [
            (student(0.5), 0.678_335_018_4),
            (student(2.), 0.941_941_738_2),
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
