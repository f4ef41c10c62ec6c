//! Comparisons of learners: what was measured of several *arms* on one data set or more, and what that says.
//!
//! An arm is one way to learn. All arms have the same folds of the same data sets, and the same seeds, so
//! that their errors can be compared fold by fold. Differences are logarithms of ratios of errors: they have
//! no unit, a tenth less on one data set weighs as much as a tenth less on another, and their mean is the
//! logarithm of a geometric mean.
//!
//! [`Measurements`] say what was measured, [`Rules`] what is asked, both of which are best written down
//! before the first run; [`compare`](compare()) answers. [`of_runs`] takes the measurements from folders of
//! runs.

mod answer;
mod arms;
mod comparison;
mod difference;
mod measured_run;
mod measurements;
mod metric;
mod pair;
mod pairing;
mod rules;
mod runs;
mod scores;
mod tables;
mod wording;

use crate::error::{Error, Result};
use crate::statistics::{critical_difference, friedman, holm, least_sets};
use answer::answer;
use pair::pairs;

pub use comparison::Comparison;
pub(crate) use difference::FEW_SETS;
pub use difference::{Difference, SetDifference, Verdict};
pub use measured_run::NamedRuns;
pub use measurements::{Arm, DataSet, Measurements};
pub use metric::Metric;
pub use pair::Pair;
pub use rules::Rules;
pub use runs::of_runs;
pub use scores::Score;
pub use tables::of_tables;
pub(crate) use wording::{p_value, probability, round_percent, signed};

/// The most arms of which all pairs are compared.
const MOST_IN_PAIRS: usize = 20;

/// Compares the arms of `measured` with the reference.
///
/// On one data set each arm is compared with the reference by the corrected t-test and the Bayesian one
/// ([`Resampled`](crate::statistics::Resampled)), over several by the signed-rank test and a bootstrap, one
/// number for each of them. Holm's procedure allows for the number of arms. The result is a function of its
/// arguments: an arm does not change what is said of another but through Holm's procedure and the ranks.
///
/// # Errors
///
/// Fails with [`Error::Statistics`] for measurements that [cannot be compared](Measurements::check), and for
/// rules that do not fit them.
///
/// # Examples
///
/// ```
/// use taper::compare::{Arm, DataSet, Measurements, Rules, Verdict, compare};
///
/// let arm = |name: &str, errors: [f64; 5]| Arm {
///     name: name.to_owned(),
///     settings: Default::default(),
///     sources: Vec::new(),
///     errors: vec![errors.to_vec()],
/// };
/// let measured = Measurements {
///     metric: "rmse".to_owned(),
///     sets: vec![DataSet::new("houses", Some(500), 5, 1)],
///     arms: vec![arm("plain", [1., 1.1, 0.9, 1.2, 1.]), arm("deep", [0.91, 1.02, 0.82, 1.08, 0.9])],
/// };
/// let comparison = compare(&measured, &Rules::default())?;
/// assert_eq!(comparison.differences[0].verdict, Verdict::Less);
/// assert!(comparison.answer.starts_with("deep errs 9.0 % less than plain, 95 % interval"));
/// # Ok::<(), taper::Error>(())
/// ```
pub fn compare(measured: &Measurements, rules: &Rules) -> Result<Comparison> {
    measured.check()?;
    let Some(reference) = measured.arms.get(rules.reference) else {
        let problem =
            format!("the reference is arm {} of {}, counted from 0", rules.reference, measured.arms.len());
        return Err(Error::Statistics(problem));
    };
    if !(rules.rope >= 0. && rules.rope < 1.) {
        return Err(Error::config("rope", format!("is {}, expected 0 or more and below 1", rules.rope)));
    }
    if !(rules.level > 0.5 && rules.level < 1.) {
        return Err(Error::config("level", format!("is {}, expected above 0.5 and below 1", rules.level)));
    }
    let others = (0..measured.arms.len()).filter(|arm| *arm != rules.reference);
    let mut differences =
        others.map(|arm| Difference::new(measured, arm, rules)).collect::<Result<Vec<_>>>()?;
    let family = holm(&differences.iter().map(|difference| difference.p).collect::<Vec<_>>());
    for (difference, p) in differences.iter_mut().zip(family) {
        difference.judge(p, rules);
    }
    let (sets, arms) = (measured.sets.len(), measured.arms.len());
    let ranked = sets > 1 && arms > 2;
    let mut comparison = Comparison {
        answer: String::new(),
        metric: measured.metric.clone(),
        reference: reference.name.clone(),
        rope: rules.rope,
        level: rules.level,
        sets: measured.sets.clone(),
        arms: measured.arms.clone(),
        friedman: ranked.then(|| friedman(&measured.log_errors())).transpose()?,
        critical_difference: ranked.then(|| critical_difference(arms, sets, rules.level)).transpose()?,
        warnings: warnings(measured, differences.len(), rules.level),
        // Of many arms there are too many to read, and each takes a bootstrap.
        pairs: if (3..=MOST_IN_PAIRS).contains(&arms) { pairs(measured, rules)? } else { Vec::new() },
        differences,
    };
    comparison.answer = answer(&comparison);
    Ok(comparison)
}

/// What limits the answer.
fn warnings(measured: &Measurements, comparisons: usize, level: f64) -> Vec<String> {
    let mut warnings = Vec::new();
    let (sets, least) = (measured.sets.len(), least_sets(comparisons, level));
    if sets > 1 && sets < least {
        let of =
            if comparisons == 1 { "a comparison".to_owned() } else { format!("{comparisons} comparisons") };
        warnings.push(format!(
            "{sets} data sets are too few for the signed-rank test to find anything in {of}; from {least} on it can"
        ));
    }
    let is_single = |set: &&DataSet| set.repeats == 1 && set.folds < 10;
    if let Some(set) = measured.sets.iter().find(is_single).filter(|_| sets == 1) {
        warnings.push(format!(
            "{} folds see little; 10 folds with 3 repetitions see smaller differences",
            set.folds
        ));
    }
    warnings
}
