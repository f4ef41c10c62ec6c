//! The answer in a sentence.

use super::comparison::Comparison;
use super::difference::{Difference, Verdict};
use super::wording::{change, interval, p_value, percent, probability, round_percent};
use crate::statistics::least_sets;

/// The answer of a comparison, in a sentence or two.
pub(super) fn answer(comparison: &Comparison) -> String {
    let differences = &comparison.differences;
    let lowest = |only: Option<Verdict>| {
        let of = differences.iter().filter(|difference| only.is_none_or(|only| difference.verdict == only));
        of.min_by(|a, b| a.ratio.total_cmp(&b.ratio))
    };
    let Some(leader) = lowest(Some(Verdict::Less)).or_else(|| lowest(None)) else { return String::new() };
    let sentence = sentence(comparison, leader);
    match differences.len() {
        1 => sentence,
        n if leader.verdict == Verdict::Less => {
            let less = differences.iter().filter(|difference| difference.verdict == Verdict::Less).count();
            format!("{sentence}; {less} of {n} arms {} less", if less == 1 { "errs" } else { "err" })
        }
        n => format!("None of {n} arms is known to err less than {}. {sentence}", comparison.reference),
    }
}

fn sentence(comparison: &Comparison, difference: &Difference) -> String {
    let (arm, reference) = (&difference.arm, &comparison.reference);
    let sets = comparison.sets.len();
    let over = if sets == 1 { String::new() } else { format!(" over {sets} data sets") };
    let size = change(difference.ratio);
    let level = format!("{} % interval", round_percent(comparison.level));
    let interval = interval(difference.interval);
    match difference.verdict {
        Verdict::Less | Verdict::More => format!(
            "{arm} errs {size} than {reference}{over}, {level} {interval}, probability of being better {}",
            probability(difference.better)
        ),
        Verdict::Equal => format!(
            "{arm} and {reference} err alike{over}: the difference is {size}, {level} {interval}, within the {} % that count \
             as none",
            round_percent(comparison.rope)
        ),
        Verdict::Open => {
            let p = if comparison.differences.len() > 1 { "adjusted p" } else { "p" };
            let least = least_sets(comparison.differences.len(), comparison.level);
            let seen = if sets > 1 && sets < least {
                format!("{sets} data sets are too few to tell, expected at least {least}")
            } else {
                format!(
                    "a difference of {} % would have been seen in four of five such studies, and more data sets would show \
                     more than more seeds",
                    percent(difference.detectable)
                )
            };
            format!(
                "Whether {arm} or {reference} errs less{over} is open: {arm} errs {size}, {level} {interval}, {p} {}; {seen}",
                p_value(difference.p_holm)
            )
        }
    }
}
