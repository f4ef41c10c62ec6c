//! An arm beside the reference.

use serde::Serialize;

use super::measurements::{DataSet, Measurements};
use super::rules::Rules;
use crate::error::Result;
use crate::statistics::{Bootstrap, FiveByTwo, Posterior, Resampled, Wilcoxon, five_by_two, wilcoxon};
use crate::stats::mean;

/// How often a difference of the size that is called detectable is found.
pub(super) const POWER: f64 = 0.8;

/// Of fewer data sets the intervals of the bootstrap are too short.
pub(crate) const FEW_SETS: usize = 10;

/// An arm beside the reference, over all data sets.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The arm.
    pub arm: String,
    /// Its error over that of the reference, the geometric mean over folds and data sets: below 1 is better.
    pub ratio: f64,
    /// The interval of the ratio: of one data set that of the corrected t-test, of ten or more that of the
    /// bootstrap, which is too short for fewer, and of these that of the t-test over the data sets.
    pub interval: [f64; 2],
    /// The probability of being better: of one data set the posterior probability of a lower mean error
    /// there, of several the probability of a lower error in a fold of a data set.
    pub better: f64,
    /// The p-value: of one data set that of the corrected t-test, of several that of the signed-rank test.
    pub p: f64,
    /// The p-value that allows for all comparisons with the reference, by Holm's procedure.
    pub p_holm: f64,
    /// By which share the error of the arm would have to differ for the study to find it in four of five
    /// cases.
    pub detectable: f64,
    /// What follows.
    pub verdict: Verdict,
    /// The signed-rank test over the data sets, if there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wilcoxon: Option<Wilcoxon>,
    /// The bootstrap over data sets and folds, of log ratios, if there are several data sets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bootstrap: Option<Bootstrap>,
    /// The number of data sets on which the mean error is lower.
    pub wins: usize,
    /// The number of data sets on which it is equal.
    pub ties: usize,
    /// The differences on each data set.
    pub sets: Vec<SetDifference>,
}

/// An arm beside the reference on one data set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SetDifference {
    /// The data set.
    pub set: String,
    /// The error of the arm over that of the reference, the geometric mean over the folds.
    pub ratio: f64,
    /// Its corrected interval.
    pub interval: [f64; 2],
    /// The statistic of the corrected t-test.
    pub t: f64,
    /// Its p-value.
    pub p: f64,
    /// The p-value of the plain paired t-test, which is wrong, to be seen beside the other.
    pub plain_p: f64,
    /// The posterior probabilities of a mean log ratio below, within and above the region of practical
    /// equivalence.
    pub posterior: Posterior,
    /// The posterior probability of a lower mean error, by however little.
    pub better: f64,
    /// By which share the errors would have to differ for these folds to find it in four of five cases.
    pub detectable: f64,
    /// The tests of five repetitions of two folds, where these are it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub five_by_two: Option<FiveByTwo>,
}

/// What follows for an arm beside the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It errs less.
    Less,
    /// It errs more.
    More,
    /// The difference is within the region of practical equivalence.
    Equal,
    /// The study cannot tell.
    Open,
}

impl SetDifference {
    /// Of the data set `set`, with these log ratios of the errors.
    fn new(set: &DataSet, log_ratios: &[f64], rules: &Rules) -> Result<Self> {
        let found = Resampled::new(log_ratios, set.test_per_train)?;
        let test = found.t_test();
        let pairs = log_ratios.as_chunks::<2>().0;
        let is_five_by_two = set.folds == 2 && set.repeats == 5;
        let five = <&[[f64; 2]; 5]>::try_from(pairs).ok().filter(|_| is_five_by_two);
        Ok(Self {
            set: set.name.clone(),
            ratio: found.mean.exp(),
            interval: found.interval(rules.level).map(f64::exp),
            t: test.statistic,
            p: test.p,
            plain_p: Resampled { test_per_train: 0., ..found }.t_test().p,
            posterior: found.posterior(rules.rope),
            better: found.posterior(0.).below,
            detectable: found.detectable(rules.level, POWER).exp_m1(),
            five_by_two: five.map(five_by_two).transpose()?,
        })
    }
}

impl Difference {
    /// Of `arm` beside the reference. The p-value of the family is that of the arm alone, and the verdict
    /// open, until [`judge`](Self::judge) knows the others.
    pub(super) fn new(measured: &Measurements, arm: usize, rules: &Rules) -> Result<Self> {
        let log_ratios: Vec<_> =
            (0..measured.sets.len()).map(|set| measured.log_ratios(set, arm, rules.reference)).collect();
        let sets =
            measured.sets.iter().zip(&log_ratios).map(|(set, all)| SetDifference::new(set, all, rules));
        let sets = sets.collect::<Result<Vec<_>>>()?;
        let means: Vec<_> = log_ratios.iter().map(|all| mean(all)).collect();
        let count = |is: fn(&f64) -> bool| means.iter().filter(|mean| is(mean)).count();
        let one = Self {
            arm: measured.arms[arm].name.clone(),
            ratio: sets[0].ratio,
            interval: sets[0].interval,
            better: sets[0].better,
            p: sets[0].p,
            p_holm: sets[0].p,
            detectable: sets[0].detectable,
            verdict: Verdict::Open,
            wilcoxon: None,
            bootstrap: None,
            wins: count(|mean| *mean < 0.),
            ties: count(|mean| *mean == 0.),
            sets,
        };
        if means.len() == 1 {
            return Ok(one);
        }
        let drawn = Bootstrap::new(&log_ratios, rules.level, rules.draws, rules.seed)?;
        let test = wilcoxon(&means)?;
        // Data sets share no rows.
        let over_sets = Resampled::new(&means, 0.)?;
        let is_drawn = means.len() >= FEW_SETS;
        let interval = if is_drawn { drawn.interval } else { over_sets.interval(rules.level) };
        Ok(Self {
            ratio: drawn.mean.exp(),
            interval: interval.map(f64::exp),
            better: drawn.better,
            bootstrap: Some(drawn),
            p: test.p,
            p_holm: test.p,
            detectable: over_sets.detectable(rules.level, POWER).exp_m1(),
            wilcoxon: Some(test),
            ..one
        })
    }

    /// Notes the p-value that allows for the other comparisons, and judges.
    pub(super) fn judge(&mut self, p_holm: f64, rules: &Rules) {
        self.p_holm = p_holm;
        let is_within = match self.sets.as_slice() {
            [one] => one.posterior.within >= rules.level,
            _ => self.interval.iter().all(|end| end.ln().abs() < rules.rope),
        };
        self.verdict = match () {
            () if is_within => Verdict::Equal,
            () if p_holm > 1. - rules.level => Verdict::Open,
            () if self.ratio < 1. => Verdict::Less,
            () => Verdict::More,
        };
    }
}
