//! What several networks say together.

use super::{
    Curve, Dependence, Explain, Explained, Explanation, Grids, Importance, Interval, TargetExplanation,
};
use crate::stats::{mean, sample_std, student_quantile};

/// The most columns of a target with a curve.
const MOST_CURVES: usize = 6;

/// What the networks of `explained`, of which there is at least one, say about the targets of these `names`.
/// `test_per_train` is the number of rows that one was asked about for each that it was trained on.
pub(crate) fn combine(
    explain: &Explain,
    grids: &Grids,
    explained: &[Explained],
    names: &[String],
    test_per_train: f64,
) -> Explanation {
    let of_target = |(target, name): (usize, &String)| {
        let errors: Vec<_> = explained.iter().map(|of| of.errors[target]).collect();
        let mut order: Vec<(usize, Importance)> = Vec::new();
        for (i, column) in explain.columns.iter().enumerate() {
            let of: Vec<_> = explained.iter().map(|of| of.increases[i][target]).collect();
            let [increase, half] = interval(&of, test_per_train);
            let (low, high) = (increase - half, increase + half);
            order.push((i, Importance { column: column.name.clone(), increase, low, high }));
        }
        order.sort_by(|(_, a), (_, b)| b.increase.total_cmp(&a.increase));
        let drawn = order.iter().filter_map(|(column, _)| {
            let grid = grids.iter().nth(*column).filter(|grid| !grid.is_empty())?;
            let curves: Vec<_> = explained.iter().map(|of| &of.curves[*column][target]).collect();
            let Curve { mean, low, high } = together(&curves);
            Some(Dependence { column: grid.column.clone(), values: grid.values.clone(), mean, low, high })
        });
        let leading = drawn.take(MOST_CURVES);
        TargetExplanation {
            target: name.clone(),
            error: mean(&errors),
            dependence: leading.collect(),
            columns: order.into_iter().map(|(_, importance)| importance).collect(),
        }
    };
    Explanation {
        error: explain.error,
        repeats: explain.repeats,
        networks: explained.len(),
        interval: if explained.len() > 1 { Interval::CorrectedStudent } else { Interval::Shuffles },
        targets: names.iter().enumerate().map(of_target).collect(),
    }
}

/// The mean increase of networks that have these means and standard deviations, and half the length of its
/// interval.
///
/// Of n networks with a variance s^2 it is t sqrt((1/n + test / train) s^2), with the quantile t of Student's
/// distribution of n - 1 degrees of freedom: without the second term the interval is far too short, since the
/// networks share most of their training rows.
fn interval(networks: &[[f64; 2]], test_per_train: f64) -> [f64; 2] {
    if let [[increase, deviation]] = networks {
        return [*increase, *deviation];
    }
    let increases: Vec<_> = networks.iter().map(|[increase, _]| *increase).collect();
    let n = increases.len();
    let error = (1. / n as f64 + test_per_train).sqrt() * sample_std(&increases);
    [mean(&increases), student_quantile(0.975, n.saturating_sub(1)) * error]
}

/// The curve of one network, or of several their mean, the least and the most at each value.
fn together(curves: &[&Curve]) -> Curve {
    if let [curve] = curves {
        return (*curve).clone();
    }
    let values = curves.first().map_or(0, |curve| curve.mean.len());
    let at = |value: usize| curves.iter().map(move |curve| curve.mean[value]);
    let each = |statistic: &dyn Fn(usize) -> f64| (0..values).map(statistic).collect();
    Curve {
        mean: each(&|value| mean(&at(value).collect::<Vec<_>>())),
        low: each(&|value| at(value).fold(f64::INFINITY, f64::min)),
        high: each(&|value| at(value).fold(f64::NEG_INFINITY, f64::max)),
    }
}
