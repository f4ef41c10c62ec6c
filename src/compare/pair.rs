//! Two arms beside each other.

use serde::Serialize;

use super::difference::Difference;
use super::measurements::Measurements;
use super::rules::Rules;
use crate::error::Result;
use crate::statistics::holm;

/// Two arms beside each other, whichever the reference is. The numbers are as of [`Difference`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pair {
    /// The two arms.
    pub arms: [String; 2],
    /// The error of the second over that of the first.
    pub ratio: f64,
    /// Its interval.
    pub interval: [f64; 2],
    /// The probability that the second is better.
    pub better: f64,
    /// The p-value.
    pub p: f64,
    /// The p-value that allows for all pairs, by Holm's procedure.
    pub p_holm: f64,
}

/// All pairs of arms.
///
/// They are more than the comparisons with the reference, and so p-values that allow for all of them are
/// larger: what is asked of one arm is better asked with it as the reference.
pub(super) fn pairs(measured: &Measurements, rules: &Rules) -> Result<Vec<Pair>> {
    let arms = measured.arms.len();
    let both = (0..arms).flat_map(|first| (first + 1..arms).map(move |second| [first, second]));
    let pair = |[first, second]: [usize; 2]| {
        let Difference { arm, ratio, interval, better, p, .. } =
            Difference::new(measured, second, &Rules { reference: first, ..*rules })?;
        let arms = [measured.arms[first].name.clone(), arm];
        Ok(Pair { arms, ratio, interval, better, p, p_holm: p })
    };
    let mut pairs = both.map(pair).collect::<Result<Vec<_>>>()?;
    let adjusted = holm(&pairs.iter().map(|pair| pair.p).collect::<Vec<_>>());
    for (pair, p) in pairs.iter_mut().zip(adjusted) {
        pair.p_holm = p;
    }
    Ok(pairs)
}
