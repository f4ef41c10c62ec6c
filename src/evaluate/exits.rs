//! Where the rows of a network that learns its depths exit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::metrics::spearman;
use crate::plan::{Exits, Predictor};

/// Where rows exit from a network with [`Halting`](crate::nn::Halting).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExitReport {
    /// The mean of the depths at which rows exit.
    pub mean_depth: f64,
    /// The share of the rows that exit at each depth.
    pub shares: BTreeMap<usize, f64>,
    /// The mean entropy of the probabilities of stopping at each depth, in nats: 0 where the network is sure,
    /// and the logarithm of the number of depths where all are as probable.
    pub entropy: f64,
    /// The mean floating-point operations of the prediction of a row down to its exit.
    pub flops: f64,
    /// Those of a row that goes through all depths.
    pub flops_of_all: f64,
    /// The rank correlation of the exits with the size of the errors, the mean over the targets; none where
    /// all rows exit at one depth.
    pub spearman: Option<f64>,
}

impl ExitReport {
    /// A statistic of every number that some reports have, each of the networks of one shape.
    pub(crate) fn over(reports: &[&Self], statistic: fn(&[f64]) -> f64) -> Option<Self> {
        let first = reports.first()?;
        let of = |number: &dyn Fn(&Self) -> f64| {
            statistic(&reports.iter().map(|report| number(report)).collect::<Vec<_>>())
        };
        let share = |depth: usize| of(&|report| report.shares.get(&depth).copied().unwrap_or(0.));
        // None that is known of some of them alone.
        let correlations: Option<Vec<_>> = reports.iter().map(|report| report.spearman).collect();
        Some(Self {
            mean_depth: of(&|report| report.mean_depth),
            shares: first.shares.keys().map(|&depth| (depth, share(depth))).collect(),
            entropy: of(&|report| report.entropy),
            flops: of(&|report| report.flops),
            flops_of_all: of(&|report| report.flops_of_all),
            spearman: correlations.map(|correlations| statistic(&correlations)),
        })
    }
}

/// The exits of rows that are predicted one after the other.
#[derive(Debug)]
pub(crate) struct KeptExits {
    /// The floating-point operations down to each depth.
    flops: BTreeMap<usize, u64>,
    depths: Vec<f64>,
    entropy: f64,
    /// Of each target the sizes of the errors.
    errors: Vec<Vec<f64>>,
}

impl KeptExits {
    /// None if the network of `predictor` does not learn its depths.
    pub(crate) fn new(predictor: &Predictor, targets: usize) -> candle_core::Result<Option<Self>> {
        let flops = predictor.flops_by_depth()?;
        Ok(predictor.has_exits().then(|| Self {
            flops,
            depths: Vec::new(),
            entropy: 0.,
            errors: vec![Vec::new(); targets],
        }))
    }

    /// Adds the row number `row` of `exits`.
    pub(crate) fn push(&mut self, exits: &Exits, row: usize, truth: &[f64], mean: &[f64]) {
        let depths = self.flops.len();
        let entropy = |p: &f64| if *p > 0. { -p * p.ln() } else { 0. };
        self.depths.push(exits.depths[row] as f64);
        self.entropy += exits.probabilities[row * depths..][..depths].iter().map(entropy).sum::<f64>();
        for ((errors, truth), mean) in self.errors.iter_mut().zip(truth).zip(mean) {
            errors.push((truth - mean).abs());
        }
    }

    pub(crate) fn report(&self) -> ExitReport {
        let rows = self.depths.len() as f64;
        // Counted first: a sum of shares would collect the rounding of every row.
        let mut counts: BTreeMap<_, f64> = self.flops.keys().map(|&depth| (depth, 0.)).collect();
        for exit in &self.depths {
            #[allow(clippy::cast_sign_loss, reason = "it is a depth")]
            let depth = *exit as usize;
            *counts.entry(depth).or_default() += 1.;
        }
        let shares: BTreeMap<_, _> = counts.into_iter().map(|(depth, count)| (depth, count / rows)).collect();
        let flops_at = |depth| self.flops.get(depth).copied().unwrap_or(0) as f64;
        let flops = shares.iter().map(|(depth, share)| share * flops_at(depth)).sum();
        let of_targets: Option<Vec<_>> =
            self.errors.iter().map(|errors| spearman(&self.depths, errors)).collect();
        ExitReport {
            mean_depth: self.depths.iter().sum::<f64>() / rows,
            shares,
            entropy: self.entropy / rows,
            flops,
            flops_of_all: self.flops.values().copied().max().unwrap_or(0) as f64,
            spearman: of_targets.map(|of_targets| crate::stats::mean(&of_targets)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_counts_divided_by_the_rows() {
        let rows = 49_999;
        let kept = KeptExits {
            flops: [(1, 10), (2, 20), (3, 40)].into(),
            depths: (0..rows).map(|row| f64::from(if row % 7 < 4 { 1 } else { 3 })).collect(),
            entropy: 0.,
            errors: vec![vec![1.; 49_999]],
        };
        let ExitReport { shares, flops, mean_depth, .. } = kept.report();
        let deep = f64::from(rows / 7 * 3 + 1);
        let exact = [(1, (f64::from(rows) - deep) / f64::from(rows)), (2, 0.), (3, deep / f64::from(rows))];
        assert_eq!(shares, exact.into());
        let off = (shares.values().sum::<f64>() - 1.).abs();
        println!("shares are {off:e} off 1, mean depth {mean_depth}, {flops} operations");
        assert!(off <= 1e-12);
        assert!((flops - (exact[0].1 * 10. + exact[2].1 * 40.)).abs() <= 1e-12 * flops);
    }
}
