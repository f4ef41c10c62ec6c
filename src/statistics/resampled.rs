//! Differences of two learners in the folds of one data set.

use serde::Serialize;

use super::distributions::{student, student_beyond};
use super::test::{Test, check};
use crate::error::{Error, Result};
use crate::stats::{mean, sample_std, student_quantile};

/// The mean difference of two learners over the folds of a cross-validation, repeated or not, with a variance
/// that allows for the training rows which the folds share.
///
/// Of n differences with a sample variance s^2 the mean has the variance (1/n + q) s^2 with the number q of
/// test rows for each training row, 1/(k - 1) of k folds (Nadeau and Bengio 2003, "Inference for the
/// generalization error"; Bouckaert and Frank 2004 for repetitions). Each repetition must have another
/// partition and another seed, the same for both learners.
///
/// # Examples
///
/// ```
/// use taper::statistics::Resampled;
///
/// // Log ratios of errors in 5 folds.
/// let differences = Resampled::new(&[-0.031, -0.012, 0.004, -0.022, -0.018], 1. / 4.)?;
/// let test = differences.t_test();
/// assert!((test.statistic + 1.805_390).abs() < 1e-6 && (test.p - 0.145_324).abs() < 1e-6);
/// let posterior = differences.posterior(0.01);
/// assert!((posterior.below - 0.728_131).abs() < 1e-6);
/// # Ok::<(), taper::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Resampled {
    /// The mean difference.
    pub mean: f64,
    /// The sample standard deviation of the differences.
    pub std: f64,
    /// The number of differences, folds times repetitions.
    pub count: usize,
    /// The test rows for each training row.
    pub test_per_train: f64,
}

/// How probable it is that the mean difference is below, within or above a region around 0 in which it makes
/// no difference in practice.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Posterior {
    /// Below the region.
    pub below: f64,
    /// Within it.
    pub within: f64,
    /// Above it.
    pub above: f64,
}

impl Resampled {
    /// Sums up paired `differences`, with `test_per_train` test rows for each training row; 0 gives the plain
    /// paired t-test, which is right for independent differences only.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Statistics`] for fewer than two differences, and for numbers that are not finite.
    pub fn new(differences: &[f64], test_per_train: f64) -> Result<Self> {
        check(differences, 2, "differences")?;
        if !(test_per_train.is_finite() && test_per_train >= 0.) {
            let problem =
                format!("there are {test_per_train} test rows for each training row, expected 0 or more");
            return Err(Error::Statistics(problem));
        }
        Ok(Self {
            mean: mean(differences),
            std: sample_std(differences),
            count: differences.len(),
            test_per_train,
        })
    }

    /// The corrected standard error of the mean difference.
    pub fn standard_error(&self) -> f64 {
        (1. / self.count as f64 + self.test_per_train).sqrt() * self.std
    }

    /// Tests whether the mean difference is 0: the corrected resampled t-test of Nadeau and Bengio,
    /// two-sided, with n - 1 degrees of freedom. Without correction it is scipy's `ttest_1samp`.
    ///
    /// Differences that are all equal are certain: p is 0, or 1 where they are 0.
    pub fn t_test(&self) -> Test {
        let error = self.standard_error();
        if error == 0. {
            let statistic = if self.mean == 0. { 0. } else { self.mean.signum() * f64::INFINITY };
            return Test { statistic, p: if self.mean == 0. { 1. } else { 0. } };
        }
        let statistic = self.mean / error;
        Test { statistic, p: student_beyond(statistic, self.freedom() as f64) }
    }

    /// The interval around the mean difference that has this `level`, such as 0.95: both the confidence
    /// interval of the t-test and the central credible one of the posterior.
    pub fn interval(&self, level: f64) -> [f64; 2] {
        let half = self.quantile(f64::midpoint(1., level)) * self.standard_error();
        [self.mean - half, self.mean + half]
    }

    /// The posterior probabilities that the mean difference is below -`rope`, within ±`rope`, the region of
    /// practical equivalence, and above: the Bayesian correlated t-test (Corani and Benavoli 2015; Benavoli,
    /// Corani, Demsar and Zaffalon 2017, "Time for a change"), baycomp's `two_on_single`.
    ///
    /// The posterior is Student's distribution around the mean with the standard error as its scale. With a
    /// `rope` of 0 nothing is within, and `below` and `above` are the probabilities of either sign.
    pub fn posterior(&self, rope: f64) -> Posterior {
        let error = self.standard_error();
        if error == 0. {
            let [below, above] = [self.mean < -rope, self.mean > rope].map(f64::from);
            let within = 1. - below - above;
            // With no region an exact tie is half on either side, as in baycomp.
            let halves = Posterior { below: 0.5, within: 0., above: 0.5 };
            return if rope == 0. && within == 1. { halves } else { Posterior { below, within, above } };
        }
        let freedom = self.freedom() as f64;
        let below = student((-rope - self.mean) / error, freedom);
        let above = student((self.mean - rope) / error, freedom);
        Posterior { below, within: (1. - below - above).max(0.), above }
    }

    /// The smallest true mean difference that a study with this spread would find with the probability
    /// `power` in a two-sided test at `1 - level`.
    ///
    /// It is the sum of two quantiles of Student's distribution times the standard error, which for the
    /// noncentral distribution is an approximation, good to a few hundredths from 10 differences on. With a
    /// `power` of 0.5 it is the difference at which p is `1 - level`.
    pub fn detectable(&self, level: f64, power: f64) -> f64 {
        let beyond = if power >= 0.5 { self.quantile(power) } else { -self.quantile(1. - power) };
        (self.quantile(f64::midpoint(1., level)) + beyond).max(0.) * self.standard_error()
    }

    fn freedom(&self) -> usize {
        self.count - 1
    }

    /// The quantile of Student's distribution, of a level from 0.5.
    fn quantile(&self, level: f64) -> f64 {
        if level == 0.5 { 0. } else { student_quantile(level, self.freedom()) }
    }
}
